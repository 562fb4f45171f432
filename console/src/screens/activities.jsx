// Account Activities: every entry with the balance after it, as a file too, and reversals.

import { useState } from 'preact/hooks';

import { path } from '../api.js';
import { saveCsv } from '../csv.js';
import { readAll } from '../loading.js';
import { shown } from '../money.js';
import { newId } from '../intents.js';
import { useIntent, useOpenIntents } from '../intending.jsx';
import { tell } from '../notices.js';
import { Failed, Money, Table, Time } from '../parts.jsx';
import { linkTo } from '../router.js';
import { shownTime } from '../times.js';

const KINDS = {
  __proto__: null,
  opening: 'Opening',
  transfer: 'Transfer',
  order: 'Order',
  capture: 'Capture',
  refund: 'Refund',
  reversal: 'Reversal',
  adjust: 'Adjustment',
  distribution: 'Distribution',
  undo: 'Undone distribution',
};

const ESCROW = 'escrow:';

/** What can be moved back as a whole, once; payments are refunded instead. */
const REVERSIBLE = new Set(['transfer', 'adjust']);

const HOUSES = {
  __proto__: null,
  'house:BANK': 'Issued credit',
  'house:SALE': 'Sales',
  'house:REFUND': 'Refunds',
  'house:EXPIRED': 'Expired credit',
};

export function Activities({ channel, account, list, mayReverse, onDone }) {
  const place = ['channels', channel, 'accounts', account.user_pk, account.currency];
  const intent = useIntent(onDone);
  const unsettled = useOpenIntents().length > 0;
  const money = (amount) => shown(amount, account.currency);
  const counterparty = ({ counterparty: name }) => {
    if (HOUSES[name]) return HOUSES[name];
    const distribution = name.startsWith(ESCROW) && name.slice(ESCROW.length);
    const place = distribution ? ['distributions', distribution] : ['account-ids', name];
    return <a href={linkTo([channel, ...place])}>{distribution || name}</a>;
  };
  // What a hold was captured for is an order of the shop's own, which is not kept here.
  const order = ({ kind, order: reference }) =>
    ['order', 'refund'].includes(kind) ? (
      <a href={linkTo([channel, 'orders', reference])}>{reference}</a>
    ) : (
      reference
    );
  const reverse = (entry) =>
    REVERSIBLE.has(entry.kind) &&
    !list.items.some((each) => each.id === `reversal:${entry.id}`) && (
      <button
        type="button"
        class="secondary"
        disabled={unsettled}
        aria-label={`Reverse ${money(entry.amount)} of ${shownTime(entry.created_at)}`}
        onClick={() => intent.ask(...reversalOf(channel, account, entry))}
      >
        Reverse
      </button>
    );
  const columns = [
    ['Time', (entry) => <Time at={entry.created_at} />],
    ['Kind', (entry) => KINDS[entry.kind] ?? entry.kind],
    ['Amount', (entry) => <Money amount={entry.amount} currency={account.currency} />, 'number'],
    [
      'Balance after',
      (entry) => <Money amount={entry.balance_after} currency={account.currency} />,
      'number',
    ],
    ['Counter-account', counterparty],
    ['Order', order],
    ['Note', (entry) => entry.note],
  ];
  return (
    <section aria-labelledby="activities">
      <header class="with-action">
        <h2 id="activities">Account Activities</h2>
        {list.items?.length > 0 && <Export account={account} place={place} />}
      </header>
      {intent.refusal && <Failed error={intent.refusal} />}
      <Table
        caption="Account activities"
        list={list}
        empty="Nothing has happened on this account yet."
        columns={mayReverse ? [...columns, ['Action', reverse]] : columns}
      />
      {intent.dialog}
    </section>
  );
}

function Export({ account, place }) {
  const [told, setTold] = useState('');
  const run = async () => {
    setTold('Exporting ...');
    try {
      const rows = await readAll([...place, 'activities'], (count) =>
        setTold(`Exporting, ${count} so far ...`),
      );
      const dated = rows.map((row) => ({ ...row, currency: account.currency }));
      saveCsv(`activities-${account.account_id}.csv`, dated, [
        'created_at',
        'kind',
        'amount',
        'balance_after',
        'currency',
        'counterparty',
        'order',
        'note',
        'id',
      ]);
      tell('done', `Exported ${rows.length} activities of ${account.account_id}.`);
    } catch (error) {
      tell('failed', `The export did not end: ${error.message}`);
    } finally {
      setTold('');
    }
  };
  return (
    <button
      type="button"
      class="secondary"
      aria-busy={Boolean(told)}
      disabled={Boolean(told)}
      onClick={run}
    >
      {told || 'Export as CSV'}
    </button>
  );
}

/** Return the intent that undoes an entry's transfer, and the question before it. */
function reversalOf(channel, account, entry) {
  const amount = shown(entry.amount.replace('-', ''), account.currency);
  const other = HOUSES[entry.counterparty] ?? entry.counterparty;
  const comesBack = entry.amount.startsWith('-');
  const [from, to] = comesBack ? [other, account.account_id] : [account.account_id, other];
  const intent = {
    id: newId(),
    title: `Reversed ${amount}: from ${from} back to ${to}.`,
    method: 'PUT',
    where: path(['channels', channel, 'transfers', entry.id, 'reversal']),
    before: 'It was reversed before: nothing moved now.',
    proof: ['channels', channel, 'transfers', `reversal:${entry.id}`],
    link: {
      href: linkTo([channel, 'accounts', account.user_pk, account.currency]),
      text: 'Open the account',
    },
  };
  const question = {
    title: `Reverse ${amount}?`,
    yes: 'Reverse',
    facts: [
      ['From', from],
      ['Back to', to],
      ['Moved', shownTime(entry.created_at)],
      ['Note', entry.note ?? 'none'],
    ],
    warning: 'The whole amount moves back, once. What was reversed before stays as it is.',
  };
  return [intent, question];
}
