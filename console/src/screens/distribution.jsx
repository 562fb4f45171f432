// Distribution Detail: the preview, its run as it goes on, and what became of it.

import { useState } from 'preact/hooks';

import { count, meaningOf, reasonOf, rows, stateOf } from '../distribution_words.js';
import { useThing, useWatched } from '../loading.js';
import { isNegative, minus } from '../money.js';
import { Facts, Failed, Loaded, Money, Time, Title } from '../parts.jsx';
import { linkTo } from '../router.js';
import { may } from '../session.js';
import { BadRows, FailedRows, Rows, SpentRows } from './distribution_rows.jsx';
import { Steps } from './distribution_steps.jsx';

const IN_PROGRESS = new Set(['running', 'cancelling', 'undoing']);

export function DistributionDetail({ session, channel, distribution_id: id }) {
  const place = ['channels', channel, 'distributions', id];
  // In which state a step was sent that had no answer: it may still arrive.
  const [unsure, setUnsure] = useState(null);
  const watched = useWatched(place, ({ state }) => IN_PROGRESS.has(state) || state === unsure);
  const job = watched.value;
  return (
    <>
      <Title of={id}>Distribution Detail</Title>
      {!job && <Loaded of={watched} />}
      {job && watched.error && <Failed error={watched.error} again={watched.reload} />}
      {job && (
        <Known
          session={session}
          channel={channel}
          place={place}
          job={job}
          stillMs={watched.stillMs}
          onStep={watched.reload}
          onUnsure={() => setUnsure(job.state)}
        />
      )}
    </>
  );
}

function Known({ session, channel, place, job, ...steps }) {
  const isPreview = job.state === 'previewed';
  const source = useThing(
    isPreview ? ['channels', channel, 'accounts', job.source_user_pk, job.currency] : null,
  ).value;
  const mayStep = may(session, 'distributions');
  const again = linkTo([channel, 'distributions', 'new'], { source: job.source });
  return (
    <>
      <section aria-labelledby="state">
        <h2 id="state" tabIndex={-1}>
          {stateOf(job)}
        </h2>
        <p>{meaningOf(job)}</p>
        {IN_PROGRESS.has(job.state) && <Progress job={job} />}
        <p class="heard" aria-live="polite">
          {announced(job)}
        </p>
        <Facts facts={factsOf(channel, job, source)} />
        {isPreview && <Doubts job={job} source={source} again={mayStep && again} />}
        {mayStep && <Steps channel={channel} place={place} job={job} {...steps} />}
        {!mayStep && isPreview && <p class="empty">Your sign-in may not run distributions.</p>}
      </section>
      <div key={`${job.preview_id} ${job.state}`}>
        {job.failed_rows > 0 && <FailedRows channel={channel} place={place} job={job} />}
        {job.state === 'undone' && job.returned !== job.credited && (
          <SpentRows channel={channel} place={place} job={job} />
        )}
        {job.bad_rows > 0 && <BadRows channel={channel} place={place} job={job} />}
        <Rows channel={channel} place={place} job={job} isMoving={IN_PROGRESS.has(job.state)} />
      </div>
    </>
  );
}

function Progress({ job }) {
  const [done, of] = progressOf(job);
  return (
    <div class="progress">
      <progress aria-label="Rows that are done" max={of} value={done} />
      <span>
        {count(done)} of {rows(of)}
      </span>
    </div>
  );
}

/** Return how many rows are done, and of how many: of one at least, as a bar needs. */
function progressOf(job) {
  if (job.state === 'undoing') return [job.undone_rows, job.credited_rows || 1];
  return [job.credited_rows + job.failed_rows + job.cancelled_rows, job.rows_to_credit];
}

/** Return what is read out: a word at each quarter is enough. */
function announced(job) {
  if (!IN_PROGRESS.has(job.state)) return `${stateOf(job)}.`;
  const [done, of] = progressOf(job);
  return `${stateOf(job)}: ${Math.floor((4 * done) / of) * 25}% of the rows are done.`;
}

function factsOf(channel, job, source) {
  const money = (amount) => <Money amount={amount} currency={job.currency} />;
  const time = (at) => <Time at={at} />;
  const link = linkTo([channel, 'accounts', job.source_user_pk, job.currency]);
  return [
    ['Primary account', <a href={link}>{job.source}</a>],
    ['Total', <strong>{money(job.total)}</strong>],
    ['Rows in the file', count(job.rows)],
    ['Rows to credit', count(job.rows_to_credit)],
    ...(job.bad_rows ? [['Bad rows', count(job.bad_rows)]] : []),
    ...(job.accounts_to_open ? [['Accounts to open', count(job.accounts_to_open)]] : []),
    ...(job.state === 'previewed' ? forecastOf(job, source, money) : []),
    ...(job.started_at ? outcomeOf(job, money) : []),
    ['Uploaded', time(job.created_at)],
    ...(job.started_at ? [['Started', time(job.started_at)]] : []),
    ...(job.ended_at ? [['Ended', time(job.ended_at)]] : []),
  ];
}

/** What the account has is of this moment; until that is known, of the preview's. */
function forecastOf(job, source, money) {
  const available = source?.available ?? job.available;
  return [
    ['Available now', money(available)],
    ['Remains after it', money(minus(available, job.total))],
  ];
}

function outcomeOf(job, money) {
  const part = (amount, number) => [money(amount), ` in ${rows(number)}`];
  return [
    ['Credited', part(job.credited, job.credited_rows)],
    ...(job.waiting_rows ? [['Waiting', rows(job.waiting_rows)]] : []),
    ...(job.failed_rows ? [['Failed', rows(job.failed_rows)]] : []),
    ...(job.cancelled_rows ? [['Not credited', rows(job.cancelled_rows)]] : []),
    ...(IN_PROGRESS.has(job.state) ? [['In escrow', money(job.escrow)]] : []),
    ...(job.undone_rows ? [['Taken back', part(job.returned, job.undone_rows)]] : []),
    ...(job.state === 'undone'
      ? [['Stays with customers', money(minus(job.credited, job.returned))]]
      : []),
  ];
}

/** What to think of before it runs. */
function Doubts({ job, source, again }) {
  const reasons = Object.entries(job.bad_reasons).map(
    ([code, number]) => `${reasonOf(code)}: ${count(number)}`,
  );
  const lacks = source && isNegative(minus(source.available, job.total));
  return (
    <>
      {lacks && (
        <p class="notice unsure">
          {source.debit_card_allowed
            ? `This takes ${job.source} below zero.`
            : `${job.source} does not have enough, so a run would be refused. Credit it first.`}
        </p>
      )}
      {job.bad_rows > 0 && (
        <p class="notice unsure">
          <span>
            <strong>{rows(job.bad_rows)} cannot be credited.</strong> {reasons.join(', ')}.{' '}
            {job.bad_reasons.unknown_account > 0 &&
              !job.open_accounts &&
              'Missing accounts are opened if you say so when you upload. '}
            {again && <a href={again}>Upload a mended file</a>}
          </span>
        </p>
      )}
    </>
  );
}
