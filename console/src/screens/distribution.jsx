// Distribution Detail: the preview, its run as it goes on, and what became of every row.

import { useEffect, useState } from 'preact/hooks';

import { path, write } from '../api.js';
import { saveCsv } from '../csv.js';
import { readAll, useList, useThing } from '../loading.js';
import { shown } from '../money.js';
import { putAway, tell } from '../notices.js';
import { Confirm, Facts, Failed, Field, Loaded, Money, Table, Time, Title } from '../parts.jsx';
import { linkTo } from '../router.js';
import { may } from '../session.js';
import { stateOf } from './distributions.jsx';

const LOOK_MS = 1000;
const HIDDEN_LOOK_MS = 5000;
const STUCK_MS = 10_000;

const IN_PROGRESS = new Set(['running', 'cancelling', 'undoing']);

const OUTCOMES = {
  refused: 'Bad row',
  ready: 'Ready',
  waiting: 'Waiting',
  credited: 'Credited',
  failed: 'Failed',
  cancelled: 'Cancelled',
  undone: 'Undone',
};

export function DistributionDetail({ session, channel, distribution_id: id }) {
  const place = ['channels', channel, 'distributions', id];
  const job = useThing(place);
  useLooks(job);
  return (
    <>
      <Title of={id}>Distribution Detail</Title>
      <Loaded of={job}>
        {job.value && (
          <>
            <Figures channel={channel} job={job.value} />
            {may(session, 'distributions') && (
              <Steps place={place} job={job.value} onDone={job.reload} />
            )}
            <Rows channel={channel} place={place} job={job.value} />
          </>
        )}
      </Loaded>
    </>
  );
}

/** Look again and again while something goes on. */
function useLooks({ value, reload }) {
  useEffect(() => {
    if (!value || !IN_PROGRESS.has(value.state)) return undefined;
    const timer = setTimeout(reload, document.hidden ? HIDDEN_LOOK_MS : LOOK_MS);
    return () => clearTimeout(timer);
  }, [value]);
}

function Figures({ channel, job }) {
  const money = (amount) => <Money amount={amount} currency={job.currency} />;
  const source = linkTo([channel, 'accounts', job.source_user_pk, job.currency]);
  const ran = job.started_at !== null;
  const done = job.state.startsWith('undo')
    ? job.undone_rows
    : job.credited_rows + job.failed_rows + job.cancelled_rows;
  return (
    <section aria-labelledby="figures">
      <h2 id="figures">{stateOf(job)}</h2>
      {IN_PROGRESS.has(job.state) && (
        <progress aria-label="Rows that are done" max={job.rows_to_credit} value={done} />
      )}
      <Facts
        facts={[
          [
            'From',
            <a key="from" href={source}>
              {job.source}
            </a>,
          ],
          ['Rows', count(job.rows)],
          ['Rows to credit', count(job.rows_to_credit)],
          ['Rows that cannot be credited', badRows(job)],
          ['Total', <strong key="total">{money(job.total)}</strong>],
          ...(job.accounts_to_open ? [['Accounts to open', count(job.accounts_to_open)]] : []),
          ...(ran ? progressOf(job, money) : forecastOf(job, money)),
          ['Previewed', <Time key="made" at={job.created_at} />],
          ...(ran ? [['Begun', <Time key="begun" at={job.started_at} />]] : []),
          ...(job.ended_at ? [['Ended', <Time key="ended" at={job.ended_at} />]] : []),
        ]}
      />
    </section>
  );
}

function forecastOf(job, money) {
  return [
    [`Available on ${job.source}`, money(job.available)],
    [job.sufficient ? 'It will have left' : 'It does not have enough', money(job.remaining)],
  ];
}

function progressOf(job, money) {
  return [
    ['Credited', [count(job.credited_rows), ' rows, ', money(job.credited)]],
    ...(job.waiting_rows ? [['Waiting', `${count(job.waiting_rows)} rows`]] : []),
    ...(job.failed_rows ? [['Failed', `${count(job.failed_rows)} rows`]] : []),
    ...(job.cancelled_rows ? [['Cancelled', `${count(job.cancelled_rows)} rows`]] : []),
    ...(job.undone_rows
      ? [['Taken back', [money(job.returned), ` from ${count(job.undone_rows)} rows`]]]
      : []),
  ];
}

function badRows(job) {
  const reasons = Object.keys(job.bad_reasons)
    .sort()
    .map((code) => `${code.replaceAll('_', ' ')}: ${count(job.bad_reasons[code])}`);
  return reasons.length ? `${count(job.bad_rows)} (${reasons.join(', ')})` : count(job.bad_rows);
}

/**
 * What can be done with it. Each step is the distribution's own, by its id, so that repeating it
 * after a double click, a reload or a lost answer changes nothing: it needs no journal.
 */
