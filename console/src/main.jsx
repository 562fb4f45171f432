// The console: who is signed in, which channel and screen, and what is told at the top.

import './console.css';

import { render } from 'preact';
import { useEffect, useErrorBoundary, useState } from 'preact/hooks';

import { onSignedOut, read } from './api.js';
import { OpenIntents } from './intending.jsx';
import { currentNotice, onNotice, putAway } from './notices.js';
import { Failed, Title } from './parts.jsx';
import { goTo, linkTo, usePlace } from './router.js';
import { AccountById, AccountDetail } from './screens/account.jsx';
import { Accounts } from './screens/accounts.jsx';
import { DistributionDetail } from './screens/distribution.jsx';
import { Distributions } from './screens/distributions.jsx';
import { Home } from './screens/home.jsx';
import { NewAccount } from './screens/new_account.jsx';
import { NewDistribution } from './screens/new_distribution.jsx';
import { OrderDetail, Orders } from './screens/orders.jsx';
import { Setting, Settings } from './screens/settings.jsx';
import { SignIn } from './screens/sign_in.jsx';
import { Users } from './screens/users.jsx';
import { currentSession, forgetToken, keepToken } from './session.js';
import { finishSignIn, signOut } from './sign_in.js';

/** The screens, by what follows the channel in the address. `:name` stands for any segment. */
const SCREENS = [
  ['', Home, 'Home'],
  ['accounts', Accounts, 'Loyalty Accounts'],
  ['accounts/new', NewAccount],
  ['accounts/:user_pk/:currency', AccountDetail],
  ['account-ids/:account_id', AccountById],
  ['distributions', Distributions, 'Distributions'],
  ['distributions/new', NewDistribution],
  ['distributions/:distribution_id', DistributionDetail],
  ['users', Users, 'Users'],
  ['orders', Orders, 'Orders'],
  ['orders/:reference', OrderDetail],
  ['settings', Settings, 'Dynamic Settings'],
  ['settings/:name', Setting],
];

function Console({ config }) {
  const [session, setSession] = useState(currentSession);
  const [reason, setReason] = useState(config.reason);
  const place = usePlace();
  const leave = (why) => {
    forgetToken();
    setReason(why);
    setSession(null);
  };
  useEffect(() => onSignedOut((why) => leave(why ?? 'Your sign-in has ended.')), []);

  const signedIn = (token) => {
    try {
      setSession(keepToken(token));
    } catch (error) {
      setReason(error.message);
    }
  };
  if (!session) {
    return (
      <main class="container">
        <SignIn config={config} reason={reason} onToken={signedIn} />
      </main>
    );
  }
  const signOff = async () => {
    leave(undefined);
    await signOut(config.sign_in);
  };
  return <SignedIn session={session} place={place} onSignOut={signOff} />;
}

function SignedIn({ session, place, onSignOut }) {
  const [channel = session.channels[0], ...rest] = place.segments;
  const [turn, setTurn] = useState(0);
  const [broken, resetBroken] = useErrorBoundary();
  useEffect(resetBroken, [place.hash]);
  const known = session.channels.includes(channel);
  const [screen, named] = screenOf(rest);
  const Screen = screen ?? Missing;
  useEffect(() => {
    if (!place.segments.length && channel) location.replace(linkTo([channel]));
  }, [place.hash]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <Header session={session} channel={channel} at={rest[0] ?? ''} onSignOut={onSignOut} />
      <main class="container" id="main">
        <div class="told">
          <Notice place={place.hash} />
          <OpenIntents onSettled={() => setTurn(turn + 1)} />
        </div>
        {broken && <Failed error={broken} again={resetBroken} />}
        {!broken && known && (
          <Screen
            key={`${place.hash} ${turn}`}
            {...named}
            session={session}
            channel={channel}
            query={place.parameters}
          />
        )}
        {!broken && !known && <Missing session={session} channel={channel} />}
      </main>
    </>
  );
}

function Header({ session, channel, at, onSignOut }) {
  return (
    <header class="container">
      <nav aria-label="Account">
        <ul>
          <li>
            <strong>Loyalty Money</strong>
          </li>
        </ul>
        <ul>
          <li class="who">{session.subject}</li>
          <li>
            <label class="channel">
              Channel{' '}
              <select value={channel} onChange={(event) => goTo([event.currentTarget.value])}>
                {session.channels.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            </label>
          </li>
          <li>
            <button type="button" class="outline secondary" onClick={onSignOut}>
              Sign out
            </button>
          </li>
        </ul>
      </nav>
      <nav aria-label="Screens" class="screens">
        <ul>
          {SCREENS.filter(([, , name]) => name).map(([path, , name]) => (
            <li key={path}>
              <a
                href={linkTo(path ? [channel, path] : [channel])}
                aria-current={
                  path === at || (path === 'accounts' && at === 'account-ids') ? 'page' : undefined
                }
              >
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </header>
  );
}

/** What happened last. It also stays on the screen that it links to. */
function Notice({ place }) {
  const [notice, setNotice] = useState(() => here(currentNotice()));
  useEffect(() => onNotice((told) => setNotice(here(told))), []);
  useEffect(() => {
    if (notice && notice.place !== place && notice.link?.href !== place) putAway();
  }, [place]);
  return (
    <div role="status">
      {notice && (
        <div class={`notice ${notice.kind}`}>
          <p>
            {notice.text} {notice.link && <a href={notice.link.href}>{notice.link.text}</a>}
          </p>
          <button type="button" class="secondary" onClick={putAway}>
            Close
          </button>
        </div>
      )}
    </div>
  );
}

function here(told) {
  return told && { ...told, place: location.hash };
}

function Missing({ session, channel }) {
  return (
    <>
      <Title>Not found</Title>
      <p>
        {session.channels.includes(channel)
          ? 'The console has no such screen.'
          : `Your sign-in does not reach the channel ${channel}.`}
      </p>
      <a href={linkTo([])}>Go home</a>
    </>
  );
}

function screenOf(segments) {
  for (const [path, screen] of SCREENS) {
    const pattern = path ? path.split('/') : [];
    const fits = pattern.every((part, at) => part.startsWith(':') || part === segments[at]);
    if (!fits || pattern.length !== segments.length) continue;
    const named = pattern.map((part, at) => [part.slice(1), part.startsWith(':') && segments[at]]);
    return [screen, Object.fromEntries(named.filter(([, value]) => value))];
  }
  return [null, {}];
}

function skip(event) {
  event.preventDefault();
  document.querySelector('h1')?.focus();
}

async function start() {
  const config = await read(['console', 'config.json']);
  try {
    const token = await finishSignIn(config.sign_in);
    if (token) keepToken(token);
  } catch (error) {
    config.reason = error.message;
  }
  render(<Console config={config} />, document.body);
}

start().catch((error) => {
  render(
    <main class="container">
      <Failed error={error} again={() => location.reload()} />
    </main>,
    document.body,
  );
});
