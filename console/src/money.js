// Amounts are decimal text, as the service sends and takes them; never floats.

/** Return an amount as this browser's user writes it, with the digits that the service sent. */
export function shown(amount, currency) {
  const digits = digitsOf(amount);
  const format = new Intl.NumberFormat(undefined, {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // Intl takes decimal text and loses nothing of it.
  return format.format(amount);
}

/**
 * Return what was typed as plain decimal text. A decimal comma is understood where this browser's
 * language writes one; everything else is left for the service to judge.
 */
export function typed(text) {
  const plain = text.trim().replace(/^\u2212/, '-');
  return decimalMark() === ',' && !plain.includes('.') ? plain.replace(',', '.') : plain;
}

/** Return what is shown as an example in an amount's field. */
export function example(amount) {
  const digits = amount ? digitsOf(amount) : 2;
  return digits ? `0${decimalMark()}${'0'.repeat(digits)}` : '0';
}

/** Return an amount with the digits of another, "25" as "25.00", where it has no more than that. */
export function inDigitsOf(amount, like) {
  return plus(`${like}`.replace(/\d/g, '0').replace('-', ''), amount);
}

/** Return a + b, exactly. The result has the digits of `a`. */
export function plus(a, b) {
  return inDigits(minor(a, digitsOf(a)) + minor(b, digitsOf(a)), digitsOf(a));
}

/** Return a - b, exactly. The result has the digits of `a`. */
export function minus(a, b) {
  return inDigits(minor(a, digitsOf(a)) - minor(b, digitsOf(a)), digitsOf(a));
}

/** Return whether text is an amount that can be reckoned with in the digits of another. */
export function isAmount(text, like) {
  const digits = digitsOf(like);
  return /^-?\d{1,15}(\.\d+)?$/.test(text) && digitsOf(text) <= digits;
}

export function isNegative(amount) {
  return amount.startsWith('-');
}

export function isZero(amount) {
  return !/[1-9]/.test(amount);
}

/** Return an amount in minor units, for a chart: exact up to 2**53. */
export function minorUnits(amount) {
  return Number(minor(amount, digitsOf(amount)));
}

function digitsOf(amount) {
  return amount.split('.')[1]?.length ?? 0;
}

function minor(amount, digits) {
  const [whole, part = ''] = amount.split('.');
  return BigInt(whole + part.padEnd(digits, '0'));
}

function inDigits(units, digits) {
  const sign = units < 0n ? '-' : '';
  const text = String(units < 0n ? -units : units).padStart(digits + 1, '0');
  const at = text.length - digits;
  return sign + text.slice(0, at) + (digits ? `.${text.slice(at)}` : '');
}

function decimalMark() {
  const parts = new Intl.NumberFormat().formatToParts(1.5);
  return parts.find((part) => part.type === 'decimal').value;
}
