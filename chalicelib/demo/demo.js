// The demo storefront: a checkout to click through, against the checkout pages of this service.

import { SignedOut, asForm, ask, cookie, currency, forget, page, postByItself, setCookie, store } from './client.js';
import { all, byId, clearErrors, element, forgive, isChecking, minor, money, notice, render, renderOrder, say, show, showErrors } from './view.js';

const TEST_CARDS = [
  ['4111 1111 1111 1111', 'is approved'],
  ['5555 5555 5555 4444', 'is charged twice, counted once'],
  ['4000 0000 0000 0002', 'is declined'],
  ['4000 0000 0000 0119', 'is approved, but the answer is lost'],
  ['4000 0000 0000 0259', 'is never reached, declined after a minute'],
];
const POLL_MS = 3000;

// --- one thing after the other --------------------------------------------------------------------

let queue = Promise.resolve();
let polling = 0;

/** Runs a task after those before it, and shows what became of it. */
function run(task) {
  queue = queue.then(async () => {
    byId('main').setAttribute('aria-busy', 'true');
    try {
      await task();
    } catch (error) {
      if (error instanceof SignedOut) show('sign-in');
      else notice(error instanceof TypeError ? 'The service cannot be reached. Does it still run?' : error.message);
    } finally {
      byId('main').setAttribute('aria-busy', 'false');
    }
  });
  return queue;
}

/** Posts a page, then shows where the shopper is; returns whether it was accepted. */
async function act(name, fields, form, { reload = false } = {}) {
  clearErrors();
  const { errors } = await page(name, fields);
  const wrong = Object.keys(errors ?? {}).length > 0;
  // Another amount changes what is on offer and what instalments cost: those lists are loaded first.
  if (reload && !wrong) await refresh();
  else await postByItself();
  await settle();
  if (wrong) showErrors(errors, form);
  return !wrong;
}

/** Loads the checkout and the balance; returns the texts of what is wrong, if anything. */
async function refresh() {
  const loaded = await page();
  if (loaded.redirect_url && !loaded.pre_order) store.preOrder = null;
  await postByItself();
  if (store.order || !store.preOrder) return loaded.errors;
  const credit = await page('LoyaltyMoneyUsagePage');
  if (Object.keys(credit.errors ?? {}).length) store.balance = null;
  return loaded.errors;
}

async function settle() {
  clearTimeout(polling);
  if (store.order) {
    const token = store.order.split('/').filter(Boolean).at(-1);
    forget();
    history.pushState(null, '', `#order/${token}`);
    await showOrder(token);
  } else if (store.preOrder) {
    render();
    show('checkout');
    if (isChecking()) polling = setTimeout(() => run(load), POLL_MS);
  } else {
    show('basket');
  }
}

function leave(view) {
  clearTimeout(polling);
  clearErrors();
  show(view);
}

async function load() {
  clearErrors();
  const errors = await refresh();
  await settle();
  showErrors(errors, null);
}

async function showOrder(token) {
  const { status, json } = await ask('GET', `/orders/completed/${token}/?format=json`);
  if (status === 401) throw new SignedOut();
  if (status !== 200) {
    history.replaceState(null, '', location.pathname);
    await load();
    notice('This order is not known, or belongs to somebody else.');
    return;
  }
  const { order } = json;
  setCookie('pz-currency', order.currency.value);
  const left = await ask('GET', '/account/loyalty-account-balance/');
  renderOrder(order, left.json.balance);
  show('thanks');
}

// --- what the shopper does ------------------------------------------------------------------------

async function signIn(email, password, form) {
  clearErrors();
  const { status, json } = await ask('POST', '/users/login/', JSON.stringify({ email, password, formType: 'login' }));
  if (status !== 200) {
    showErrors(json.detail ? { non_field_errors: [json.detail] } : json, form);
    return;
  }
  await enter();
}

