// The one place that speaks with the service.

import { currentSession } from './session.js';

/** The service stands one folder above the console, whatever prefix a stage has. */
const SERVICE = new URL('../', document.baseURI);
const PATIENCE_MS = 15_000;
/** For what is about thousands of customers: a gateway gives up after 29 s, and a line is slow. */
export const LONG_PATIENCE_MS = 60_000;
const BUSY_WAITS_MS = [300, 1000, 2000];

/** A definite refusal: nothing moved. `code` is stable; `fields` maps a field to what is wrong. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code;
    this.fields = Object.fromEntries(
      (problem.errors ?? []).map((each) => [each.field, each.detail]),
    );
  }
}

/** No definite answer: a write may have been made. It is safe to send it again, with its id. */
export class Unanswered extends Error {}

let whenSignedOut = () => {};

/** Say what happens when the service does not know our token any more. */
export function onSignedOut(work) {
  whenSignedOut = work;
}

/** Return a path below the service, each segment encoded. */
export function path(segments, parameters = {}) {
  const wanted = Object.entries(parameters).filter(([, value]) => value);
  const query = new URLSearchParams(wanted).toString();
  return segments.map(encodeURIComponent).join('/') + (query && `?${query}`);
}

/** Read. Throws `Refused`, or `Unanswered` after a few tries. */
export async function read(segments, parameters) {
  const where = path(segments, parameters);
  const session = currentSession();
  return (await patiently(() => send(session, 'GET', where), true)).body;
}

/**
 * Write, and return `{ status, body }`; a body that is text is sent as CSV. While the service is
 * busy the same is sent again: each write carries an id, so it is made once. Throws `Refused` or
 * `Unanswered`.
 */
export function write(method, where, body, headers, patienceMs = PATIENCE_MS) {
  // Whoever began it goes on with it, whatever happens in this tab meanwhile.
  const session = currentSession();
  return patiently(() => send(session, method, where, body, headers, patienceMs), false);
}

async function patiently(work, mayRepeatSilence) {
  for (const wait of BUSY_WAITS_MS) {
    try {
      return await work();
    } catch (error) {
      const busy = error.code === 'busy' || (mayRepeatSilence && error instanceof Unanswered);
      if (!busy) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return work();
}

async function send(session, method, where, body, headers = {}, patienceMs = PATIENCE_MS) {
  const all = { ...headers };
  if (session) all.Authorization = `Bearer ${session.token}`;
  const isText = typeof body === 'string';
  if (body !== undefined) all['Content-Type'] = isText ? 'text/csv' : 'application/json';
  let answer, text;
  try {
    answer = await fetch(new URL(where, SERVICE), {
      method,
      headers: all,
      body: body === undefined || isText ? body : JSON.stringify(body),
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(patienceMs),
    });
    text = await answer.text();
  } catch {
    throw new Unanswered('The service did not answer. Is there a connection?');
  }
  const content = parsed(text);
  if (answer.ok && content === null) throw new Unanswered('The answer could not be read.');
  if (answer.ok) return { status: answer.status, body: content };
  const problem = content ?? {};
  // What has no code of ours may come from something in between, after the service has acted.
  const isDefinite = problem.code && (answer.status < 500 || problem.code === 'busy');
  if (!isDefinite) {
    throw new Unanswered(problem.detail || `The service answered ${answer.status}.`);
  }
  const isCurrent = session?.token === currentSession()?.token;
  if (answer.status === 401 && isCurrent) whenSignedOut(problem.detail);
  throw new Refused(answer.status, problem);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
