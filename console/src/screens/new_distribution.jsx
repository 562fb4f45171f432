// New Distribution: from which account, and the file that says who gets what. Nothing moves here.

import { useEffect, useRef, useState } from 'preact/hooks';

import { LONG_PATIENCE_MS, path, Unanswered, write } from '../api.js';
import { complaints } from '../intending.jsx';
import { newId } from '../intents.js';
import { useIsThere, useList, useSettled } from '../loading.js';
import { shown } from '../money.js';
import { tell } from '../notices.js';
import {
  CheckBox,
  ChoiceField,
  Failed,
  Field,
  focusFirstWrong,
  TextField,
  Title,
} from '../parts.jsx';
import { goTo, linkTo } from '../router.js';
import { may } from '../session.js';

const MAX_BYTES = 4 * 1024 * 1024;
const LINES_SHOWN = 4;

const LOOKING = 'The account is being looked up. Press Preview again in a moment.';

/** The encodings that spreadsheets save CSV in; the service is always sent UTF-8. */
const ENCODINGS = [
  ['utf-8', 'UTF-8'],
  ['windows-1254', 'Windows-1254 (Turkish Excel)'],
];

const SAMPLE = 'user_email,amount,note\r\nada@example.com,25.00,Spring\r\ngrace@example.com,10.00,';

/** Where the refusals of the service belong in this form, by their code. */
const FIELDS = {
  body_too_large: 'file',
  currency_mismatch: 'currency',
  id_conflict: 'id',
  invalid_csv: 'file',
  too_many_rows: 'file',
  unknown_account: 'source',
  unknown_currency: 'currency',
};

export function NewDistribution({ session, channel, query }) {
  if (may(session, 'distributions')) {
    return (
      <>
        <Title>New Distribution</Title>
        <Upload channel={channel} source={query.source ?? ''} />
      </>
    );
  }
  return (
    <>
      <Title>New Distribution</Title>
      <p class="empty">Your sign-in may not distribute credit.</p>
    </>
  );
}

function Upload({ channel, source }) {
  const [wanted, setWanted] = useState({
    source,
    currency: '',
    file: null,
    encoding: 'utf-8',
    opens: false,
    id: '',
  });
  const [missing, setMissing] = useState({});
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState(false);
  const isThere = useIsThere();
  // The same upload keeps its id, so one whose answer was lost is found when it is sent again.
  const ownId = useRef(newId());
  const set = (name) => (value) => {
    ownId.current = newId();
    setWanted({ ...wanted, [name]: value });
    setMissing({ ...missing, [name]: undefined });
    setRefusal(null);
  };
  const found = useAccounts(channel, wanted.source.trim());
  const account =
    found.accounts.length === 1
      ? found.accounts[0]
      : found.accounts.find((each) => each.currency === wanted.currency);
  const look = useLook(wanted.file, wanted.encoding);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    setBusy(true);
    setRefusal(null);
    try {
      const [text, unread] = await textOf(wanted.file, wanted.encoding);
      const wrong = whatIsWrong(wanted, found, account, unread ?? whyTooLarge(text));
      setMissing(wrong);
      if (Object.values(wrong).some(Boolean)) return focusFirstWrong(form);
      const id = wanted.id.trim() || ownId.current;
      const answer = await send(channel, id, account, wanted.opens, text);
      if (isThere.current) goTo([channel, 'distributions', id]);
      tellOf(answer, isThere.current ? undefined : linkTo([channel, 'distributions', id]));
    } catch (error) {
      if (isThere.current) setRefusal(error);
      else tell('failed', `Not uploaded. ${error.message}`);
      focusFirstWrong(form);
    } finally {
      setBusy(false);
    }
  };
  const wrongAt = complaints(missing, refusal?.code ? refusal : null, FIELDS);
  const told = ['source', 'currency', 'file', 'id'].some(wrongAt);
  return (
    <form class="narrow" onSubmit={submit} noValidate>
      {refusal && !told && <Failed error={inTheForm(refusal)} />}
      <TextField
        label="Primary account"
        type="search"
        required
        hint={found.hint}
        wrong={wrongAt('source') ?? found.wrong}
        value={wanted.source}
        onValue={set('source')}
      />
      <CurrencyField
        accounts={found.accounts}
        account={account}
        wrong={wrongAt('currency')}
        onValue={set('currency')}
      />
      <FileField
        look={look}
        wrong={wrongAt('file')}
        onFile={set('file')}
        onEncoding={set('encoding')}
      />
      <ChoiceField
        label="Encoding of the file"
        options={ENCODINGS}
        value={wanted.encoding}
        onValue={set('encoding')}
      />
      {look.text && <Look text={look.text} />}
      <CheckBox
        label="Open missing accounts"
        hint="A registered user without an account in this currency gets one, without debit."
        value={wanted.opens}
        onValue={set('opens')}
      />
      <TextField
        label="Distribution ID"
        maxLength={64}
        hint="Letters, digits, - and _. Leave it empty to have one made. The same ID never credits twice."
        wrong={wrongAt('id')}
        value={wanted.id}
        onValue={set('id')}
      />
      <button type="submit" aria-busy={busy} disabled={busy}>
        {busy ? 'Looking up the rows ...' : 'Preview'}
      </button>
      <p>
        <small>Nothing moves before you have seen the preview and run it.</small>
      </p>
    </form>
  );
}