/** Goes on from where the shopper left, or to the sign-in. */
async function enter() {
  forget();
  await page();
  const { status, json } = await ask('GET', '/current_user/');
  if (status !== 200) throw new SignedOut();
  byId('who-name').textContent = json.first_name;
  const token = location.hash.match(/^#order\/(\w+)$/)?.[1];
  if (token) await showOrder(token);
  else await load();
}

async function fillBasket(form) {
  clearErrors();
  setCookie('pz-currency', byId('currency').value);
  const { status, json } = await ask('POST', '/demo/checkout/', asForm({ total: form.elements.total.value || '0' }));
  if (status === 401) throw new SignedOut();
  if (status !== 201) {
    showErrors(json.detail ? { non_field_errors: [json.detail] } : json, form);
    return;
  }
  forget();
  byId('credit').reset();
  byId('card').reset();
  await load();
}

async function choose(option) {
  await act('PaymentOptionSelectionPage', { payment_option: option.pk }, null);
  say(`${option.name} is chosen.`);
}

async function useCredit(amount) {
  const field = byId('amount');
  const typed = field.value;
  const done = await act('LoyaltyMoneyUsagePage', { loyalty_amount_to_use: amount }, byId('credit'), { reload: true });
  if (!done) return;
  // Whoever types the next amount already keeps it.
  if (field.value === typed) byId('credit').reset();
  say(`${money(store.preOrder.loyalty_money)} of credit is used; ${money(store.preOrder.unpaid_amount)} is left to pay.`);
}

const digitsOf = (text) => text.replace(/\D/g, '').slice(0, 19);

/** Tells the service the card's first digits when they have changed; returns whether it knows them. */
async function enterBin() {
  const bin = digitsOf(byId('card-number').value).slice(0, 6);
  if (bin === store.bin && bin) return true;
  store.bin = bin;
  const known = await act('BinNumberPage', { bin_number: bin }, byId('card'));
  if (!known) store.bin = '';
  if (known && store.plans.length) say(`${store.cardType?.name ?? 'Card'}: ${store.plans.length} ways to pay.`);
  return known;
}

async function payByCard(form) {
  if (!(await enterBin())) return;
  const fields = Object.fromEntries(new FormData(form));
  delete fields.installment;
  await act('CreditCardConfirmationPage', { ...fields, card_number: digitsOf(fields.card_number), use_three_d: '1' }, form);
}

async function payByTransfer(form) {
  const { agreement, bank_account: account } = Object.fromEntries(new FormData(form));
  if (await act('FundsTransferChoicePage', { bank_account: account }, form)) {
    await act('FundsTransferPage', { agreement }, form);
  }
}

// --- beginning ------------------------------------------------------------------------------------

function onSubmit(id, task) {
  byId(id).addEventListener('submit', (event) => {
    event.preventDefault();
    run(() => task(event.target));
  });
}

function onClick(id, task) {
  byId(id).addEventListener('click', () => run(task));
}

function wireForms() {
  document.addEventListener('input', ({ target }) => forgive(target));
  window.addEventListener('popstate', () => run(enter));
  onSubmit('sign-in', (form) => signIn(form.elements.email.value, form.elements.password.value, form));
  onSubmit('basket', fillBasket);
  onSubmit('credit', (form) => useCredit(form.elements.loyalty_amount_to_use.value.trim()));
  onSubmit('card', payByCard);
  onSubmit('funds', payByTransfer);
  onSubmit('pay-credit', (form) => act('LoyaltyPaymentSelectedPage', Object.fromEntries(new FormData(form)), form));
}

function wireButtons() {
  for (const button of all('[data-email]')) {
    button.addEventListener('click', () => {
      setCookie('pz-currency', button.dataset.currency ?? 'try');
      run(() => signIn(button.dataset.email, 'demo', null));
    });
  }
  onClick('change', () => leave('sign-in'));
  onClick('other-basket', () => leave('basket'));
  onClick('again', () => {
    history.pushState(null, '', location.pathname);
    return load();
  });
  onClick('check', load);
  onClick('remove-credit', () => useCredit('0.00'));
  onClick('use-most', () => {
    const { total_amount: total } = store.preOrder;
    return useCredit(minor(store.balance) < minor(total) ? store.balance : total);
  });
}

function wireCard() {
  byId('card-number').addEventListener('input', ({ target }) => {
    if (target.selectionStart === target.value.length) {
      target.value = digitsOf(target.value).replace(/(.{4})(?=.)/g, '$1 ');
    }
    if (digitsOf(target.value).length >= 6) run(enterBin);
  });
  byId('plan-list').addEventListener('change', ({ target }) =>
    run(() => act('InstallmentSelectionPage', { installment: target.value }, byId('card'))));
  byId('banks').addEventListener('change', ({ target }) =>
    run(() => act('FundsTransferChoicePage', { bank_account: target.value }, byId('funds'))));
  const months = Array.from({ length: 12 }, (_, index) => String(index + 1).padStart(2, '0'));
  const years = Array.from({ length: 12 }, (_, index) => String(new Date().getFullYear() + index));
  for (const [id, values] of [['card-month', months], ['card-year', years]]) {
    byId(id).append(element('option', { value: '' }, '–'), ...values.map((value) => element('option', { value }, value)));
  }
  byId('test-cards').append(...TEST_CARDS.map(([number, outcome]) => {
    const button = element('button', { type: 'button' }, element('code', {}, number), element('span', {}, outcome));
    button.addEventListener('click', () => fillCard(number, years[2]));
    return element('li', {}, button);
  }));
}

function fillCard(number, year) {
  clearErrors();
  const values = { 'card-number': number, 'card-holder': 'Ada Lovelace', 'card-month': '12', 'card-year': year, 'card-cvv': '123' };
  for (const [id, value] of Object.entries(values)) byId(id).value = value;
  run(enterBin);
}

function wireTabs() {
  byId('tabs').addEventListener('click', ({ target }) => {
    const option = store.options.find((each) => String(each.pk) === target.dataset.pk);
    if (option) run(() => choose(option));
  });
  byId('tabs').addEventListener('keydown', (event) => {
    const tabs = all('[role="tab"]', byId('tabs'));
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    tabs.at(to % tabs.length).focus();
  });
}

async function begin() {
  if (!cookie('pz-currency')) setCookie('pz-currency', 'try');
  if (!cookie('csrftoken')) setCookie('csrftoken', (await ask('GET', '/csrf_token/')).json.csrf_token);
  byId('currency').value = currency();
  await enter();
}

forget();
wireForms();
wireButtons();
wireCard();
wireTabs();
run(begin);
