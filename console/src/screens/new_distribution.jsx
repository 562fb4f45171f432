// New Distribution: from which account, and the file that says who gets what. Nothing moves here.

import { useRef, useState } from 'preact/hooks';

import { path, write } from '../api.js';
import { newId } from '../intents.js';
import { useList, useSettled } from '../loading.js';
import { shown } from '../money.js';
import { Failed, Field, focusFirstWrong, TextField, Title } from '../parts.jsx';
import { goTo } from '../router.js';

const MOST_BYTES = 4 * 1024 * 1024;

/** The encodings that spreadsheets save CSV in; the service is always sent UTF-8. */
const ENCODINGS = [
  ['utf-8', 'UTF-8'],
  ['windows-1254', 'Windows-1254 (Turkish Excel)'],
];

const SAMPLE = 'user_email,amount,note\r\nada@example.com,25.00,Spring\r\n';

const FIELDS = {
  invalid_csv: 'file',
  too_many_rows: 'file',
  body_too_large: 'file',
  id_conflict: 'id',
  unknown_account: 'source',
};

export function NewDistribution({ channel }) {
  const [wanted, setWanted] = useState({ source: '', id: '', encoding: 'utf-8', opens: false });
  const [file, setFile] = useState(null);
  const [wrong, setWrong] = useState({});
  const [failed, setFailed] = useState(null);
  const [busy, setBusy] = useState(false);
  // The same upload keeps its id, so that a repeated one is found to be the same.
  const drawn = useRef(newId());
  const changed = (name) => {
    drawn.current = newId();
    setWrong({ ...wrong, [name]: undefined });
    setFailed(null);
  };
  const set = (name) => (value) => {
    changed(name);
    setWanted({ ...wanted, [name]: value });
  };
  const asked = useSettled(wanted.source.trim());
  const found = useList(asked ? ['channels', channel, 'accounts'] : null, { account_id: asked });
  const source = found.items?.find((each) => each.account_id === wanted.source.trim());

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    setBusy(true);
    setFailed(null);
    try {
      const missing = {
        source: source ? undefined : 'Write the Account ID of an account that there is.',
        file: await whyUnreadable(file, wanted.encoding),
      };
      setWrong(missing);
      if (Object.values(missing).some(Boolean)) return focusFirstWrong(form);
      const id = wanted.id.trim() || drawn.current;
      await send(channel, id, source, wanted.opens, await textOf(file, wanted.encoding));
      goTo([channel, 'distributions', id]);
    } catch (error) {
      const field = FIELDS[error.code] ?? (error.fields?.distribution_id && 'id');
      if (field) setWrong({ [field]: error.fields?.distribution_id ?? error.message });
      else setFailed(error);
      focusFirstWrong(form);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Title>New Distribution</Title>
      <form class="narrow" onSubmit={submit} noValidate>
        {failed && <Failed error={failed} />}
        <TextField
          label="Primary account (Account ID)"
          required
          value={wanted.source}
          onValue={set('source')}
          wrong={wrong.source}
          hint={
            source
              ? `${source.user_email}, ${shown(source.available, source.currency)} available.`
              : 'The account that the credit comes from.'
          }
        />
        <Field
          label="File (CSV)"
          wrong={wrong.file}
          hint={
            'The first line names the columns: user_email, user_pk or account_id; amount; ' +
            'and note if there are notes. At most 20,000 rows.'
          }
          input={(given) => (
            <input
              type="file"
              accept=".csv,text/csv"
              {...given}
              onChange={(event) => {
                changed('file');
                setFile(event.currentTarget.files[0] ?? null);
              }}
            />
          )}
        />
        <p>
          <a
            download="sample.csv"
            href={`data:text/csv;charset=utf-8,${encodeURIComponent(SAMPLE)}`}
          >
            Download a sample
          </a>
        </p>
        <Field
          label="Encoding of the file"
          input={(given) => (
            <select
              {...given}
              value={wanted.encoding}
              onChange={(event) => set('encoding')(event.currentTarget.value)}
            >
              {ENCODINGS.map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        />
        <label>
          <input
            type="checkbox"
            checked={wanted.opens}
            onChange={(event) => set('opens')(event.currentTarget.checked)}
          />
          Open an account for registered users who have none
        </label>
        <TextField
          label="Distribution ID"
          value={wanted.id}
          onValue={set('id')}
          wrong={wrong.id}
          hint="May be left out. An ID credits once, whatever happens."
        />
        <button type="submit" aria-busy={busy}>
          Preview
        </button>
        <p>
          <small>Nothing moves before you have seen the preview and said yes.</small>
        </p>
      </form>
    </>
  );
}

function send(channel, id, source, opens, text) {
  const asked = {
    source: source.account_id,
    currency: source.currency,
    open_accounts: opens ? 'true' : 'false',
  };
  return write('PUT', path(['channels', channel, 'distributions', id], asked), text);
}

async function whyUnreadable(file, encoding) {
  if (!file) return 'Choose a file.';
  if (file.size > MOST_BYTES) return 'The file has more than 4 MB; divide it.';
  try {
    await textOf(file, encoding);
  } catch {
    return 'Some of its letters are not in this encoding; choose another one below.';
  }
}

async function textOf(file, encoding) {
  return new TextDecoder(encoding, { fatal: true }).decode(await file.arrayBuffer());
}