function CurrencyField({ accounts, account, wrong, onValue }) {
  const first = accounts.length ? 'Choose one of the user’s accounts' : 'Find the account first';
  return (
    <ChoiceField
      label="Currency"
      required
      disabled={!accounts.length}
      hint={
        account
          ? `${shown(account.available, account.currency)} available on ${account.account_id}.`
          : 'That of the account.'
      }
      wrong={wrong}
      options={[
        ...(accounts.length === 1 ? [] : [['', first]]),
        ...accounts.map(({ currency, account_id: id }) => [currency, `${currency} (${id})`]),
      ]}
      value={account?.currency ?? ''}
      onValue={onValue}
    />
  );
}

function FileField({ look, wrong, onFile, onEncoding }) {
  return (
    <>
      <Field
        label="File (CSV)"
        hint={
          'The first line names the columns: user_email, user_pk or account_id; amount; and note ' +
          'if there are notes. Commas or semicolons part them. Amounts have a decimal point, such ' +
          'as 25.00. At most 20,000 rows and 4 MB.'
        }
        wrong={wrong ?? look.wrong}
        input={(given) => (
          <input
            type="file"
            accept=".csv,text/csv"
            required
            {...given}
            onClick={(event) => {
              // Otherwise choosing the same file again, once it was mended, would go unnoticed.
              event.currentTarget.value = '';
              onFile(null);
            }}
            onChange={(event) => onFile(event.currentTarget.files[0] ?? null)}
          />
        )}
      />
      <div class="actions">
        {look.wrong && !wrong && (
          <button type="button" class="secondary" onClick={() => onEncoding('windows-1254')}>
            Read it as Windows-1254
          </button>
        )}
        <a download="sample.csv" href={`data:text/csv;charset=utf-8,${encodeURIComponent(SAMPLE)}`}>
          Download a sample
        </a>
      </div>
    </>
  );
}

/** The first lines as they were read: whether the letters are right is seen at once. */
function Look({ text }) {
  return (
    <figure class="look">
      <figcaption>The first lines, as they are read</figcaption>
      <pre tabIndex={0}>{text.split(/\r?\n/, LINES_SHOWN).join('\n')}</pre>
    </figure>
  );
}

/**
 * Look up accounts while one is typed, by its own id or by its user: `{ accounts, hint, wrong }`.
 * They are in different currencies, since a user has one account in each.
 */
