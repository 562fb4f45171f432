// Orders, by id or by user, and refunds of what credit paid.

import { useState } from 'preact/hooks';

import { path, read } from '../api.js';
import { useList, useThing } from '../loading.js';
import {
  asTyped,
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
import {
  Facts,
  Failed,
  focusFirstWrong,
  Loaded,
  Money,
  Table,
  TextField,
  Time,
  Title,
} from '../parts.jsx';
import { goTo, linkTo } from '../router.js';
import { may } from '../session.js';

const PAID_BY = {
  __proto__: null,
  loyalty_money: 'Loyalty money',
  credit_card: 'Card',
  funds_transfer: 'Funds transfer',
};

export function Orders({ channel, query }) {
  const { user_pk } = query;
  return (
    <>
      <Title>Orders</Title>
      <Find channel={channel} user_pk={user_pk} />
      {user_pk ? (
        <OrdersOfUser channel={channel} user_pk={user_pk} />
      ) : (
        <p class="empty">Find an order by its id, or all orders of a user.</p>
      )}
    </>
  );
}

function Find({ channel, user_pk = '' }) {
  const [reference, setReference] = useState('');
  const [user, setUser] = useState(user_pk);
  const [wrong, setWrong] = useState(undefined);
  const findOrder = (event) => {
    event.preventDefault();
    goTo([channel, 'orders', reference.trim()]);
  };
  const findUser = async (event) => {
    event.preventDefault();
    setWrong(undefined);
    const text = user.trim();
    if (!text.includes('@')) return goTo([channel, 'orders'], { user_pk: text });
    try {
      const { items } = await read(['channels', channel, 'users'], { email: text });
      if (items.length) goTo([channel, 'orders'], { user_pk: items[0].user_pk });
      else setWrong(`Nobody is registered in ${channel} as ${text}.`);
    } catch (error) {
      setWrong(error.message);
    }
  };
  return (
    <div class="finders">
      <search aria-label="Order">
        <form class="inline" onSubmit={findOrder}>
          <TextField label="Order (basket id)" required value={reference} onValue={setReference} />
          <button type="submit">Open</button>
        </form>
      </search>
      <search aria-label="Orders of a user">
        <form class="inline" onSubmit={findUser}>
          <TextField
            label="User (complete e-mail address, or User PK)"
            required
            wrong={wrong}
            value={user}
            onValue={setUser}
          />
          <button type="submit">Find</button>
        </form>
      </search>
    </div>
  );
}

function OrdersOfUser({ channel, user_pk }) {
  const orders = useList(['channels', channel, 'orders'], { user_pk });
  return (
    <Table
      caption="Orders"
      list={orders}
      empty={`${user_pk} has completed no order.`}
      columns={[
        [
          'Order',
          (order) => <a href={linkTo([channel, 'orders', order.reference])}>{order.reference}</a>,
        ],
        ['Completed', (order) => <Time at={order.completed_at} />],
        ['Paid by', (order) => PAID_BY[order.payment_type] ?? order.payment_type],
        [
          'Total',
          (order) => <Money amount={order.total_amount} currency={order.currency} />,
          'number',
        ],
        [
          'Paid by credit',
          (order) => <Money amount={order.loyalty_money} currency={order.currency} />,
          'number',
        ],
        [
          'Refunded',
          (order) => <Money amount={order.refunded} currency={order.currency} />,
          'number',
        ],
      ]}
    />
  );
}

export function OrderDetail({ session, channel, reference }) {
  const order = useThing(['channels', channel, 'orders', reference]);
  return (
    <>
      <Title>Order {reference}</Title>
      <Loaded of={order}>
        {order.value && (
          <>
            <Information channel={channel} order={order.value} />
            {may(session, 'refunds') && (
              <Refund
                key={order.value.refunded}
                channel={channel}
                order={order.value}
                onDone={order.reload}
              />
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Information({ channel, order }) {
  const money = (amount) => <Money amount={amount} currency={order.currency} />;
  const account = linkTo([channel, 'accounts', order.user_pk, order.currency]);
  return (
    <Facts
      facts={[
        ['Completed', <Time key="completed" at={order.completed_at} />],
        [
          'User',
          <a key="user" href={account}>
            {order.user_email || order.user_pk}
          </a>,
        ],
        ['Total', money(order.total_amount)],
        ['Shipping', money(order.shipping_amount)],
        ['Paid by credit', money(order.loyalty_money)],
        ['Refunded to credit', money(order.refunded)],
        ['Paid by', order.payment_name],
        ['Payment', order.payment_state === 'paid' ? 'Paid' : 'Awaiting the funds transfer'],
        ['Charged to a card', money(order.charged_amount)],
        ...(order.payment_key ? [['Key of the charge', order.payment_key]] : []),
        ['Order number', String(order.order_id)],
      ]}
    />
  );
}

const FIELDS = { invalid_amount: 'amount', refund_exceeds_payment: 'amount' };

function Refund({ channel, order, onDone }) {
  const left = minus(order.loyalty_money, order.refunded);
  const [wanted, setWanted] = useState(asTyped(left));
  const [missing, setMissing] = useState({});
  const [busy, setBusy] = useState(false);
  const [unread, setUnread] = useState(null);
  const unsettled = useOpenIntents().length > 0;
  const intent = useIntent(onDone);
  const plain = typed(wanted);
  const good = isAmount(plain, left) && !isNegative(plain) && !isZero(plain);
  const amount = good ? inDigitsOf(plain, left) : plain;
  const money = (text) => shown(text, order.currency);
  const wrongAt = complaints(missing, intent.refusal, FIELDS);
  if (isZero(left)) {
    return (
      <p class="empty">
        {isZero(order.loyalty_money)
          ? 'No credit was used for this order, so none can be given back.'
          : 'All the credit of this order is given back.'}
      </p>
    );
  }
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setMissing({
      amount: good ? undefined : `Write an amount up to ${money(left)}, ${howToWrite(left)}.`,
    });
    if (!good) return focusFirstWrong(event.currentTarget);
    setBusy(true);
    setUnread(null);
    try {
      // The numbers that are confirmed are those of this moment.
      const now = await read(['channels', channel, 'orders', order.reference]);
      intent.ask(refundOf(channel, now, amount), {
        title: `Refund ${money(amount)}?`,
        yes: 'Refund',
        facts: [
          ['To', now.user_email || now.user_pk],
          ['Order', now.reference],
          ['Amount', money(amount)],
          [
            'Refunded so far',
            `${money(now.refunded)} becomes ${money(plus(now.refunded, amount))}`,
          ],
          ['Paid by credit', money(now.loyalty_money)],
        ],
      });
    } catch (error) {
      setUnread(error);
    } finally {
      setBusy(false);
    }
  };
  const refusal = unread ?? (wrongAt('amount') ? null : intent.refusal);
  return (
    <section aria-labelledby="refund">
      <h2 id="refund">Refund to credit</h2>
      <form class="narrow" onSubmit={submit} noValidate>
        {refusal && <Failed error={refusal} />}
        <TextField
          label={`Amount (${order.currency})`}
          inputMode="decimal"
          required
          hint={`At most ${money(left)}: what credit paid and was not given back yet.`}
          wrong={wrongAt('amount')}
          value={wanted}
          onValue={setWanted}
        />
        <button type="submit" aria-busy={busy} disabled={unsettled}>
          Refund
        </button>
        {unsettled && <small>Settle first what stands at the top of the page.</small>}
      </form>
      {intent.dialog}
    </section>
  );
}

function refundOf(channel, order, amount) {
  const id = newId();
  const place = ['channels', channel, 'orders', order.reference];
  return {
    id,
    title:
      `Refunded ${shown(amount, order.currency)} of the order ${order.reference} ` +
      `to ${order.user_email || order.user_pk}.`,
    method: 'PUT',
    where: path([...place, 'refunds', id]),
    body: { amount },
    proof: ['channels', channel, 'transfers', `refund:order:${order.reference}:${id}`],
    link: {
      href: linkTo([channel, 'accounts', order.user_pk, order.currency]),
      text: 'Open the account',
    },
  };
}
