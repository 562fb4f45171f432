// Loyalty Account Detail: information, a transfer, open holds, activities.

import { useState } from 'preact/hooks';

import { path, write } from '../api.js';
import { BalanceChart } from '../chart.jsx';
import { useList, useThing } from '../loading.js';
import { shown } from '../money.js';
import { putAway, tell } from '../notices.js';
import { Confirm, Facts, Failed, Loaded, Money, Table, Time, Title } from '../parts.jsx';
import { linkTo } from '../router.js';
import { may } from '../session.js';
import { Activities } from './activities.jsx';
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
      <Title of={account.value?.account_id}>Loyalty Account Detail</Title>
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
            <Activities
              channel={channel}
              account={account.value}
              list={activities}
              mayReverse={may(session, 'reversals')}
              onDone={reload}
            />
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
  const email = account.user_email;
  const user = linkTo([channel, 'users'], { email });
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
              email ? (
                <a key="user" href={user}>
                  {email}
                </a>
              ) : (
                'Erased'
              ),
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

function Holds({ place, account, list, mayVoid, onDone }) {
  const [asked, setAsked] = useState(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const money = (hold) => shown(hold.amount, account.currency);
  const release = async () => {
    putAway();
    setBusy(true);
    setError(null);
    try {
      // Voiding is repeatable by itself: the hold's own id makes it happen once.
      await write('POST', path([...place, 'holds', asked.id, 'void']));
      tell('done', `Voided the hold ${asked.id}: ${money(asked)} can be spent again.`);
    } catch (refused) {
      setError(refused);
    } finally {
      onDone();
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