function useAccounts(channel, typed) {
  const settled = useSettled(typed);
  const isId = /^[A-Za-z0-9_-]{1,64}$/.test(settled);
  const isEmail = /^\S+@\S+\.\S+$/.test(settled);
  const place = ['channels', channel, 'accounts'];
  const user = isEmail ? { user_email: settled } : { user_pk: settled };
  const ofId = useList(isId ? place : null, { account_id: settled, limit: '50' });
  const ofUser = useList(isId || isEmail ? place : null, { ...user, limit: '50' });
  if (!typed) {
    const hint =
      'Where the credit comes from: the Account ID, or the e-mail address or User PK of its user.';
    return { accounts: [], hint };
  }
  if (settled !== typed || ofId.loading || ofUser.loading) {
    return { accounts: [], hint: 'Looking ...', isLooking: true };
  }
  const error = ofId.error ?? ofUser.error;
  if (error) return { accounts: [], wrong: error.message };
  const accounts = ofId.items?.length ? ofId.items : (ofUser.items ?? []);
  if (!accounts.length) return { accounts, hint: `${channel} has no such account, as yet.` };
  const { account_id: id, user_email: email } = accounts[0];
  return {
    accounts,
    hint:
      accounts.length === 1 ? `${id} of ${email}.` : `${email} has ${accounts.length} accounts.`,
  };
}

/** Read the chosen file as soon as it is chosen: `{ text }`, or what is `wrong` with it. */
function useLook(file, encoding) {
  const [look, setLook] = useState({});
  useEffect(() => {
    let isStale = false;
    setLook({});
    if (file) {
      textOf(file, encoding).then(([text, wrong]) => isStale || setLook({ text, wrong }));
    }
    return () => (isStale = true);
  }, [file, encoding]);
  return look;
}

/** Return the text of a file, or undefined and why it has none. A byte order mark is left out. */
async function textOf(file, encoding) {
  if (!file) return [undefined, 'Choose a file.'];
  let bytes;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    return [undefined, 'The file was changed after it was chosen. Choose it again.'];
  }
  try {
    return [new TextDecoder(encoding, { fatal: true }).decode(bytes)];
  } catch {
    return [
      undefined,
      'This file is not in UTF-8. A Turkish Excel saves “CSV” in Windows-1254, and “CSV UTF-8” in UTF-8.',
    ];
  }
}

function whyTooLarge(text) {
  const isTooLarge = new TextEncoder().encode(text).length > MAX_BYTES;
  return isTooLarge ? 'The file has more than 4 MB. Divide it.' : undefined;
}

function whatIsWrong(wanted, found, account, file) {
  const isFound = found.accounts.length > 0;
  const isId = /^[A-Za-z0-9_-]{0,64}$/.test(wanted.id.trim());
  return {
    source: isFound ? undefined : found.isLooking ? LOOKING : 'Name an account of this channel.',
    currency: account || !isFound ? undefined : 'Choose the currency.',
    file,
    // The address of this screen.
    id:
      isId && wanted.id.trim() !== 'new' ? undefined : 'Write letters, digits, - and _; not “new”.',
  };
}

function send(channel, id, account, opens, text) {
  const asked = {
    source: account.account_id,
    currency: account.currency,
    ...(opens && { open_accounts: 'true' }),
  };
  const where = path(['channels', channel, 'distributions', id], asked);
  return write('PUT', where, text, {}, LONG_PATIENCE_MS);
}

/** Tell what cannot be seen on the next screen, or where it is once this one was left. */
function tellOf({ status, body }, href) {
  const link = href && { href, text: 'Open it' };
  if (status === 201 && link) tell('done', `Previewed the distribution ${body.id}.`, link);
  if (status !== 200) return;
  const now = body.state === 'previewed' ? 'It was looked up anew.' : 'Nothing was done now.';
  tell('done', `The same was uploaded before under this ID. ${now}`, link);
}

function inTheForm(error) {
  if (!(error instanceof Unanswered)) return error;
  return new Error(`${error.message} Nothing has moved. Press Preview again: it keeps its ID.`);
}
