// Loyalty Account Detail: information, a transfer, open holds, activities.

import { useState } from 'preact/hooks';

import { path, write } from '../api.js';
import { BalanceChart } from '../chart.jsx';
import { saveCsv } from '../csv.js';
import { readAll, useList, useThing } from '../loading.js';
import { shown } from '../money.js';
import { tell } from '../notices.js';
import { Confirm, Facts, Failed, Loaded, Money, Table, Time, Title } from '../parts.jsx';
import { linkTo } from '../router.js';
import { may } from '../session.js';
import { Transfer } from './transfer.jsx';

export function AccountDetail({ session, channel, user_pk, currency }) {
  const place = ['channels', channel, 'accounts', user_pk, currency];
  const account = useThing(place);
  const activities = useList([...place, 'activities'], { limit: '50' });
  const holds = useList([...place, 'holds']);
  const reload = () => {
    account.reload();
    activities.reload();
    holds.reload();
  };
  return (
    <>
      <Title>Loyalty Account Detail</Title>
      <Loaded of={account}>
        {account.value && (
          <>
            <Information channel={channel} account={account.value} activities={activities} />
            {may(session, 'transfers') && (
              <Transfer
                channel={channel}
                account={account.value}
                hasEntries={activities.items?.length !== 0}
                onDone={reload}
              />
            )}
            <Holds
              place={place}
              account={account.value}
              list={holds}
              mayVoid={may(session, 'holds')}
              onDone={reload}
            />
            <Activities channel={channel} account={account.value} place={place} list={activities} />
          </>
        )}
      </Loaded>
    </>
  );
}

/** An account by its Account ID, as links to a counter-account name it. */
export function AccountById({ session, channel, account_id }) {
  const found = useThing(['channels', channel, 'accounts'], { account_id });
  const account = found.value?.items[0];
  if (account) return <AccountDetail session={session} channel={channel} {...account} />;
  return (
    <>
      <Title>Loyalty Account Detail</Title>
      <Loaded of={found}>
        <p class="empty">There is no account {account_id} in this channel.</p>
      </Loaded>
    </>
  );
}

function Information({ channel, account, activities }) {
  const money = (amount) => <Money amount={amount} currency={account.currency} />;
  const user = linkTo([channel, 'users'], { email: account.user_email });
  return (
    <section aria-labelledby="information">
      <h2 id="information">Account Information</h2>
      <div class="information">
        <Facts
          facts={[
            ['Balance', <strong key="balance">{money(account.balance)}</strong>],
            ['Available', money(account.available)],
            ['Held', money(account.held)],
            ['Account ID', account.account_id],
            [
              'User',
              <a key="user" href={user}>
                {account.user_email}
              </a>,
            ],
            ['User PK', account.user_pk],
            ['Currency', account.currency],
            ['Debit card', account.debit_card_allowed ? 'Allowed' : 'Not allowed'],
            ['Opened', <Time key="opened" at={account.created_at} />],
          ]}
        />
        {activities.items?.length > 0 && (
          <BalanceChart account={account} activities={activities.items} />
        )}
      </div>
    </section>
  );
}

const KINDS = {
  opening: 'Opening',
  transfer: 'Transfer',
  order: 'Order',
  capture: 'Capture',
  refund: 'Refund',
  reversal: 'Reversal',
  adjust: 'Adjustment',
};

const HOUSES = {
  'house:BANK': 'Issued credit',
  'house:SALE': 'Sales',
  'house:REFUND': 'Refunds',
  'house:EXPIRED': 'Expired credit',
};

function Activities({ channel, account, place, list }) {
  const money = (amount) => <Money amount={amount} currency={account.currency} />;
  const counterparty = ({ counterparty: name }) =>
    HOUSES[name] ?? <a href={linkTo([channel, 'account-ids', name])}>{name}</a>;
  const order = ({ order: reference }) =>
    reference && <a href={linkTo([channel, 'orders', reference])}>{reference}</a>;
  return (
    <section aria-labelledby="activities">
      <header class="with-action">
        <h2 id="activities">Account Activities</h2>
        {list.items?.length > 0 && <Export account={account} place={place} />}
      </header>
      <Table
        caption="Account activities"
        list={list}
        empty="Nothing has happened on this account yet."
        columns={[
          ['Time', (entry) => <Time at={entry.created_at} />],
          ['Kind', (entry) => KINDS[entry.kind] ?? entry.kind],
          ['Counter-account', counterparty],
          ['Order', order],
          ['Note', (entry) => entry.note],
          ['Amount', (entry) => money(entry.amount), 'number'],
          ['Balance after', (entry) => money(entry.balance_after), 'number'],
        ]}
      />
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
      saveCsv(`activities-${account.account_id}.csv`, rows, [
        'created_at',
        'kind',
        'amount',
        'balance_after',
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

function Holds({ place, account, list, mayVoid, onDone }) {
  const [asked, setAsked] = useState(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const money = (hold) => shown(hold.amount, account.currency);
  const release = async () => {
    setBusy(true);
    setError(null);
    try {
      // Voiding is repeatable by itself: the hold's own id makes it happen once.
      await write('POST', path([...place, 'holds', asked.id, 'void']));
      tell('done', `Voided the hold ${asked.id}: ${money(asked)} can be spent again.`);
      onDone();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
      setAsked(null);
    }
  };
  const columns = [
    ['Hold', (hold) => hold.id],
    ['Until', (hold) => (hold.expires_at ? <Time at={hold.expires_at} /> : 'its payment ends')],
    ['Amount', money, 'number'],
  ];
  const action = (hold) =>
    // What a checkout holds is ended by its payment alone.
    hold.expires_at && (
      <button
        type="button"
        class="secondary"
        aria-label={`Void the hold ${hold.id}`}
        onClick={() => setAsked(hold)}
      >
        Void
      </button>
    );
  return (
    <section aria-labelledby="holds">
      <h2 id="holds">Open holds</h2>
      {error && <Failed error={error} />}
      <Table
        caption="Open holds"
        list={list}
        empty="No credit is held."
        columns={mayVoid ? [...columns, ['Action', action]] : columns}
      />
      {asked && (
        <Confirm
          title="Void this hold?"
          yes="Void the hold"
          busy={busy}
          onYes={release}
          onNo={() => setAsked(null)}
        >
          <Facts
            facts={[
              ['Hold', asked.id],
              ['Can be spent again', money(asked)],
            ]}
          />
        </Confirm>
      )}
    </section>
  );
}
