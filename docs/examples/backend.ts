// A shop's back end that sells with store credit. It needs Node 22.18 or newer and nothing else.
//
// API=http://127.0.0.1:8000 CHANNEL=demo TOKEN=... node backend.ts

const channel = `${process.env.API}/channels/${process.env.CHANNEL}`;
const headers = {
  Authorization: `Bearer ${process.env.TOKEN}`,
  'Content-Type': 'application/json',
};
const tries = 20;

type Problem = { code: string; detail: string };

/** The service said no, with a stable `code`. Nothing has moved. */
class Refused extends Error {
  readonly code: string;

  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.code = problem.code;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Send a request until its answer is definite, and return the answer.
 *
 * 503 (busy), 504 (the outcome is unknown) and silence say nothing of what happened. The id is in
 * the path, so the same request may be sent again for ever: it happens once.
 */
async function ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const content = body === undefined ? undefined : JSON.stringify(body);
  for (let attempt = 0; attempt < tries; attempt += 1) {
    try {
      const signal = AbortSignal.timeout(30_000);
      const answer = await fetch(channel + path, { method, headers, body: content, signal });
      if (answer.ok) return (await answer.json()) as Answer;
      if (![503, 504].includes(answer.status)) {
        throw new Refused((await answer.json()) as Problem);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      // No answer: it may have happened, and may not.
    }
    await pause(Math.min(5_000, 100 * 2 ** attempt));
  }
  throw new Error(`${method} ${path} got no definite answer; send it again later`);
}

type Amounts = Record<string, string>;

// A customer registers. The id is the shop's own; sent again, this changes nothing.
const hedy = await ask<Amounts>('PUT', '/users/c-88', { email: 'hedy@example.com' });
console.log('registered', hedy.user_pk);

// Store credit is one account for each currency. That there is one already is fine.
try {
  await ask('POST', '/accounts', { user_pk: 'c-88', currency: 'TRY', debit_card_allowed: false });
} catch (error) {
  if (!(error instanceof Refused) || error.code !== 'account_exists') throw error;
}

// Credit comes from an account of the shop's own; in the demo its owner is the user 1000.
const sent = await ask<Amounts>('PUT', '/transfers/welcome-c-88', {
  source_user_pk: '1000',
  target_user_pk: 'c-88',
  currency: 'TRY',
  amount: '50.00',
});
console.log('sent', sent.amount, sent.currency, 'from', sent.source);

// She comes to the checkout: a session for her browser, and what her basket costs.
const { session } = await ask<Amounts>('POST', '/sessions', { user_pk: 'c-88' });
const basket = await ask<Amounts>('PUT', '/pre-orders/c-88/TRY', {
  reference: 'cart-502',
  total_amount: '30.00',
});
console.log('checkout of', basket.total_amount, 'is', basket.state);

// At the till there are no pages. Credit is held when the order comes in ...
const hold = '/accounts/c-88/TRY/holds/till-9';
const held = await ask<Amounts>('PUT', hold, { amount: '20.00', expires_in_s: 3600 });
console.log('held', held.amount);

// ... captured when the goods leave, less what was out of stock ...
const captured = await ask<Amounts>('POST', `${hold}/capture`, { amount: '15.00', order: 'till-9' });
console.log('captured', captured.captured);

// ... and given back in part when something is returned.
await ask('PUT', `${hold}/refunds/return-1`, { amount: '5.00' });

// More than there is is refused, with the reason.
try {
  await ask('PUT', '/accounts/c-88/TRY/holds/till-10', { amount: '40.01' });
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.log('refused', error.message);
}

const account = await ask<Amounts>('GET', '/accounts/c-88/TRY');
console.log('available', account.available, 'of', account.balance);
const { items } = await ask<{ items: Amounts[] }>('GET', '/accounts/c-88/TRY/activities');
for (const entry of items.reverse()) {
  const [amount, kind] = [entry.amount.padStart(8), entry.kind.padEnd(10)];
  console.log(`${amount} ${kind} ${entry.balance_after.padStart(8)}`);
}
