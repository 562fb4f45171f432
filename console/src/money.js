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
 * Return what was typed as plain decimal text, or "" for what could mean two things: where this
 * browser's language writes a decimal comma, a point may part thousands.
 */
export function typed(text) {
  const plain = text.trim().replace(/^\u2212/, '-');
  if (decimalMark() !== ',') return plain;
  return plain.includes('.') ? '' : plain.replace(',', '.');
}

/** Return an amount as it is typed into a field: plain, with this browser's decimal mark. */
export function asTyped(amount) {
  return amount.replace('.', decimalMark());
}

/** Return the smallest amount that has the digits of another, as it is typed. */
export function example(amount = '0.00') {
  return asTyped(
    amount
      .replace('-', '')
      .replace(/\d/g, '0')
      .replace(/^0+(?=\d)/, '')
      .replace(/0$/, '1'),
  );
}

/** How amounts are written, said where one is wrong. */
export function howToWrite(amount) {
  return `such as ${example(amount)}, without marks between thousands`;
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
