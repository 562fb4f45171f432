// The rows of a distribution in tables and as files: all by outcome, and those that went wrong.

import { useState } from 'preact/hooks';

import { saveCsv } from '../csv.js';
import { count, OUTCOMES, reasonOf } from '../distribution_words.js';
import { readAll, useList } from '../loading.js';
import { minus } from '../money.js';
import { tell } from '../notices.js';
import { ChoiceField, Money, Table } from '../parts.jsx';
import { linkTo } from '../router.js';

const PAGE = '50';
/** Where most rows may be left out on this side, a page is as large as it may be. */
const MAX_PAGE = '1000';

const WRONG = ['line', 'recipient', 'amount', 'code', 'detail'];
const SPENT = ['line', 'recipient', 'user_pk', 'amount', 'returned', 'note'];
const ALL = ['line', 'recipient', 'user_pk', 'amount', 'note', 'outcome', 'returned', 'code'];

/** Rows that cannot be credited, as they were written, with the reason. */
export function BadRows({ channel, place, job }) {
  const list = useList([...place, 'rows'], { outcome: 'refused', limit: PAGE });
  return (
    <Section
      id="bad-rows"
      title="Bad rows"
      file={{ place, job, name: 'bad-rows', outcome: 'refused', columns: WRONG }}
    >
      <Table caption="Bad rows" list={list} columns={columnsOf(channel, job, REASON)} />
    </Section>
  );
}

/** Rows whose preview was good, and which could not be credited when their turn came. */
export function FailedRows({ channel, place, job }) {
  const list = useList([...place, 'rows'], { outcome: 'failed', limit: PAGE });
  return (
    <Section
      id="failed-rows"
      title="Failed rows"
      file={{ place, job, name: 'failed-rows', outcome: 'failed', columns: WRONG }}
    >
      <p>{`What they would have got returned to ${job.source}.`}</p>
      <Table caption="Failed rows" list={list} columns={columnsOf(channel, job, REASON)} />
    </Section>
  );
}

/** Rows of which an undo took back less than the whole. */
export function SpentRows({ channel, place, job }) {
  const list = useList([...place, 'rows'], { outcome: 'undone', limit: MAX_PAGE }, isSpent);
  const money = (amount) => <Money amount={amount} currency={job.currency} />;
  return (
    <Section
      id="spent-rows"
      title="Spent in part or whole"
      file={{ place, job, name: 'spent-rows', outcome: 'undone', keep: isSpent, columns: SPENT }}
    >
      <Table
        caption="Spent rows"
        list={list}
        columns={columnsOf(channel, job, [
          ['Taken back', (row) => money(row.returned), 'number'],
          ['Stays', (row) => money(minus(row.amount, row.returned)), 'number'],
        ])}
      />
    </Section>
  );
}

/** All rows, or those of one outcome. */
export function Rows({ channel, place, job, isMoving }) {
  const outcomes = outcomesOf(job);
  const [outcome, setOutcome] = useState(job.state === 'previewed' ? outcomes[0][0] : '');
  const list = useList([...place, 'rows'], { outcome, limit: PAGE });
  return (
    <Section
      id="rows"
      title="Rows"
      file={list.items?.length > 0 && { place, job, name: 'rows', outcome, columns: ALL }}
    >
      <div class="inline narrow">
        <ChoiceField
          label="Outcome"
          options={[
            ['', `All (${count(job.rows)})`],
            ...outcomes.map(([name, number]) => [name, `${OUTCOMES[name]} (${count(number)})`]),
          ]}
          value={outcome}
          onValue={setOutcome}
        />
        {isMoving && (
          <button type="button" class="secondary" aria-busy={list.loading} onClick={list.reload}>
            Look again
          </button>
        )}
      </div>
      <Table
        caption="Rows by outcome"
        list={list}
        empty="No row has this outcome now."
        columns={columnsOf(channel, job, [
          ['Note', (row) => row.note, 'wide'],
          ['Outcome', (row) => OUTCOMES[row.outcome] ?? row.outcome],
          ...(job.undone_rows
            ? [
                [
                  'Taken back',
                  (row) => row.returned && <Money amount={row.returned} currency={job.currency} />,
                  'number',
                ],
              ]
            : []),
        ])}
      />
    </Section>
  );
}

const REASON = [
  ['Reason', (row) => reasonOf(row.code), 'wide'],
  ['In detail', (row) => row.detail, 'wider'],
];

function columnsOf(channel, job, more) {
  const customer = (row) =>
    isOpen(row, job) ? (
      <a href={linkTo([channel, 'accounts', row.user_pk, job.currency])}>{row.recipient}</a>
    ) : (
      row.recipient
    );
  // A bad row is shown as it was written: it may be no amount at all.
  const amount = (row) =>
    row.outcome === 'refused' ? row.amount : <Money amount={row.amount} currency={job.currency} />;
  return [
    ['Line', (row) => row.line],
    ['Customer', customer, 'wide'],
    ['Amount', amount, 'number'],
    ...more,
  ];
}

/** Whether there is an account to look at: some are opened when they are credited. */
function isOpen(row, job) {
  return row.user_pk && (!job.accounts_to_open || ['credited', 'undone'].includes(row.outcome));
}

function isSpent(row) {
  return row.returned !== row.amount;
}

/** Return the outcomes that rows have now, with how many. */
function outcomesOf(job) {
  return [
    ['ready', job.state === 'previewed' ? job.rows_to_credit : 0],
    ['waiting', job.waiting_rows],
    ['credited', job.credited_rows - job.undone_rows],
    ['undone', job.undone_rows],
    ['failed', job.failed_rows],
    ['cancelled', job.cancelled_rows],
    ['refused', job.bad_rows],
  ].filter(([, number]) => number > 0);
}

function Section({ id, title, file, children }) {
  return (
    <section aria-labelledby={id}>
      <header class="with-action">
        <h2 id={id}>{title}</h2>
        {file && <Download {...file} title={title} />}
      </header>
      {children}
    </section>
  );
}

function Download({ place, job, name, title, outcome, keep = () => true, columns }) {
  const [told, setTold] = useState('');
  const save = async () => {
    setTold('Downloading ...');
    try {
      const all = await readAll(
        [...place, 'rows'],
        (number) => setTold(`Downloading, ${count(number)} so far ...`),
        { outcome, limit: MAX_PAGE },
      );
      saveCsv(`${job.id}-${name}.csv`, all.filter(keep), columns);
    } catch (error) {
      tell('failed', `The download did not end: ${error.message}`);
    } finally {
      setTold('');
    }
  };
  return (
    <button
      type="button"
      class="secondary"
      aria-label={told ? undefined : `Download as CSV: ${title}`}
      aria-busy={Boolean(told)}
      disabled={Boolean(told)}
      onClick={save}
    >
      {told || 'Download as CSV'}
    </button>
  );
}
