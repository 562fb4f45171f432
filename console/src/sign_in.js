// Signing in by OpenID Connect: authorization code with PKCE, by the library oauth4webapi.
//
// What a flow remembers lies in sessionStorage until it ends, and is used once. The access token
// that comes out is kept by session.js. There are no refresh tokens: it ends, one signs in again.

import * as oauth from 'oauth4webapi';

const KEY = 'loyalty-money.flow';

/** Leave the page for the provider, remembering where to come back to. */
export async function signIn(config) {
  const provider = await discover(config);
  const flow = {
    verifier: oauth.generateRandomCodeVerifier(),
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    hash: location.hash,
  };
  const url = new URL(provider.authorization_endpoint);
  const wanted = {
    client_id: config.client_id,
    redirect_uri: here(),
    response_type: 'code',
    scope: config.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    nonce: flow.nonce,
    // Some providers issue a token for an API only where it is named so; others ignore it.
    audience: config.audience,
  };
  for (const [name, value] of Object.entries(wanted)) url.searchParams.set(name, value);
  sessionStorage.setItem(KEY, JSON.stringify(flow));
  location.assign(url);
}

/**
 * End a flow when the provider has sent the browser back. Returns the access token; null where the
 * page was opened otherwise. Throws an Error with a readable message.
 */
export async function finishSignIn(config) {
  const answer = new URL(location.href);
  const comesBack = ['code', 'error'].some((name) => answer.searchParams.has(name));
  if (config.kind !== 'oidc' || !comesBack) return null;
  const flow = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  sessionStorage.removeItem(KEY);
  history.replaceState(null, '', here() + (flow?.hash ?? ''));
  if (!flow)
    throw new Error('This sign-in was ended before, or begun in another tab: sign in again.');
  const provider = await discover(config);
  try {
    return checked(await tokenOf(config, provider, answer, flow));
  } catch (error) {
    // Not before the state is known to be ours: anybody can send a browser to this address.
    const reason =
      error.error === 'access_denied'
        ? 'The sign-in was refused, or cancelled.'
        : `The sign-in did not succeed: ${saidBy(error, config)}`;
    throw new Error(reason, { cause: error });
  }
}

/** Sign out at the provider too, where it can; returns whether the page is left for that. */
export async function signOut(config) {
  if (config.kind !== 'oidc') return false;
  const provider = await discover(config).catch(() => ({}));
  if (!provider.end_session_endpoint) return false;
  const url = new URL(provider.end_session_endpoint);
  url.searchParams.set('client_id', config.client_id);
  url.searchParams.set('post_logout_redirect_uri', here());
  location.assign(url);
  return true;
}

async function tokenOf(config, provider, answer, flow) {
  const client = { client_id: config.client_id };
  const parameters = oauth.validateAuthResponse(provider, client, answer, flow.state);
  const response = await oauth.authorizationCodeGrantRequest(
    provider,
    client,
    oauth.None(),
    parameters,
    here(),
    flow.verifier,
    insecure(config),
  );
  const tokens = await oauth.processAuthorizationCodeResponse(provider, client, response, {
    expectedNonce: flow.nonce,
    requireIdToken: true,
  });
  return tokens.access_token;
}

async function discover(config) {
  const issuer = new URL(config.issuer);
  try {
    const response = await oauth.discoveryRequest(issuer, insecure(config));
    return await oauth.processDiscoveryResponse(issuer, response);
  } catch (error) {
    throw new Error(
      `The identity provider ${issuer.host} does not answer as one: try again later.`,
      {
        cause: error,
      },
    );
  }
}

/** Return what the provider said, since the library's own message does not repeat it. */
function saidBy(error, config) {
  if (error.error) return [error.error, error.error_description].filter(Boolean).join(': ');
  // A browser tells no more of an answer that did not come, or that CORS or our policy forbids.
  const isSilent = error instanceof TypeError && !error.code;
  return isSilent ? `${new URL(config.issuer).host} let no token be fetched.` : error.message;
}

/** Return an access token that the service can read, or throw what it lacks. */
function checked(token) {
  let claims;
  try {
    claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    throw new Error('the access token is no JWT. The provider must issue one for this service.');
  }
  const missing = ['channels', 'scope'].filter((name) => !(name in claims));
  if (!missing.length && !Array.isArray(claims.channels)) {
    throw new Error('the claim channels of the access token is no list.');
  }
  if (missing.length) {
    throw new Error(
      `the access token lacks ${missing.join(' and ')}. Who runs the provider adds these claims.`,
    );
  }
  return token;
}

/** Return where the provider sends the browser back to: this page, as it is registered there. */
function here() {
  return location.origin + location.pathname;
}

/** Unencrypted is fine on this very machine alone. */
function insecure(config) {
  const { hostname } = new URL(config.issuer);
  return { [oauth.allowInsecureRequests]: ['127.0.0.1', 'localhost'].includes(hostname) };
}
