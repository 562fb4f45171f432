// How a form moves credit: ask with the numbers, make it once, tell what happened.

import { useEffect, useRef, useState } from 'preact/hooks';

import { Refused, Unanswered } from './api.js';
import { isUnderWay, make, MAY_ARRIVE_MS, onIntents, openIntents, settle } from './intents.js';
import { useIsThere } from './loading.js';
import { putAway, tell } from './notices.js';
import { Confirm, Facts, focusFirstWrong } from './parts.jsx';

/**
 * Returns `{ ask, refusal, dialog }`: `ask(intent, question)` opens the dialog, where `question` is
 * `{ yes, facts, warning }`; `refusal` is the last one; `dialog` belongs into the form.
 * `onDone(answer)` is called once the intent is made; it may leave the screen.
 */
export function useIntent(onDone) {
  const [asked, setAsked] = useState(null);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const running = useRef(false);
  const isThere = useIsThere();

  useEffect(() => {
    if (refusal) focusFirstWrong(document);
  }, [refusal]);
  const ask = (intent, question) => {
    putAway();
    setRefusal(null);
    setAsked({ intent, question });
  };
  const yes = async () => {
    // A second click may come before the button is seen to be disabled.
    if (running.current) return;
    if (openIntents().length) {
      // The forms are locked meanwhile; this question was asked before.
      setAsked(null);
      return;
    }
    running.current = true;
    setBusy(true);
    let answer = null;
    try {
      answer = await make(asked.intent);
    } catch (error) {
      // What has no answer is told, and can be repeated, at the top of the page.
      if (error instanceof Refused && isThere.current) setRefusal(error);
      else if (error instanceof Refused) tell('failed', `Not made. ${error.message}`);
      else if (!(error instanceof Unanswered)) tell('failed', `Not sent: ${error.message}`);
    }
    running.current = false;
    setBusy(false);
    setAsked(null);
    if (answer === null) return;
    onDone(answer);
    const { title, before, link } = asked.intent;
    tell('done', (answer.status === 200 && before) || title, link);
  };
  const dialog = asked && (
    <Confirm
      title={asked.question.title}
      yes={asked.question.yes}
      busy={busy}
      onYes={yes}
      onNo={() => setAsked(null)}
    >
      <Facts facts={asked.question.facts} />
      {asked.question.warning && <p class="warning">{asked.question.warning}</p>}
    </Confirm>
  );
  return { ask, refusal, dialog };
}

/**
 * Return what is wrong at a field, or undefined: what the form itself misses, else what the
 * service refused. `fieldOf` maps a refusal's code to the field that it belongs to.
 */
export function complaints(missing, refusal, fieldOf) {
  return (field) => {
    if (missing[field] || !refusal) return missing[field];
    return fieldOf[refusal.code] === field ? refusal.message : refusal.fields[field];
  };
}

/** Render again whenever the open intents change, and return them. */
export function useOpenIntents() {
  const [intents, setIntents] = useState(openIntents);
  useEffect(() => onIntents(() => setIntents(openIntents())), []);
  return intents;
}

/** The intents whose outcome nobody knows, each to be repeated safely, or given up. */
export function OpenIntents({ onSettled }) {
  return useOpenIntents().map((intent) => (
    <OpenIntent key={intent.id} intent={intent} onSettled={onSettled} />
  ));
}

function OpenIntent({ intent, onSettled }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const attempt = async (work) => {
    if (busy) return;
    setBusy(true);
    setSaid('');
    try {
      await work();
    } catch (error) {
      setSaid(error.message);
    } finally {
      setBusy(false);
    }
  };
  const repeat = async () => {
    await make(intent);
    tell('done', intent.title, intent.link);
    onSettled();
  };
  const giveUp = async () => {
    const outcome = await settle(intent);
    if (outcome === 'made') tell('done', intent.title, intent.link);
    else if (outcome === 'not made') tell('failed', `Not made: ${intent.title}`);
    else setSaid(`It may still arrive. Look again in ${Math.ceil(outcome / 1000)} seconds.`);
    if (typeof outcome === 'string') onSettled();
  };
  if (isUnderWay(intent) && !busy) {
    return (
      <div class="notice" aria-busy="true">
        <p>Being sent: {intent.title}</p>
      </div>
    );
  }
  return (
    <div role="alert" class="notice unsure">
      <p>
        <strong>Nobody knows yet whether this was made:</strong> {intent.title}
      </p>
      <p>
        No answer came. Sending it again is safe: it carries an id, and is made once only.
        {said && ` ${said}`}
      </p>
      <div class="actions">
        <button type="button" aria-busy={busy} disabled={busy} onClick={() => attempt(repeat)}>
          Send it again
        </button>
        <button
          type="button"
          class="secondary"
          disabled={busy}
          title={`It is given up if it was not made ${MAY_ARRIVE_MS / 1000} seconds after it was sent.`}
          onClick={() => attempt(giveUp)}
        >
          Look whether it was made
        </button>
      </div>
    </div>
  );
}
