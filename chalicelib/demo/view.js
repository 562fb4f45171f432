// Shows what the answers have said, and puts each error at its field. Text is set as text, never as
// markup.

import { currency, store } from './client.js';

export const byId = (id) => document.getElementById(id);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// --- errors and messages --------------------------------------------------------------------------

export function notice(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = !text;
  // Whoever pressed a button far below would not see it.
  if (text) byId('notice').scrollIntoView({ block: 'nearest' });
}

export function say(text) {
  byId('status').textContent = text;
}

/** Sets a text that is read out when it changes, and only then. */
function tell(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

export function clearErrors() {
  notice('');
  for (const box of all('.error')) box.hidden = true;
  for (const control of all('[aria-invalid]')) control.removeAttribute('aria-invalid');
}

/** Takes the error of a field away once its content changes. */
export function forgive(control) {
  if (!control.hasAttribute('aria-invalid')) return;
  control.removeAttribute('aria-invalid');
  boxOf(control.name, control, control.form).hidden = true;
}

/** Prints each text at its field, and goes to the first one; what has no field goes to the top. */
export function showErrors(errors, form, { focus = true } = {}) {
  let first = null;
  const others = [];
  for (const [field, texts] of Object.entries(errors ?? {})) {
    const text = [texts].flat().join(' ');
    const control = form?.querySelector(`[name="${field}"]`);
    const box = boxOf(field, control, form);
    if (!box) {
      others.push(text);
      continue;
    }
    box.textContent = text;
    box.hidden = false;
    const wrong = control ?? form.querySelector(`[aria-describedby~="${box.id}"]`);
    wrong?.setAttribute('aria-invalid', 'true');
    first ??= wrong;
  }
  if (others.length && byId('checking').checkVisibility()) tell(byId('checking'), others.join(' '));
  else if (others.length) notice(others.join(' '));
  if (first && focus) first.focus();
}

function boxOf(field, control, form) {
  if (field === 'payment_option') return byId('option-error');
  const named = form?.querySelector(`.error[data-for="${field}"]`);
  const described = control?.getAttribute('aria-describedby')?.split(' ').at(-1);
  return named ?? (described ? byId(described) : null);
}

// --- what is seen ---------------------------------------------------------------------------------

export function show(view) {
  const changed = byId(`view-${view}`).hidden;
  for (const each of all('.view')) each.hidden = each.id !== `view-${view}`;
  byId('who').hidden = view === 'sign-in';
  if (!changed) return;
  const title = byId(`${view}-title`);
  document.title = `${title.textContent} · Loyalty Money demo shop`;
  title.focus();
}

export function money(text) {
  const code = currency().toUpperCase();
  return new Intl.NumberFormat(undefined, { style: 'currency', currency: code, currencyDisplay: 'code' }).format(text);
}

export const minor = (text) => BigInt(text.replace('.', ''));

/** While a card payment is being checked nothing else is on offer. */
export function isChecking() {
  return Boolean(store.preOrder) && store.options.length === 0;
}

export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

export function render() {
  const order = store.preOrder;
  renderSums(order);
  renderCredit(order);
  renderTabs(order);
  renderPanel(order);
}

function renderSums(order) {
  byId('items').replaceChildren(...order.basket.basketitem_set.map((item) => line(item, item.total_amount)));
  const interest = minor(order.total_amount_with_interest) - minor(order.total_amount);
  byId('sum-total').textContent = money(order.total_amount);
  byId('sum-credit').textContent = `− ${money(order.loyalty_money)}`;
  byId('row-credit').hidden = minor(order.loyalty_money) === 0n;
  byId('sum-interest').textContent = interest ? money(spelled(interest, order.total_amount)) : '';
  byId('row-interest').hidden = interest === 0n;
  byId('sum-unpaid').textContent = money(toPay(order));
}

function line(item, price) {
  const name = element('span', {}, `${item.quantity} × ${item.product.name}`);
  return element('li', {}, name, element('b', {}, money(price)));
}

/** Writes minor units with as many digits after the point as `like` has. */
function spelled(amount, like) {
  const digits = like.length - like.indexOf('.') - 1;
  const text = String(amount).padStart(digits + 1, '0');
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function toPay(order) {
  return spelled(minor(order.total_amount_with_interest) - minor(order.loyalty_money), order.total_amount);
}

function renderCredit(order) {
  byId('view-checkout').querySelector('.credit').hidden = store.balance === null || isChecking();
  if (store.balance === null) return;
  byId('balance').textContent = money(store.balance);
  const used = minor(order.loyalty_money) > 0n;
  byId('credit-used').hidden = !used;
  byId('credit-used').firstElementChild.textContent = used ? `${money(order.loyalty_money)} of credit is used.` : '';
}

function renderTabs(order) {
  const active = new Set(store.options.map((option) => option.pk));
  const options = [...store.options, ...store.unavailable].sort((a, b) => a.pk - b.pk);
  const focused = byId('tabs').contains(document.activeElement) ? document.activeElement.dataset.pk : null;
  const chosen = order.payment_option?.pk;
  const reached = active.has(chosen) ? chosen : store.options[0]?.pk;
  const tabs = options.map((option) => {
    const tab = element('button', {
      type: 'button',
      role: 'tab',
      id: `tab-${option.pk}`,
      'aria-selected': String(option.pk === chosen),
      'aria-controls': `panel-${option.payment_type}`,
      'aria-disabled': String(!active.has(option.pk)),
      tabindex: option.pk === reached ? '0' : '-1',
    }, option.name);
    tab.dataset.pk = option.pk;
    return tab;
  });
  byId('tabs').hidden = isChecking();
  byId('tabs').replaceChildren(...tabs);
  if (focused) byId(`tab-${focused}`)?.focus();
}

function renderPanel(order) {
  const option = order.payment_option;
  const covered = minor(order.unpaid_amount) === 0n;
  let panel = option ? `panel-${option.payment_type}` : 'panel-none';
  if (covered && option?.payment_type !== 'loyalty_money') panel = 'panel-none';
  if (isChecking()) panel = 'panel-checking';
  if (!byId(panel)) panel = 'panel-none';
  byId('none-text').textContent = covered
    ? 'Store credit covers the whole order. Choose “Loyalty Money” to complete it.'
    : 'Choose how to pay.';
  for (const each of all('.panel')) each.hidden = each.id !== panel;
  if (option) byId(panel).setAttribute('aria-labelledby', `tab-${option.pk}`);
  byId('pay-credit').hidden = !covered;
  byId('short-text').hidden = covered;
  byId('short-text').textContent = `Credit pays an order when it covers all of it: ${money(order.unpaid_amount)} is missing. Use more credit above, or choose another way to pay.`;
  for (const button of all('[data-pay]')) button.textContent = `Pay ${money(toPay(order))}`;
  byId('funds').querySelector('[data-pay]').textContent = `Order and transfer ${money(order.unpaid_amount)}`;
  renderPlans(order);
  renderBanks();
}

function renderPlans(order) {
  const shown = store.plans.length > 0 && store.bin !== '';
  byId('plans').hidden = !shown;
  byId('card-type').textContent = shown ? (store.cardType?.name ?? '') : '';
  const focused = byId('plan-list').contains(document.activeElement);
  const plans = store.plans.map((plan) => {
    const monthly = money(plan.monthly_price_with_accrued_interest);
    const each = plan.installment_count > 1 ? element('small', {}, `${plan.installment_count} × ${monthly}`) : '';
    return choice('installment', plan.pk, order.installment?.pk === plan.pk, [plan.label, each], money(plan.price_with_accrued_interest));
  });
  byId('plan-list').replaceChildren(...plans);
  if (focused) byId('plan-list').querySelector(':checked')?.focus();
}

function renderBanks() {
  const before = byId('banks').querySelector(':checked')?.value;
  const focused = byId('banks').contains(document.activeElement);
  const banks = store.banks.map((account) => {
    const details = element('small', {}, `${account.holder_name}, ${account.iban}`);
    return choice('bank_account', account.pk, String(account.pk) === before, [account.bank.name, details], '');
  });
  byId('banks').replaceChildren(...banks);
  if (focused) byId('banks').querySelector(':checked')?.focus();
}

function choice(name, value, checked, texts, price) {
  const input = element('input', { type: 'radio', name, value });
  input.checked = checked;
  return element('label', {}, input, element('span', {}, ...texts), element('b', {}, price));
}

export function renderOrder(order, left) {
  byId('order-items').replaceChildren(...order.orderitem_set.map((item) => line(item, item.price)));
  byId('order-number').textContent = order.number;
  byId('order-email').textContent = order.user_email;
  byId('order-total').textContent = money(order.amount);
  byId('order-credit').textContent = money(order.loyalty_money);
  byId('order-payment').textContent = order.payment_option.name;
  byId('credit-left').textContent = money(left);
}
