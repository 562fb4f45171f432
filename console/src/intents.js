// Writes that move credit: each is remembered before it is sent, with the id that makes it happen
// once only. So a double click, a reload or a lost answer never moves credit twice.
//
// An intent is { id, title, method, where, body, headers, proof, link, sentMs }: `title` says what it
// does once it is made, and `proof` is where it can be read then. One whose place is not its own,
// as a reversal's is not, says in `before` what it means that it was made before.

import { Refused, read, write } from './api.js';

const KEY = 'loyalty-money.intents';

/** How long after the last attempt an intent may still arrive, in milliseconds. */
export const MAY_ARRIVE_MS = 60_000;

const listeners = new Set();
const firstUnderWay = new Set();

/** Return the intents that were sent and whose outcome this tab does not know, oldest first. */
export function openIntents() {
  return kept().filter((intent) => !firstUnderWay.has(intent.id));
}

/** Call back whenever the open intents change; returns how to stop that. */
export function onIntents(work) {
  listeners.add(work);
  return () => listeners.delete(work);
}

/** Return a new id for an intent: 1 to 64 of the characters that the service takes. */
export function newId() {
  return crypto.randomUUID();
}

/**
 * Make what is intended, or make sure that it was made; returns `{ status, body }`.
 *
 * Throws `Refused` where it certainly was not made, and is forgotten. Throws `Unanswered` where
 * nobody knows: it stays among the open intents, to be made with the same id.
 */
export async function make(intent) {
  const isFirst = !kept().some((each) => each.id === intent.id);
  try {
    if (isFirst) firstUnderWay.add(intent.id);
    remember({ ...intent, sentMs: Date.now() });
    const answer = await write(intent.method, intent.where, intent.body, intent.headers);
    forget(intent.id);
    return answer;
  } catch (error) {
    // A refusal tells of this attempt; an earlier one without an answer may still arrive.
    if (error instanceof Refused && isFirst) forget(intent.id);
    throw error;
  } finally {
    firstUnderWay.delete(intent.id);
    tellAll();
  }
}

/**
 * Look whether an intent was made, to give it up if not; returns "made", "not made", or the
 * milliseconds to wait until it can be said for sure.
 */
export async function settle(intent) {
  try {
    await read(intent.proof);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
    const left = intent.sentMs + MAY_ARRIVE_MS - Date.now();
    if (left > 0) return left;
    forget(intent.id);
    return 'not made';
  }
  try {
    // What is there may be somebody else's, as an account is: sent again, our own is found done.
    await make(intent);
    return 'made';
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
    forget(intent.id);
    return 'not made';
  }
}

function kept() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
}

function remember(intent) {
  keep([...kept().filter((each) => each.id !== intent.id), intent]);
}

function forget(id) {
  keep(kept().filter((each) => each.id !== id));
}

function keep(intents) {
  sessionStorage.setItem(KEY, JSON.stringify(intents));
  tellAll();
}

function tellAll() {
  for (const work of listeners) work();
}
