// The staff token of this tab. It lies in sessionStorage, so it ends with the tab.
//
// What it says of channels and scopes decides what is shown; what is allowed the service decides.

const KEY = 'loyalty-money.token';

/** Return who is signed in, or null: the token, its channels and scopes. */
export function currentSession() {
  const token = sessionStorage.getItem(KEY);
  return token === null ? null : sessionOf(token);
}

/** Keep a token. Throws an Error with a readable message for one that the console cannot use. */
export function keepToken(token) {
  const session = sessionOf(token);
  if (session === null) throw new Error('The token that came is not one for this console.');
  sessionStorage.setItem(KEY, token);
  return session;
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

/** Return whether a session has a scope; `admin` stands for all but `owner`. */
export function may(session, scope) {
  return session.scopes.includes(scope) || (session.scopes.includes('admin') && scope !== 'owner');
}

function sessionOf(token) {
  const claims = claimsOf(token);
  if (!claims || !Array.isArray(claims.channels)) return null;
  return {
    token,
    subject: String(claims.sub),
    channels: claims.channels,
    scopes: String(claims.scope ?? '').split(' '),
  };
}

function claimsOf(token) {
  try {
    const part = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
