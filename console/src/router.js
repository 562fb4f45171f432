// Where the console is, kept in the address after `#`: every screen has a link of its own.
//
// A route is a list of segments and a set of parameters: `#/demo/accounts?currency=TRY`.

import { useEffect, useState } from 'preact/hooks';

/** Return the link to a place: segments are encoded, empty parameters left out. */
export function linkTo(segments, parameters = {}) {
  const path = segments.map(encodeURIComponent).join('/');
  const wanted = Object.entries(parameters).filter(([, value]) => value);
  const query = new URLSearchParams(wanted).toString();
  return `#/${path}${query && `?${query}`}`;
}

/** Go to a place; the browser's Back leads here again. */
export function goTo(segments, parameters) {
  location.hash = linkTo(segments, parameters);
}

/** Return the place that an address after `#` names. */
export function placeOf(hash) {
  const [path, query] = hash.replace(/^#?\/?/, '').split('?');
  const segments = path.split('/').filter(Boolean).map(decoded);
  // A path would take these for steps in a folder.
  const isPlain = segments.every((segment) => segment !== '.' && segment !== '..');
  return {
    segments: isPlain ? segments : [],
    parameters: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** Return the current place, and render again whenever it changes. */
export function usePlace() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const look = () => setHash(location.hash);
    addEventListener('hashchange', look);
    look();
    return () => removeEventListener('hashchange', look);
  }, []);
  return { hash, ...placeOf(hash) };
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
