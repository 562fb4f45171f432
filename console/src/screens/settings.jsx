// Dynamic Settings: find one, open it, set it, save it.

import { useEffect, useState } from 'preact/hooks';

import { path, write } from '../api.js';
import { useList, useThing } from '../loading.js';
import { tell } from '../notices.js';
import {
  Failed,
  Field,
  focusFirstWrong,
  Loaded,
  Table,
  TextField,
  Time,
  Title,
  YesNo,
} from '../parts.jsx';
import { goTo, linkTo } from '../router.js';
import { may } from '../session.js';

/** What a setting does, in the words of docs/configuration.md. */
const MEANINGS = {
  __proto__: null,
  LOYALTY_MONEY_ENABLED: 'Whether shoppers may pay with store credit.',
  DEFAULT_CURRENCY: 'The currency of a storefront that names none, such as TRY.',
  PAYMENT_OPTIONS: 'The ways to pay, in the order in which the checkout lists them.',
  INSTALLMENTS: 'The instalment plans of a card.',
  BANK_ACCOUNTS: 'Where a funds transfer is sent to.',
  PAYMENT_GATEWAY: 'Who charges a card.',
};

/** The settings that take one of a few values. */
const CHOICES = {
  __proto__: null,
  PAYMENT_GATEWAY: ['none', 'sandbox', 'http'],
};

export function Settings({ channel }) {
  const [query, setQuery] = useState('');
  const settings = useList(['channels', channel, 'settings']);
  const found = settings.items?.filter(({ name }) =>
    name.toLowerCase().includes(query.trim().toLowerCase()),
  );
  return (
    <>
      <Title>Dynamic Settings</Title>
      <TextField label="Find a setting" type="search" value={query} onValue={setQuery} />
      <Table
        caption="Settings"
        list={{ ...settings, items: found }}
        empty={`No setting has ${query} in its name.`}
        columns={[
          ['Name', ({ name }) => <a href={linkTo([channel, 'settings', name])}>{name}</a>],
          ['Value', ({ value }) => summary(value)],
          ['Meaning', ({ name }) => MEANINGS[name]],
          ['Set', ({ updated_at: at }) => (at ? <Time at={at} /> : 'never: the default')],
        ]}
      />
    </>
  );
}

function summary(value) {
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (!Array.isArray(value)) return String(value);
  return value.map((each) => each.name ?? each.label ?? each.bank_name).join(', ') || 'none';
}

export function Setting({ session, channel, name }) {
  const place = ['channels', channel, 'settings', name];
  const setting = useThing(place);
  return (
    <>
      <Title>{name}</Title>
      <p>{MEANINGS[name]}</p>
      <Loaded of={setting}>
        {setting.value && (
          <Editor
            place={place}
            setting={setting.value}
            channel={channel}
            mayEdit={may(session, 'settings')}
          />
        )}
      </Loaded>
    </>
  );
}

function Editor({ place, setting, channel, mayEdit }) {
  const { name, value } = setting;
  const isList = typeof value === 'object';
  const [wanted, setWanted] = useState(isList ? JSON.stringify(value, null, 2) : value);
  const [wrong, setWrong] = useState(undefined);
  const [busy, setBusy] = useState(false);
  useEffect(() => setWrong(undefined), [wanted]);

  const save = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    setWrong(undefined);
    setBusy(true);
    try {
      const sent = isList ? JSON.parse(wanted) : sentAs(name, wanted);
      // The last write counts, and the same one may be sent again: no id is needed.
      const { body } = await write('PUT', path(place), { value: sent });
      goTo([channel, 'settings']);
      tell('done', `Saved ${name}: ${summary(body.value)}.`, {
        href: linkTo([channel, 'settings', name]),
        text: 'Open it',
      });
    } catch (error) {
      setWrong(complaintOf(error));
      focusFirstWrong(form);
    } finally {
      setBusy(false);
    }
  };
  const field = { label: 'Value', wrong, disabled: !mayEdit };
  return (
    <form onSubmit={save} noValidate>
      {typeof value === 'boolean' && (
        <>
          <YesNo label="Value" disabled={!mayEdit} value={wanted} onValue={setWanted} />
          {wrong && <Failed error={new Error(wrong)} />}
        </>
      )}
      {typeof value === 'string' &&
        (CHOICES[name] ? (
          <Choice {...field} choices={CHOICES[name]} value={wanted} onValue={setWanted} />
        ) : (
          <TextField {...field} value={wanted} onValue={setWanted} />
        ))}
      {isList && <Json {...field} value={wanted} onValue={setWanted} />}
      {mayEdit ? (
        <button type="submit" aria-busy={busy} disabled={busy}>
          Save
        </button>
      ) : (
        <p class="empty">Your sign-in may read settings, not set them.</p>
      )}{' '}
      <a role="button" class="secondary" href={linkTo([channel, 'settings'])}>
        Back
      </a>
    </form>
  );
}

function Choice({ label, wrong, disabled, choices, value, onValue }) {
  return (
    <Field
      label={label}
      wrong={wrong}
      input={(given) => (
        <select
          {...given}
          disabled={disabled}
          value={value}
          onChange={(event) => onValue(event.currentTarget.value)}
        >
          {choices.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      )}
    />
  );
}

function Json({ label, wrong, disabled, value, onValue }) {
  return (
    <Field
      label={label}
      wrong={wrong}
      hint="A list in JSON: each part has the fields that the guide to the settings names."
      input={(given) => (
        <textarea
          {...given}
          class="json"
          rows={Math.min(30, value.split('\n').length + 1)}
          spellcheck={false}
          disabled={disabled}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    />
  );
}

/** Return text as a setting takes it: a currency's code is written in capitals. */
function sentAs(name, value) {
  return name === 'DEFAULT_CURRENCY' ? value.trim().toUpperCase() : value;
}

function said([at, text]) {
  const where = at.replace(/^value\.?/, '');
  return (where && `${where}: `) + text.replace(/^Value error, /, '');
}

/** Return what is wrong with a value, field by field where the service says so. */
function complaintOf(error) {
  if (error instanceof SyntaxError) return `This is not JSON: ${error.message}`;
  const fields = Object.entries(error.fields ?? {});
  return fields.length ? fields.map(said).join('; ') : error.message;
}
