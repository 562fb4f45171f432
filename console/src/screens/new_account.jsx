// + New Loyalty Account: the User PK fills itself once the e-mail address matches.

import { useState } from 'preact/hooks';

import { path } from '../api.js';
import { useSettled, useThing } from '../loading.js';
import { example, howToWrite, isAmount, isNegative, isZero, shown, typed } from '../money.js';
import { newId } from '../intents.js';
import { complaints, useIntent, useOpenIntents } from '../intending.jsx';
import { Failed, Field, focusFirstWrong, TextField, Title, YesNo } from '../parts.jsx';
import { goTo, linkTo } from '../router.js';
import { may } from '../session.js';

/** Where the refusals of the service belong in this form, by their code. */
const FIELDS = {
  account_exists: 'currency',
  account_id_taken: 'account_id',
  invalid_amount: 'balance',
  unknown_currency: 'currency',
  unknown_user: 'user_email',
};

export function NewAccount({ session, channel, query }) {
  const [wanted, setWanted] = useState({
    account_id: '',
    user_email: query.user_email ?? '',
    balance: '',
    debit_card_allowed: true,
    currency: '',
  });
  const [missing, setMissing] = useState({});
  const set = (name) => (value) => {
    setWanted({ ...wanted, [name]: value });
    setMissing({ ...missing, [name]: undefined });
  };
  const user = useUser(channel, wanted.user_email.trim());
  const intent = useIntent((answer) => {
    goTo([channel, 'accounts', answer.body.user_pk, answer.body.currency]);
  });
  const unsettled = useOpenIntents().length > 0;
  const currency = wanted.currency.trim().toUpperCase();
  const balance = wanted.balance.trim() ? typed(wanted.balance) : '0';

  const submit = (event) => {
    event.preventDefault();
    const wrong = {
      user_email: user.found ? undefined : 'Choose a user of this channel first.',
      account_id: /^[A-Za-z0-9_-]{0,64}$/.test(wanted.account_id.trim())
        ? undefined
        : 'Write letters, digits, - and _ alone.',
      currency: /^[A-Z]{3}$/.test(currency) ? undefined : 'Write the three letters of a currency.',
      balance:
        isAmount(balance, balance) && !isNegative(balance)
          ? undefined
          : `Write an amount of zero or more, ${howToWrite()}.`,
    };
    setMissing(wrong);
    if (Object.values(wrong).some(Boolean)) return focusFirstWrong(event.currentTarget);
    intent.ask(opening(channel, user.found, { ...wanted, currency, balance }), {
      title: 'Open this account?',
      yes: 'Open the account',
      facts: [
        ['User', `${user.found.email} (${user.found.user_pk})`],
        ['Account ID', wanted.account_id.trim() || 'made for you'],
        ['Opening balance', shown(balance, currency)],
        ['Debit card', wanted.debit_card_allowed ? 'Allowed' : 'Not allowed'],
      ],
      warning: 'Nothing of an account can be edited later.',
    });
  };
  const wrongAt = complaints(missing, intent.refusal, FIELDS);
  const told = ['account_id', 'user_email', 'balance', 'currency'].some(wrongAt);
  if (!may(session, 'accounts')) {
    return (
      <>
        <Title>New Loyalty Account</Title>
        <p class="empty">Your sign-in may not open accounts.</p>
      </>
    );
  }
  return (
    <>
      <Title>New Loyalty Account</Title>
      <form class="narrow" onSubmit={submit} noValidate>
        {intent.refusal && !told && <Failed error={intent.refusal} />}
        <TextField
          label="User Email"
          type="email"
          required
          hint={user.hint}
          wrong={wrongAt('user_email') ?? user.wrong}
          value={wanted.user_email}
          onValue={set('user_email')}
        />
        <Field
          label="User PK"
          hint="Fills itself once the complete address matches a user of this channel."
          input={(given) => (
            <input type="text" readOnly {...given} value={user.found?.user_pk ?? ''} />
          )}
        />
        <TextField
          label="Currency"
          required
          maxLength={3}
          list="currencies"
          hint="One account for each currency of a user, such as TRY."
          wrong={wrongAt('currency')}
          value={wanted.currency}
          onValue={set('currency')}
        />
        <datalist id="currencies">
          {Intl.supportedValuesOf('currency').map((code) => (
            <option key={code} value={code} />
          ))}
        </datalist>
        <TextField
          label="Balance"
          inputMode="decimal"
          placeholder={example()}
          hint="The store credit that the account is opened with; it may be empty."
          wrong={wrongAt('balance')}
          value={wanted.balance}
          onValue={set('balance')}
        />
        <YesNo
          label="Debit Card Allowed"
          hint={
            'Yes is recommended: when the credit runs out, the balance goes below zero ' +
            'instead of refusing the payment.'
          }
          value={wanted.debit_card_allowed}
          onValue={set('debit_card_allowed')}
        />
        <TextField
          label="Account ID"
          maxLength={64}
          hint="Letters, digits, - and _. Leave it empty to have one made."
          wrong={wrongAt('account_id')}
          value={wanted.account_id}
          onValue={set('account_id')}
        />
        <button type="submit" disabled={unsettled}>
          Save
        </button>
        {unsettled && <small>Settle first what stands at the top of the page.</small>}
        {intent.dialog}
      </form>
    </>
  );
}

function opening(channel, user, wanted) {
  const key = newId();
  const accountId = wanted.account_id.trim();
  const place = [channel, 'accounts', user.user_pk, wanted.currency];
  const credit = isZero(wanted.balance) ? '' : ` with ${shown(wanted.balance, wanted.currency)}`;
  return {
    id: key,
    title: `Opened a loyalty account in ${wanted.currency} for ${user.email}${credit}.`,
    method: 'POST',
    where: path(['channels', channel, 'accounts']),
    headers: { 'Idempotency-Key': key },
    body: {
      user_pk: user.user_pk,
      currency: wanted.currency,
      balance: wanted.balance,
      debit_card_allowed: wanted.debit_card_allowed,
      ...(accountId && { account_id: accountId }),
    },
    proof: ['channels', ...place],
    taken: 'account_exists',
    link: { href: linkTo(place), text: 'Open it' },
  };
}

/** Look up a user while the address is typed: `{ found, hint, wrong }`. */
function useUser(channel, address) {
  const settled = useSettled(address);
  const email = /^\S+@\S+\.\S+$/.test(settled) ? settled : null;
  const users = useThing(email && ['channels', channel, 'users'], { email });
  const found = settled === address ? users.value?.items[0] : undefined;
  if (found) return { found, hint: `Registered as ${found.user_pk}.` };
  if (users.error) return { wrong: users.error.message };
  if (users.value && settled === address) {
    return { hint: `Nobody is registered in ${channel} as ${email}, as yet.` };
  }
  return { hint: 'The complete address of a registered user.' };
}
