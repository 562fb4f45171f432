// Talks to the checkout pages as the storefront client does: sends forms, drops empty fields, repeats
// what failed, and works an answer off in the client's order: the lists of its contexts, then the
// pre-order, which may make it post again by itself.

const CHECKOUT = '/orders/checkout/';
const TRIES = 4;
const AUTOMATIC_POSTS = 6;

/** What the answers have said so far; the client keeps the same in its store. */
export const store = {};

export function forget() {
  Object.assign(store, {
    options: [], unavailable: [], plans: [], cardType: null, banks: [],
    balance: null, preOrder: null, order: null, bin: '',
  });
}

export function cookie(name) {
  const found = document.cookie.split('; ').find((each) => each.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

export function setCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; samesite=lax`;
}

export const currency = () => cookie('pz-currency') ?? 'try';
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Returns status and JSON of an answer. Faults that a repetition may heal are repeated. */
export async function ask(method, path, body) {
  const headers = {
    Accept: 'application/json',
    'x-currency': currency(),
    'x-csrftoken': cookie('csrftoken') ?? '',
  };
  if (typeof body === 'string') headers['Content-Type'] = 'application/json';
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await fetch(path, { method, headers, body });
      const json = await answer.json();
      if (![503, 504].includes(answer.status) || attempt === TRIES) return { status: answer.status, json };
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
    await pause(attempt * 500);
  }
}

export function asForm(fields) {
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value).map(([name, value]) => [name, String(value)]));
}

export class SignedOut extends Error {}

/** Returns the envelope of a page, worked off; `fields` makes it a post. */
export async function page(name, fields) {
  const path = name ? `${CHECKOUT}?page=${name}` : CHECKOUT;
  const { status, json } = await ask(fields ? 'POST' : 'GET', path, fields && asForm(fields));
  if (status === 401 || json.template_name === 'orders/index.html') throw new SignedOut();
  if (status !== 200) throw new Error(json.detail ?? `The service answered ${status}.`);
  workOff(json, name === 'LoyaltyMoneyUsagePage' && !fields);
  return json;
}

function workOff(answer, onlyContexts) {
  const contexts = answer.context_list ?? [];
  const beside = contexts.some((each) => each.page_name === 'DeliveryOptionSelectionPage');
  for (const { page_context: context } of contexts) {
    if (context.redirect_url) store.order = context.redirect_url;
    store.options = context.payment_options ?? store.options;
    store.unavailable = context.unavailable_options ?? store.unavailable;
    store.banks = context.bank_accounts ?? store.banks;
    store.balance = context.balance ?? store.balance;
    if (!beside) {
      store.plans = context.installments ?? store.plans;
      store.cardType = context.card_type ?? store.cardType;
    }
  }
  if (answer.pre_order && !onlyContexts) store.preOrder = answer.pre_order;
}

/** Posts what the client posts by itself: the first option, then the first instalment plan. */
export async function postByItself() {
  for (let count = 0; count < AUTOMATIC_POSTS && !store.order && store.preOrder; count += 1) {
    if (!store.preOrder.payment_option && store.options.length) {
      await page('PaymentOptionSelectionPage', { payment_option: store.options[0].pk });
    } else if (!store.preOrder.installment && store.plans.length) {
      await page('InstallmentSelectionPage', { installment: store.plans[0].pk });
    } else {
      return;
    }
  }
}
