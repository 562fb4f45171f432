// The small parts that every screen is made of.

import { useEffect, useId, useRef } from 'preact/hooks';

import { shown } from './money.js';
import { shownTime } from './times.js';

/** An amount; negative ones are told apart by their sign and not by colour alone. */
export function Money({ amount, currency }) {
  return <span class="money">{shown(amount, currency)}</span>;
}

export function Time({ at }) {
  return (
    <time dateTime={at} title={shownTime(at, 'long')}>
      {shownTime(at)}
    </time>
  );
}

/** The heading of a screen, and what it is about; the focus comes here when it is entered. */
export function Title({ children, of }) {
  const heading = useRef();
  useEffect(() => heading.current.focus(), []);
  useEffect(() => {
    document.title = [of, heading.current.textContent, 'Loyalty Money'].filter(Boolean).join(' - ');
  }, [of]);
  return (
    <hgroup>
      <h1 ref={heading} tabIndex={-1}>
        {children}
      </h1>
      {of && <p>{of}</p>}
    </hgroup>
  );
}

/** A labelled field with a hint below it, or what is wrong with it. `input` makes the control. */
export function Field({ label, hint, wrong, input }) {
  const id = useId();
  const note = wrong || hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {input({
        id,
        'aria-invalid': wrong ? 'true' : undefined,
        'aria-describedby': note ? `${id}-note` : undefined,
      })}
      {note && (
        <small id={`${id}-note`} class={wrong ? 'wrong' : ''}>
          {note}
        </small>
      )}
    </div>
  );
}

export function TextField({ label, hint, wrong, value, onValue, ...more }) {
  const type = (event) => onValue(event.currentTarget.value);
  return (
    <Field
      label={label}
      hint={hint}
      wrong={wrong}
      input={(given) => (
        <input type="text" autocomplete="off" {...more} {...given} value={value} onInput={type} />
      )}
    />
  );
}

/** A field whose value is one of a few: `options` are `[value, name]`. */
export function ChoiceField({ label, hint, wrong, options, value, onValue, ...more }) {
  const choose = (event) => onValue(event.currentTarget.value);
  return (
    <Field
      label={label}
      hint={hint}
      wrong={wrong}
      input={(given) => (
        <select {...more} {...given} value={value} onChange={choose}>
          {options.map(([each, name]) => (
            <option key={each} value={each}>
              {name}
            </option>
          ))}
        </select>
      )}
    />
  );
}

/** A box to tick, with a hint below it, or what is wrong with it. */
export function CheckBox({ label, hint, wrong, value, onValue }) {
  const id = useId();
  const note = wrong || hint;
  return (
    <div class="field check">
      <label>
        <input
          type="checkbox"
          aria-invalid={wrong ? 'true' : undefined}
          aria-describedby={note ? `${id}-note` : undefined}
          checked={value}
          onChange={(event) => onValue(event.currentTarget.checked)}
        />
        {label}
      </label>
      {note && (
        <small id={`${id}-note`} class={wrong ? 'wrong' : ''}>
          {note}
        </small>
      )}
    </div>
  );
}

/** Yes or No, as the settings and the account form have them. */
export function YesNo({ label, hint, value, onValue, disabled }) {
  const name = useId();
  const choice = (text, chosen) => (
    <label>
      <input
        type="radio"
        name={name}
        checked={value === chosen}
        disabled={disabled}
        onChange={() => onValue(chosen)}
      />
      {text}
    </label>
  );
  return (
    <fieldset aria-describedby={hint ? `${name}-note` : undefined}>
      <legend>{label}</legend>
      {choice('Yes', true)}
      {choice('No', false)}
      {hint && <small id={`${name}-note`}>{hint}</small>}
    </fieldset>
  );
}

/** What stands for a thing or a list while it loads, fails, or is empty; otherwise the children. */
export function Loaded({ of, empty, children }) {
  if (of.error && !of.items?.length) return <Failed error={of.error} again={of.reload} />;
  if (of.value === undefined && of.items === undefined) {
    return <p aria-busy="true">Loading ...</p>;
  }
  if (of.items?.length === 0) return <p class="empty">{empty}</p>;
  return children;
}

export function Failed({ error, again }) {
  return (
    <div role="alert" class="notice failed">
      <p>{error.message}</p>
      {again && (
        <button type="button" class="secondary" onClick={() => again()}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A table of a list, with a button for its next page. `columns` are `[heading, cell, class]`. */
export function Table({ caption, list, columns, empty }) {
  return (
    <Loaded of={list} empty={empty}>
      <div class="table" role="group" aria-label={caption} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map(([heading, , kind]) => (
                <th scope="col" class={kind} key={heading}>
                  {heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {list.items?.map((item, at) => (
              <tr key={at}>
                {columns.map(([heading, cell, kind]) => (
                  <td class={kind} key={heading}>
                    {cell(item)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.error && <Failed error={list.error} again={list.more} />}
      {list.hasMore && !list.error && (
        <button type="button" class="secondary" aria-busy={list.loading} onClick={list.more}>
          Show more
        </button>
      )}
    </Loaded>
  );
}

/** A list of names and values. */
export function Facts({ facts }) {
  return (
    <dl>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/**
 * A question before credit moves, with the numbers. `onYes` may take its time: until it is done
 * nothing can be pressed twice. Escape says no; the focus returns to where it was.
 */
export function Confirm({ title, yes, no = 'Cancel', busy, onYes, onNo, children }) {
  const dialog = useRef();
  const heading = useRef();
  const name = useId();
  useEffect(() => {
    const before = document.activeElement;
    const opened = dialog.current;
    opened.showModal();
    // Not a button: the key that opened the question may still be down, and repeats.
    heading.current.focus();
    return () => {
      opened.close();
      before.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!busy) onNo();
  };
  // Browsers close it at a second Escape, whatever was said to the first.
  const stay = () => {
    if (busy && dialog.current) dialog.current.showModal();
  };
  return (
    <dialog ref={dialog} aria-labelledby={name} onCancel={cancel} onClose={stay}>
      <article>
        <h2 id={name} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        {children}
        <footer>
          <button type="button" class="secondary" disabled={busy} onClick={onNo}>
            {no}
          </button>
          <button type="button" aria-busy={busy} disabled={busy} onClick={onYes}>
            {yes}
          </button>
        </footer>
      </article>
    </dialog>
  );
}

/** Put the focus into the first field below an element that is wrong, once it is marked. */
export function focusFirstWrong(element) {
  setTimeout(() => element.querySelector('[aria-invalid=true]')?.focus());
}
