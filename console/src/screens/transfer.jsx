// Create Transfer: from the account on the screen to another one of its currency.

import { useState } from 'preact/hooks';

import { path, read } from '../api.js';
import { useList, useSettled } from '../loading.js';
import {
  example,
  howToWrite,
  inDigitsOf,
  isAmount,
  isNegative,
  isZero,
  minus,
  plus,
  shown,
  typed,
} from '../money.js';
import { newId } from '../intents.js';
import { complaints, useIntent, useOpenIntents } from '../intending.jsx';
import { Failed, Field, focusFirstWrong, TextField } from '../parts.jsx';
import { linkTo } from '../router.js';

const NOTE_BYTES = 256;

const FIELDS = {
  currency_mismatch: 'target',
  insufficient_credit: 'amount',
  invalid_amount: 'amount',
  same_account: 'target',
  unknown_account: 'target',
};

export function Transfer({ channel, account, hasEntries, onDone }) {
  const [query, setQuery] = useState('');
  const [wanted, setWanted] = useState({ target: '', amount: '', note: '' });
  const [missing, setMissing] = useState({});
  const [busy, setBusy] = useState(false);
  const [unread, setUnread] = useState(null);
  const set = (name) => (value) => {
    setWanted({ ...wanted, [name]: value });
    setMissing({ ...missing, [name]: undefined });
  };
  const place = ['channels', channel, 'accounts', account.user_pk, account.currency];
  const targets = useList([...place, 'transfer-targets'], {
    limit: '50',
    query: useSettled(query.trim()),
  });
  const intent = useIntent(() => {
    setQuery('');
    setWanted({ target: '', amount: '', note: '' });
    onDone();
  });
  const unsettled = useOpenIntents().length > 0;
  const plain = typed(wanted.amount);
  const good = isAmount(plain, account.balance) && !isNegative(plain) && !isZero(plain);
  const amount = good ? inDigitsOf(plain, account.balance) : plain;
  const target = targets.items?.find((each) => each.account_id === wanted.target);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    const wrong = {
      target: target ? undefined : 'Choose the account that receives the credit.',
      amount: good ? undefined : `Write an amount above zero, ${howToWrite(account.balance)}.`,
      note:
        new TextEncoder().encode(wanted.note.trim()).length <= NOTE_BYTES
          ? undefined
          : `Write at most ${NOTE_BYTES} bytes: letters like ğ count twice, emoji four times.`,
    };
    setMissing(wrong);
    if (Object.values(wrong).some(Boolean)) return focusFirstWrong(form);
    setBusy(true);
    setUnread(null);
    try {
      // The numbers that are confirmed are those of this moment.
      const [source, receiver] = await Promise.all([
        read(place),
        read(['channels', channel, 'accounts', target.user_pk, account.currency]),
      ]);
      ask(source, receiver);
    } catch (error) {
      setUnread(error);
    } finally {
      setBusy(false);
    }
  };
  const ask = (source, receiver) => {
    intent.ask(transferOf(channel, account, target, amount, wanted.note.trim()), {
      title: `Transfer ${shown(amount, account.currency)}?`,
      yes: 'Transfer',
      facts: factsOf(source, receiver, target, amount),
      warning: isNegative(minus(source.available, amount))
        ? account.debit_card_allowed
          ? 'This takes the balance below zero.'
          : 'This is more than is available, and will be refused.'
        : undefined,
    });
  };
  const wrongAt = complaints(missing, intent.refusal, FIELDS);
  const told = ['target', 'amount', 'note'].some(wrongAt);
  const refusal = unread ?? (told ? null : intent.refusal);
  return (
    <section aria-labelledby="transfer">
      <h2 id="transfer">Create Transfer from {account.account_id}</h2>
      {!hasEntries ? (
        <p class="empty">
          Nothing has come in or gone out yet: an account may send once it has received something.
        </p>
      ) : (
        <form class="narrow" onSubmit={submit} noValidate>
          {refusal && <Failed error={refusal} />}
          <TextField
            label="Find an account"
            type="search"
            hint="The start of an account ID, or a complete e-mail address."
            value={query}
            onValue={setQuery}
          />
          <TargetList
            targets={targets}
            currency={account.currency}
            wrong={wrongAt('target')}
            value={target ? wanted.target : ''}
            onValue={set('target')}
          />
          <TextField
            label={`Transfer Amount (${account.currency})`}
            inputMode="decimal"
            required
            placeholder={example(account.balance)}
            hint={`${shown(account.available, account.currency)} available.`}
            wrong={wrongAt('amount')}
            value={wanted.amount}
            onValue={set('amount')}
          />
          <TextField
            label="Note"
            maxLength={256}
            hint="May be empty. It stands beside the activity on both accounts."
            wrong={wrongAt('note')}
            value={wanted.note}
            onValue={set('note')}
          />
          <button type="submit" aria-busy={busy} disabled={unsettled}>
            Save
          </button>
          {unsettled && <small>Settle first what stands at the top of the page.</small>}
        </form>
      )}
      {intent.dialog}
    </section>
  );
}

function TargetList({ targets, currency, wrong, value, onValue }) {
  const count = targets.items?.length ?? 0;
  const more = targets.hasMore ? ' More are found by their account ID or e-mail address.' : '';
  const hint = targets.loading
    ? 'Looking ...'
    : `${count} ${count === 1 ? 'account' : 'accounts'} in ${currency}.${more}`;
  return (
    <Field
      label="Transfer To (Account ID)"
      hint={targets.error ? undefined : hint}
      wrong={wrong ?? targets.error?.message}
      input={(given) => (
        <select
          {...given}
          required
          value={value}
          onChange={(event) => onValue(event.currentTarget.value)}
        >
          <option value="">Choose an account</option>
          {targets.items?.map((each) => (
            <option key={each.account_id} value={each.account_id}>
              {each.account_id} ({each.user_email ?? 'erased'})
            </option>
          ))}
        </select>
      )}
    />
  );
}

function transferOf(channel, account, target, amount, note) {
  const id = newId();
  return {
    id,
    title:
      `Transferred ${shown(amount, account.currency)} from ${account.account_id} ` +
      `to ${target.account_id}.`,
    method: 'PUT',
    where: path(['channels', channel, 'transfers', id]),
    body: {
      source: account.account_id,
      target: target.account_id,
      amount,
      currency: account.currency,
      ...(note && { note }),
    },
    proof: ['channels', channel, 'transfers', id],
    link: {
      href: linkTo([channel, 'accounts', target.user_pk, account.currency]),
      text: `Open ${target.account_id}`,
    },
  };
}

function factsOf(source, receiver, target, amount) {
  const money = (text) => shown(text, source.currency);
  const change = (before, after) => `${money(before)} becomes ${money(after)}`;
  return [
    ['Amount', money(amount)],
    [
      `From ${source.account_id} (${source.user_email ?? 'erased'})`,
      change(source.balance, minus(source.balance, amount)),
    ],
    [
      `To ${target.account_id} (${target.user_email ?? 'erased'})`,
      change(receiver.balance, plus(receiver.balance, amount)),
    ],
  ];
}