function Steps({ place, job, onDone }) {
  const [asked, setAsked] = useState(null);
  const [skips, setSkips] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const stuck = useStuck(job);
  const take = async (step) => {
    putAway();
    setBusy(true);
    setError(null);
    try {
      const body = step.name === 'run' ? { preview_id: job.preview_id, skip_bad_rows: skips } : {};
      await write('POST', path([...place, step.name]), step.name === 'run' ? body : undefined);
      tell('done', step.told);
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
      setAsked(null);
      onDone();
    }
  };
  const resume = () => {
    setSkips(true);
    return take({ ...STEPS.run(job), told: 'What is left was sent again.' });
  };
  const mayRun = job.rows_to_credit > 0 && (skips || job.bad_rows === 0);
  const button = (step, kind, disabled) => (
    <button type="button" class={kind} disabled={disabled} onClick={() => setAsked(step)}>
      {step.button}
    </button>
  );
  return (
    <section aria-label="Steps">
      {error && <Failed error={error} />}
      {job.state === 'previewed' && job.bad_rows > 0 && job.rows_to_credit > 0 && (
        <label>
          <input
            type="checkbox"
            checked={skips}
            onChange={(event) => setSkips(event.currentTarget.checked)}
          />
          {`Credit the ${count(job.rows_to_credit)} good rows, and leave out the ` +
            `${count(job.bad_rows)} that cannot be credited`}
        </label>
      )}
      <div class="inline">
        {job.state === 'previewed' && button(STEPS.run(job), '', !mayRun)}
        {['previewed', 'running'].includes(job.state) && button(STEPS.cancel(job), 'secondary')}
        {job.state === 'closed' && job.started_at && button(STEPS.undo(job), 'secondary')}
        {job.state === 'running' && stuck && (
          <button type="button" class="secondary" aria-busy={busy} onClick={resume}>
            Resume
          </button>
        )}
      </div>
      {asked && (
        <Confirm
          title={asked.title}
          yes={asked.yes}
          busy={busy}
          onYes={() => take(asked)}
          onNo={() => setAsked(null)}
        >
          <Facts facts={asked.facts} />
          {asked.warning && <p class="warning">{asked.warning}</p>}
        </Confirm>
      )}
    </section>
  );
}

const STEPS = {
  run: (job) => ({
    name: 'run',
    button: 'Run',
    title: `Credit ${count(job.rows_to_credit)} customers?`,
    yes: 'Run',
    told: `The distribution ${job.id} runs.`,
    facts: [
      ['Total', shown(job.total, job.currency)],
      [
        `From ${job.source}`,
        `${shown(job.available, job.currency)} becomes ${shown(job.remaining, job.currency)}`,
      ],
      ['Rows left out', count(job.bad_rows)],
    ],
    warning: job.sufficient ? undefined : 'This is more than is available, and will be refused.',
  }),
  cancel: (job) => ({
    name: 'cancel',
    button: 'Cancel the distribution',
    title: 'Cancel this distribution?',
    yes: 'Cancel the distribution',
    told: `The distribution ${job.id} is cancelled.`,
    facts: [
      ['Credited already, which stays', shown(job.credited, job.currency)],
      ['Not credited yet', `${count(job.rows_to_credit - job.credited_rows)} rows`],
    ],
  }),
  undo: (job) => ({
    name: 'undo',
    button: 'Undo',
    title: `Take back ${shown(job.credited, job.currency)}?`,
    yes: 'Undo',
    told: `The distribution ${job.id} is being undone.`,
    facts: [
      ['Customers', count(job.credited_rows)],
      ['Goes back to', job.source],
    ],
    warning: 'Only what customers still have comes back. What is spent or held stays.',
  }),
};

/** Return whether it has stood still for a while. */
function useStuck(job) {
  const [stuck, setStuck] = useState(false);
  useEffect(() => {
    setStuck(false);
    const timer = setTimeout(() => setStuck(true), STUCK_MS);
    return () => clearTimeout(timer);
  }, [job.state, job.chunks_done]);
  return stuck;
}

function Rows({ channel, place, job }) {
  const [outcome, setOutcome] = useState('');
  const [told, setTold] = useState('');
  const rows = useList([...place, 'rows'], { outcome, limit: '100' });
  // Each row may have changed with the state.
  useEffect(() => void rows.reload(), [job.state]);
  const recipient = (row) =>
    row.user_pk ? (
      <a href={linkTo([channel, 'accounts', row.user_pk, job.currency])}>{row.recipient}</a>
    ) : (
      row.recipient
    );
  const returned = (row) => row.returned && <Money amount={row.returned} currency={job.currency} />;
  const save = async () => {
    setTold('Exporting ...');
    try {
      const all = await readAll([...place, 'rows'], (number) => setTold(`${number} so far ...`), {
        outcome,
        limit: 1000,
      });
      saveCsv(`distribution-${job.id}.csv`, all, COLUMNS);
    } catch (error) {
      tell('failed', `The export did not end: ${error.message}`);
    } finally {
      setTold('');
    }
  };
  return (
    <section aria-labelledby="rows">
      <header class="with-action">
        <h2 id="rows">Rows</h2>
        {rows.items?.length > 0 && (
          <button type="button" class="secondary" disabled={Boolean(told)} onClick={save}>
            {told || 'Export as CSV'}
          </button>
        )}
      </header>
      <Field
        label="Show"
        input={(given) => (
          <select
            {...given}
            value={outcome}
            onChange={(event) => setOutcome(event.currentTarget.value)}
          >
            <option value="">All rows</option>
            {Object.entries(OUTCOMES).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        )}
      />
      <Table
        caption="Rows"
        list={rows}
        empty="No row has this outcome."
        columns={[
          ['Line', (row) => count(row.line), 'number'],
          ['Customer', recipient],
          ['Amount', (row) => amountOf(row, job.currency), 'number'],
          ['Outcome', (row) => OUTCOMES[row.outcome]],
          ...(job.state.startsWith('undo') ? [['Taken back', returned, 'number']] : []),
          ['Note', (row) => row.detail ?? row.note],
        ]}
      />
    </section>
  );
}

const COLUMNS = [
  'line',
  'recipient',
  'user_pk',
  'amount',
  'note',
  'outcome',
  'returned',
  'code',
  'detail',
];

/** What cannot be credited is shown as it was written. */
function amountOf(row, currency) {
  return row.outcome === 'refused' ? row.amount : shown(row.amount, currency);
}

function count(number) {
  return number.toLocaleString();
}
