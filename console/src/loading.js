// What a screen loads: one thing, or a list page by page.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { read } from './api.js';

const SETTLES_MS = 250;
const LOOK_MS = 1000;
const LOOK_LATER_MS = 500;
const MAX_LOOK_MS = 5000;

/**
 * Load one thing. Returns `{ value, error, loading, reload }`; with no segments nothing is loaded.
 * The value stays while it is loaded anew.
 */
export function useThing(segments, parameters) {
  const wanted = segments && JSON.stringify([segments, parameters ?? {}]);
  const [state, setState] = useState({});
  const turn = useRef(0);
  const load = useCallback(async () => {
    const mine = ++turn.current;
    const isStale = () => mine !== turn.current;
    if (!wanted) return setState({});
    setState((now) => ({ ...(now.wanted === wanted && now), wanted, loading: true, error: null }));
    try {
      const value = await read(...JSON.parse(wanted));
      if (!isStale()) setState({ wanted, value });
    } catch (error) {
      if (!isStale()) setState({ wanted, error });
    }
  }, [wanted]);
  useEffect(() => void load(), [load]);
  const now = state.wanted === wanted ? state : { loading: Boolean(wanted) };
  return { ...now, reload: load };
}

/**
 * Load one thing, and again and again while `isMoving(value)`: each second, and later each time
 * when nothing changes; not while the tab is hidden, nor once the screen is left.
 *
 * Returns `{ value, error, reload, stillMs }`: `error` stands beside the last value, and `stillMs`
 * is how long nothing has changed.
 */
export function useWatched(segments, isMoving) {
  const thing = useThing(segments);
  const isHidden = useHidden();
  const last = useRef({});
  const seen = useRef({ looks: 0, sinceMs: Date.now() });
  if (!thing.loading) {
    last.current = { value: thing.value ?? last.current.value, error: thing.error };
  }
  const { value, error } = last.current;
  useEffect(() => {
    const text = JSON.stringify(value);
    const isSame = text === seen.current.text;
    seen.current = isSame
      ? { ...seen.current, looks: seen.current.looks + 1 }
      : { text, looks: 0, sinceMs: Date.now() };
  }, [thing.value]);
  const isWatched = Boolean(value) && !thing.loading && !isHidden && isMoving(value);
  useEffect(() => {
    if (!isWatched) return undefined;
    const wait = Math.min(MAX_LOOK_MS, LOOK_MS + LOOK_LATER_MS * seen.current.looks);
    const timer = setTimeout(thing.reload, wait);
    return () => clearTimeout(timer);
  }, [isWatched]);
  return { value, error, reload: thing.reload, stillMs: Date.now() - seen.current.sinceMs };
}

/** Return a reference that says whether the screen is still there, for when an answer comes. */
export function useIsThere() {
  const isThere = useRef(true);
  useEffect(() => () => (isThere.current = false), []);
  return isThere;
}

function useHidden() {
  const [isHidden, setHidden] = useState(document.hidden);
  useEffect(() => {
    const look = () => setHidden(document.hidden);
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  return isHidden;
}

/**
 * Load a list by its cursor, or those of its items that `keep` says. Returns
 * `{ items, error, loading, hasMore, more, reload }`; `items` is undefined until the first page is
 * there.
 */
export function useList(segments, parameters, keep = () => true) {
  const wanted = segments && JSON.stringify([segments, parameters ?? {}]);
  const [state, setState] = useState({});
  const turn = useRef(0);
  const load = useCallback(
    async (before, cursor) => {
      const mine = ++turn.current;
      const isStale = () => mine !== turn.current;
      if (!wanted) return setState({});
      setState((now) => ({
        ...(now.wanted === wanted && now),
        wanted,
        loading: true,
        error: null,
      }));
      try {
        const [at, filters] = JSON.parse(wanted);
        const page = await nextPage(at, { ...filters, cursor }, keep);
        if (isStale()) return;
        setState({ wanted, items: [...before, ...page.items], cursor: page.next_cursor });
      } catch (error) {
        if (!isStale()) setState((now) => ({ ...now, loading: false, error }));
      }
    },
    [wanted],
  );
  const reload = useCallback(() => load([], null), [load]);
  useEffect(() => void reload(), [reload]);
  const now = state.wanted === wanted ? state : { loading: Boolean(wanted) };
  return {
    items: now.items,
    error: now.error,
    loading: now.loading,
    hasMore: Boolean(now.cursor),
    more: () => load(now.items, now.cursor),
    reload,
  };
}

/** Return a value once it has not changed for a moment: what is typed is looked up when it is done. */
export function useSettled(value) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLES_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** Return the next page that is not empty: a page may hold no rows and still have a cursor. */
async function nextPage(segments, parameters, keep) {
  let cursor = parameters.cursor;
  let items;
  do {
    const page = await read(segments, { ...parameters, cursor });
    items = page.items.filter(keep);
    cursor = page.next_cursor;
  } while (!items.length && cursor);
  return { items, next_cursor: cursor };
}

/** Read a whole list, page by page; `tell` is called with how many rows there are so far. */
export async function readAll(segments, tell, filters = { limit: 50 }) {
  const rows = [];
  let cursor = null;
  do {
    const page = await read(segments, { ...filters, cursor });
    rows.push(...page.items);
    tell(rows.length);
    cursor = page.next_cursor;
  } while (cursor);
  return rows;
}
