// Writes that move credit: each is remembered before it is sent, with the id that makes it happen
// once only. So a double click, a reload or a lost answer never moves credit twice.
//
// A move is { id, title, method, where, body, headers, proof, link, sentMs }: `title` says what it
// does once it is made, and `proof` is where it can be read then.

import { Refused, read, write } from './api.js';

const KEY = 'loyalty-money.moves';

/** How long after the last attempt a move may still arrive, in milliseconds. */
export const MAY_ARRIVE_MS = 60_000;

const listeners = new Set();
const underWay = new Set();

/** Return the moves that were sent and whose outcome this tab does not know, oldest first. */
export function openMoves() {
  return kept().filter((move) => !underWay.has(move.id));
}

/** Call back whenever the open moves change; returns how to stop that. */
export function onMoves(work) {
  listeners.add(work);
  return () => listeners.delete(work);
}

/** Return a new id for a move: 1 to 64 of the characters that the service takes. */
export function newId() {
  return crypto.randomUUID();
}

/**
 * Make a move, or make sure that it was made; returns `{ status, body }`.
 *
 * Throws `Refused` where it certainly was not made, and is forgotten. Throws `Unanswered` where
 * nobody knows: it stays among the open moves, to be made with the same id.
 */
export async function make(move) {
  const isFirst = !kept().some((each) => each.id === move.id);
  underWay.add(move.id);
  remember({ ...move, sentMs: Date.now() });
  try {
    const answer = await write(move.method, move.where, move.body, move.headers);
    forget(move.id);
    return answer;
  } catch (error) {
    // A refusal tells of this attempt; an earlier one without an answer may still arrive.
    if (error instanceof Refused && isFirst) forget(move.id);
    throw error;
  } finally {
    underWay.delete(move.id);
    tellAll();
  }
}

/**
 * Look whether a move was made, to give it up if not; returns "made", "not made", or the
 * milliseconds to wait until it can be said for sure.
 */
export async function settle(move) {
  try {
    await read(move.proof);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
    const left = move.sentMs + MAY_ARRIVE_MS - Date.now();
    if (left > 0) return left;
    forget(move.id);
    return 'not made';
  }
  try {
    // What is there may be somebody else's, as an account is: sent again, our own is found done.
    await make(move);
    return 'made';
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
    forget(move.id);
    return 'not made';
  }
}

function kept() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
}

function remember(move) {
  keep([...kept().filter((each) => each.id !== move.id), move]);
}

function forget(id) {
  keep(kept().filter((each) => each.id !== id));
}

function keep(moves) {
  sessionStorage.setItem(KEY, JSON.stringify(moves));
  tellAll();
}

function tellAll() {
  for (const work of listeners) work();
}
