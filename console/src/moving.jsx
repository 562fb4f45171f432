// How a form moves credit: ask with the numbers, make it once, tell what happened.

import { useEffect, useRef, useState } from 'preact/hooks';

import { Refused, Unanswered } from './api.js';
import { make, MAY_ARRIVE_MS, onMoves, openMoves, settle } from './moves.js';
import { tell } from './notices.js';
import { Confirm, Facts } from './parts.jsx';

/**
 * Returns `{ ask, refusal, dialog }`: `ask(move, question)` opens the dialog, where `question` is
 * `{ yes, facts, warning }`; `refusal` is the last one; `dialog` belongs into the form.
 * `onDone(answer)` is called once the move is made; it may leave the screen.
 */
export function useMove(onDone) {
  const [asked, setAsked] = useState(null);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const running = useRef(false);

  const ask = (move, question) => {
    setRefusal(null);
    setAsked({ move, question });
  };
  const yes = async () => {
    // A second click may come before the button is seen to be disabled.
    if (running.current) return;
    running.current = true;
    setBusy(true);
    try {
      const answer = await make(asked.move);
      onDone(answer);
      tell('done', asked.move.title, asked.move.link);
    } catch (error) {
      // What has no answer is told, and can be repeated, at the top of the page.
      if (error instanceof Refused) setRefusal(error);
      else if (!(error instanceof Unanswered)) tell('failed', `Not sent: ${error.message}`);
    } finally {
      running.current = false;
      setBusy(false);
      setAsked(null);
    }
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

/** Render again whenever the open moves change, and return them. */
export function useOpenMoves() {
  const [moves, setMoves] = useState(openMoves);
  useEffect(() => onMoves(() => setMoves(openMoves())), []);
  return moves;
}

/** The moves whose outcome nobody knows, each to be repeated safely, or given up. */
export function OpenMoves({ onSettled }) {
  return useOpenMoves().map((move) => <OpenMove key={move.id} move={move} onSettled={onSettled} />);
}

function OpenMove({ move, onSettled }) {
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
    await make(move);
    tell('done', move.title, move.link);
    onSettled();
  };
  const giveUp = async () => {
    const outcome = await settle(move);
    if (outcome === 'made') tell('done', move.title, move.link);
    else if (outcome === 'not made') tell('failed', `Not made: ${move.title}`);
    else setSaid(`It may still arrive. Look again in ${Math.ceil(outcome / 1000)} seconds.`);
    if (typeof outcome === 'string') onSettled();
  };
  return (
    <div role="alert" class="notice unsure">
      <p>
        <strong>Nobody knows yet whether this was made:</strong> {move.title}
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
