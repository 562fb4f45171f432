// Writes that move credit: each is remembered before it is sent, with the id that makes it happen
// once only. So a double click, a reload or a lost answer never moves credit twice.
//
// An intent is { id, title, method, where, body, headers, proof, link, sentMs }: `title` says what it
// does once it is made, and `proof` is where it can be read then. Where somebody else may have done
// the same, `before` says what that means, and `taken` is the code of its refusal.

import { Refused, Unanswered, read, write } from './api.js';
import { currentSession } from './session.js';

const KEY = 'loyalty-money.intents';

/** How long after the last attempt an intent may still arrive, in milliseconds. */
export const MAY_ARRIVE_MS = 60_000;

const listeners = new Set();
const underWay = new Set();

/** Return the user's intents that were sent and whose outcome is not known, oldest first. */
export function openIntents() {
  const subject = currentSession()?.subject;
  return kept().filter((intent) => intent.subject === subject);
}

/** Return whether this very page waits for the answer to an intent. */
export function isUnderWay(intent) {
  return underWay.has(intent.id);
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
  const subject = intent.subject ?? currentSession()?.subject;
  const note = () => remember({ ...intent, subject, sentMs: Date.now() });
  try {
    underWay.add(intent.id);
    note();
    const answer = await write(intent.method, intent.where, intent.body, intent.headers);
    forget(intent.id);
    return answer;
  } catch (error) {
    // A refusal tells of this attempt; an earlier one without an answer may still arrive.
    if (error instanceof Refused && isFirst) forget(intent.id);
    else if (error instanceof Unanswered) note();
    throw error;
  } finally {
    underWay.delete(intent.id);
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
  if (intent.taken) return settleBySending(intent);
  forget(intent.id);
  return 'made';
}

/** What is there may be somebody else's: sent again, our own is found done. */
async function settleBySending(intent) {
  try {
    await make(intent);
    return 'made';
  } catch (error) {
    if (error.code !== intent.taken) throw error;
    forget(intent.id);
    return 'not made';
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
  } catch {
    return [];
  }
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
