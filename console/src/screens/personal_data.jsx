// A user's personal data: save all that is held, or take it away.

import { useState } from 'preact/hooks';

import { LONG_PATIENCE_MS, path, read, write } from '../api.js';
import { saveFile } from '../csv.js';
import { shown } from '../money.js';
import { putAway, tell } from '../notices.js';
import { ChoiceField, Confirm, Facts, Failed } from '../parts.jsx';
import { may } from '../session.js';

const ENDS = {
  keep: 'It is kept on the accounts.',
  expire: 'It expires: what is available moves to house:EXPIRED, and does not come back.',
};

/** The buttons of one user, for who may manage users; `onErase` asks whether to. */
export function PersonalData({ channel, user, onErase }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      const items = await readWhole(['channels', channel, 'users', user.user_pk, 'export']);
      const held = { channel, user_pk: user.user_pk, items };
      saveFile(`${user.user_pk}.json`, JSON.stringify(held, null, 2), 'application/json');
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <div class="actions">
        <button
          type="button"
          class="secondary"
          aria-label={`Export what is held about ${user.user_pk}`}
          aria-busy={busy}
          disabled={busy}
          onClick={save}
        >
          Export
        </button>
        <button
          type="button"
          class="secondary"
          aria-label={`Erase ${user.user_pk}`}
          onClick={onErase}
        >
          Erase …
        </button>
      </div>
      {error && <Failed error={error} />}
    </>
  );
}

/** The question whether to erase a user, what it would do, and what came of it. */
export function Erasure({ session, channel, user, onDone }) {
  const [busy, setBusy] = useState(false);
  const [credit, setCredit] = useState('keep');
  const erase = async () => {
    putAway();
    setBusy(true);
    try {
      // Repeatable by itself: sent again it finishes what was interrupted, and answers the same.
      const where = path(['channels', channel, 'users', user.user_pk, 'erasure']);
      const { body } = await write('PUT', where, { credit }, {}, LONG_PATIENCE_MS);
      tell('done', `Erased the user ${user.user_pk}. ${became(body.accounts)}`);
    } catch (error) {
      tell('failed', `The user ${user.user_pk} is not erased yet. ${error.message}`);
    } finally {
      onDone();
    }
  };
  return (
    <Confirm
      title={`Erase ${user.user_pk} for ever?`}
      yes="Erase for ever"
      busy={busy}
      onYes={erase}
      onNo={onDone}
    >
      <Facts
        facts={[
          ['E-mail', user.email ?? 'erased before'],
          ['Goes', 'Address, sessions, checkouts, baskets and addresses of orders'],
          ['Stays', 'The books: accounts, activities, orders without their contents'],
        ]}
      />
      <ChoiceField
        label="Credit that is left"
        hint={ENDS[credit]}
        options={choices(session)}
        value={credit}
        onValue={setCredit}
      />
    </Confirm>
  );
}

function choices(session) {
  const keep = ['keep', 'Keep it'];
  return may(session, 'adjust') ? [keep, ['expire', 'Let it expire']] : [keep];
}

async function readWhole(segments) {
  const items = [];
  let cursor = '';
  do {
    const page = await read(segments, { limit: '50', cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

function became(accounts) {
  const said = accounts.map(
    (each) =>
      `${each.account_id}: ${shown(each.expired, each.currency)} expired, ` +
      `${shown(each.balance, each.currency)} left.`,
  );
  return said.join(' ');
}
