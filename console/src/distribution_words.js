// Distributions in words: how they stand, what became of a row, and why one cannot be credited.

const STATES = {
  __proto__: null,
  previewed: 'Previewed',
  running: 'Running',
  cancelling: 'Being cancelled',
  closed: 'Closed',
  undoing: 'Being undone',
  undone: 'Undone',
};

const MEANINGS = {
  __proto__: null,
  previewed: 'Nothing has moved yet.',
  running: 'Customers are being credited. It goes on when you leave this screen.',
  cancelling: 'No further customer is credited. What was not credited returns.',
  closed: 'Every row has its outcome.',
  undoing: 'Credit is being taken back. It goes on when you leave this screen.',
  undone: 'What customers still had came back. What was spent stays spent.',
};

export const OUTCOMES = {
  __proto__: null,
  refused: 'Bad row',
  ready: 'To credit',
  waiting: 'Waiting',
  credited: 'Credited',
  failed: 'Failed',
  cancelled: 'Cancelled',
  undone: 'Undone',
};

const REASONS = {
  __proto__: null,
  account_id_taken: 'Account ID taken',
  broken_encoding: 'Broken letters',
  broken_quotes: 'Broken quotes',
  currency_mismatch: 'Another currency',
  duplicate_account: 'Same account twice',
  formula: 'Formula',
  invalid_amount: 'Wrong amount',
  invalid_recipient: 'No address or ID',
  invalid_row: 'Wrong row',
  note_too_long: 'Note too long',
  same_account: 'The primary account',
  unknown_account: 'No account',
  unknown_field: 'Unknown field',
  unknown_user: 'Unknown user',
  wrong_cells: 'Wrong number of cells',
};

/** Return the state of a distribution in words. */
export function stateOf(job) {
  return job.state === 'closed' && job.cancelled ? 'Cancelled' : STATES[job.state];
}

/** Return in a sentence what the state of a distribution means. */
export function meaningOf(job) {
  if (job.state !== 'closed' || !job.cancelled) return MEANINGS[job.state];
  return job.started_at
    ? `It was stopped while it ran. What was not credited went back to ${job.source}.`
    : 'It was cancelled before it ran. Nothing has moved.';
}

/** Return why a row cannot be credited, in a word or two. */
export function reasonOf(code) {
  return REASONS[code] ?? code;
}

/** Return a number as this browser's user writes it. */
export function count(number) {
  return new Intl.NumberFormat().format(number);
}

/** Return how many rows there are, perhaps of a kind: "2 good rows". */
export function rows(number, kind = '') {
  return [count(number), kind, number === 1 ? 'row' : 'rows'].filter(Boolean).join(' ');
}
