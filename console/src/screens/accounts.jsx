// Loyalty Accounts: filter, page by page, open one, make one.

import { useState } from 'preact/hooks';

import { useList } from '../loading.js';
import { Money, Table, TextField, Time, Title } from '../parts.jsx';
import { goTo, linkTo } from '../router.js';
import { may } from '../session.js';

const FILTERS = [
  ['user_email', 'E-mail address', 'email'],
  ['user_pk', 'User PK', 'text'],
  ['account_id', 'Account ID', 'text'],
  ['currency', 'Currency', 'text'],
];

export function Accounts({ session, channel, query }) {
  const { user_email, user_pk, account_id, currency } = query;
  const [wanted, setWanted] = useState({ user_email, user_pk, account_id, currency });
  const filters = { user_email, user_pk, account_id, currency };
  const filtered = Object.values(filters).some(Boolean);
  const accounts = useList(['channels', channel, 'accounts'], filters);
  const filter = (event) => {
    event.preventDefault();
    const trimmed = Object.entries(wanted).map(([name, value]) => [name, value?.trim()]);
    const sent = Object.fromEntries(trimmed);
    goTo([channel, 'accounts'], { ...sent, currency: sent.currency?.toUpperCase() });
  };
  return (
    <>
      <header class="with-action">
        <Title>Loyalty Accounts</Title>
        {may(session, 'accounts') && (
          <a role="button" href={linkTo([channel, 'accounts', 'new'], { user_email })}>
            + New Loyalty Account
          </a>
        )}
      </header>
      <search>
        <form class="inline" onSubmit={filter}>
          {FILTERS.map(([name, label, type]) => (
            <TextField
              key={name}
              label={label}
              type={type}
              value={wanted[name] ?? ''}
              wrong={accounts.error?.fields?.[name]}
              onValue={(value) => setWanted({ ...wanted, [name]: value })}
            />
          ))}
          <button type="submit">Filter</button>
          {filtered && (
            <a role="button" class="secondary" href={linkTo([channel, 'accounts'])}>
              Show all
            </a>
          )}
        </form>
      </search>
      <Table
        caption="Loyalty accounts"
        list={accounts}
        empty={
          filtered
            ? 'No account fits all of these completely.'
            : 'There is no loyalty account yet. Make the first one.'
        }
        columns={[
          [
            'Account ID',
            (account) => (
              <a href={linkTo([channel, 'accounts', account.user_pk, account.currency])}>
                {account.account_id}
              </a>
            ),
          ],
          ['E-mail', (account) => account.user_email ?? 'Erased'],
          ['User PK', (account) => account.user_pk],
          ['Currency', (account) => account.currency],
          [
            'Balance',
            (account) => <Money amount={account.balance} currency={account.currency} />,
            'number',
          ],
          ['Debit card', (account) => (account.debit_card_allowed ? 'Allowed' : 'Not allowed')],
          ['Opened', (account) => <Time at={account.created_at} />],
        ]}
      />
    </>
  );
}
