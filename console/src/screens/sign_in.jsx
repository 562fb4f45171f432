// Who is there: sign-in by the provider, or by the demo token of a local service.

import { useState } from 'preact/hooks';

import { write } from '../api.js';
import { Title } from '../parts.jsx';
import { signIn } from '../sign_in.js';

export function SignIn({ config, reason, onToken }) {
  const [wrong, setWrong] = useState(reason);
  const [busy, setBusy] = useState(false);
  const attempt = (work) => async () => {
    setBusy(true);
    setWrong(undefined);
    try {
      await work();
    } catch (error) {
      setWrong(error.message);
      setBusy(false);
    }
  };
  const asDemo = (scopes) =>
    attempt(async () => {
      onToken((await write('POST', 'demo/staff-token', { scopes })).body.token);
    });
  const kind = config.sign_in.kind;
  return (
    <article class="sign-in">
      <Title>Loyalty Money</Title>
      <p>Store credit for your shops: accounts, transfers, orders and settings.</p>
      {wrong && (
        <p role="alert" class="notice failed">
          {wrong}
        </p>
      )}
      {kind === 'demo' && (
        <>
          <p>This service runs on this machine alone, with demo data.</p>
          <button type="button" disabled={busy} onClick={asDemo('admin')}>
            Continue as the demo admin
          </button>
          <button type="button" class="secondary" disabled={busy} onClick={asDemo('read audit')}>
            Only look around
          </button>
        </>
      )}
      {kind === 'oidc' && (
        <button
          type="button"
          aria-busy={busy}
          disabled={busy}
          onClick={attempt(() => signIn(config.sign_in))}
        >
          Sign in
        </button>
      )}
      {kind === 'none' && (
        <p>
          Nobody can sign in yet: this service has no identity provider for the console. Set{' '}
          <code>OIDC_ISSUER</code>, <code>OIDC_AUDIENCE</code>, <code>OIDC_JWKS_URL</code> and{' '}
          <code>CONSOLE_CLIENT_ID</code>.
        </p>
      )}
    </article>
  );
}
