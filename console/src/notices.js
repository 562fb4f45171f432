// What happened, told at the top of the page until it is put away, the next thing happens, or the
// screen is left: so whoever leads to another screen does that first, and tells it there.

const listeners = new Set();
let current = null;

/** Tell something: `kind` is "done" or "failed", `link` is `{ href, text }` or nothing. */
export function tell(kind, text, link) {
  current = { kind, text, link };
  for (const work of listeners) work(current);
}

export function currentNotice() {
  return current;
}

export function putAway() {
  current = null;
  for (const work of listeners) work(current);
}

export function onNotice(work) {
  listeners.add(work);
  return () => listeners.delete(work);
}
