// What can be done with a distribution: run it, cancel it, undo it, and push it on.

import { useRef, useState } from 'preact/hooks';

import { LONG_PATIENCE_MS, path, read, Unanswered, write } from '../api.js';
import { count, rows } from '../distribution_words.js';
import { useIsThere } from '../loading.js';
import { isNegative, minus, shown } from '../money.js';
import { putAway, tell } from '../notices.js';
import { CheckBox, Confirm, Facts, Failed, focusFirstWrong } from '../parts.jsx';
import { linkTo } from '../router.js';

const STILL_MS = 10_000;

/** The step that pushes on what stands still, by state: it sends what is left once more. */
const RESUMES = { running: 'run', cancelling: 'cancel', undoing: 'undo' };

export function Steps({ channel, place, job, stillMs, onStep, onUnsure }) {
  const [skips, setSkips] = useState(false);
  const [wrong, setWrong] = useState(undefined);
  const step = useStep(channel, place, job, onStep, onUnsure);
  const isPreview = job.state === 'previewed';
  const canRun = isPreview && job.rows_to_credit > 0;
  const run = async (event) => {
    const section = event.currentTarget.closest('section');
    if (job.bad_rows && !skips) {
      setWrong('Say first that the bad rows are left out, or upload a mended file.');
      return focusFirstWrong(section);
    }
    await step.attempt(async () => {
      // The numbers that are confirmed are those of this moment.
      const account = ['channels', channel, 'accounts', job.source_user_pk, job.currency];
      step.ask(runOf(job, await read(account), skips));
    });
  };
  return (
    <>
      {step.failure && <Failed error={step.failure} />}
      {canRun && job.bad_rows > 0 && (
        <CheckBox
          label={
            `Credit the ${rows(job.rows_to_credit, 'good')} ` +
            `and leave the ${rows(job.bad_rows, 'bad')} out`
          }
          wrong={wrong}
          value={skips}
          onValue={(value) => {
            setSkips(value);
            setWrong(undefined);
          }}
        />
      )}
      <div class="actions">
        {canRun && (
          <button type="button" aria-busy={step.busy} onClick={run}>
            Run
          </button>
        )}
        {RESUMES[job.state] && stillMs >= STILL_MS && (
          <button type="button" aria-busy={step.busy} onClick={() => step.take(resumeOf(job))}>
            Resume
          </button>
        )}
        {(isPreview || job.state === 'running') && (
          <button type="button" class="secondary" onClick={() => step.ask(cancelOf(job))}>
            Cancel
          </button>
        )}
        {job.state === 'closed' && job.credited_rows > 0 && (
          <button type="button" class="secondary" onClick={() => step.ask(undoOf(job))}>
            Undo
          </button>
        )}
      </div>
      {step.dialog}
    </>
  );
}

/**
 * How a step is asked for, taken once, and told. Returns `{ ask, take, attempt, busy, failure,
 * dialog }`.
 *
 * It needs no journal of intents: its id is the distribution's own and stands in the address, the
 * service makes each step once however often it comes, and where it stands can be read. So a double
 * click, a reload or a lost answer moves nothing twice.
 */
function useStep(channel, place, job, onStep, onUnsure) {
  const [asked, setAsked] = useState(null);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(null);
  const running = useRef(false);
  const isThere = useIsThere();

  const attempt = async (work) => {
    // A second click may come before the button is seen to be disabled.
    if (running.current) return false;
    running.current = true;
    putAway();
    setFailed(null);
    setBusy(true);
    try {
      await work();
    } catch (error) {
      if (error instanceof Unanswered) onUnsure();
      if (isThere.current) setFailed({ error, state: job.state });
      else tell('failed', `${job.id}: ${error.message}`);
    } finally {
      running.current = false;
      setBusy(false);
    }
    return true;
  };
  const take = async (step) => {
    const isTaken = await attempt(async () => {
      try {
        await write('POST', path([...place, step.name]), step.body, {}, LONG_PATIENCE_MS);
        // On its own screen the state says where it is.
        const link = { href: linkTo([channel, 'distributions', job.id]), text: 'Open it' };
        tell('done', step.told, isThere.current ? undefined : link);
      } finally {
        // Also after a refusal: it tells of a state that is not the one on the screen.
        await onStep();
      }
    });
    if (!isTaken) return;
    setAsked(null);
    setTimeout(keepFocus);
  };
  const dialog = asked && (
    <Confirm
      title={asked.title}
      yes={asked.yes}
      no="Back"
      busy={busy}
      onYes={() => take(asked)}
      onNo={() => setAsked(null)}
    >
      <Facts facts={asked.facts} />
      {asked.warning && <p class="warning">{asked.warning}</p>}
    </Confirm>
  );
  // What was refused in one state says nothing about the next.
  const failure = failed?.state === job.state ? told(failed.error) : null;
  return { ask: setAsked, take, attempt, busy, failure, dialog };
}

function told(error) {
  if (!(error instanceof Unanswered)) return error;
  return new Error(`${error.message} What is shown here is looked up anew. Repeating it is safe.`);
}

/** The button that was pressed may be gone with the state that it belonged to. */
function keepFocus() {
  if (document.activeElement === document.body) document.getElementById('state')?.focus();
}

function runOf(job, source, skips) {
  const money = (amount) => shown(amount, job.currency);
  const left = minus(source.available, job.total);
  const refused = 'This is more than is available, and will be refused.';
  const warning = source.debit_card_allowed ? 'This takes the account below zero.' : refused;
  return {
    name: 'run',
    body: { preview_id: job.preview_id, skip_bad_rows: skips },
    title: `Credit ${money(job.total)}?`,
    yes: 'Run',
    told: `The run has begun: ${money(job.total)} in ${rows(job.rows_to_credit)}.`,
    facts: [
      ['Customers', count(job.rows_to_credit)],
      ['Total', money(job.total)],
      [
        `Available on ${job.source} (${source.user_email ?? 'erased'})`,
        `${money(source.available)} becomes ${money(left)}`,
      ],
      ...(job.accounts_to_open ? [['Accounts to open', count(job.accounts_to_open)]] : []),
      ...(job.bad_rows ? [['Bad rows, left out', count(job.bad_rows)]] : []),
    ],
    warning: isNegative(left) ? warning : undefined,
  };
}

function cancelOf(job) {
  const money = (amount) => shown(amount, job.currency);
  const hasRun = job.state === 'running';
  return {
    name: 'cancel',
    title: 'Cancel this distribution?',
    yes: 'Cancel the distribution',
    told: hasRun ? 'Cancelled: what was not credited returns.' : 'Cancelled: nothing has moved.',
    facts: hasRun
      ? [
          ['Credited so far, which stays', money(job.credited)],
          [`Returns to ${job.source}, at most`, money(minus(job.total, job.credited))],
        ]
      : [['Moved so far', 'nothing']],
    warning: 'It cannot be run again: upload the file as another distribution.',
  };
}

function undoOf(job) {
  return {
    name: 'undo',
    title: `Take back up to ${shown(job.credited, job.currency)}?`,
    yes: 'Undo',
    told: 'The undo has begun.',
    facts: [
      ['Credited', shown(job.credited, job.currency)],
      ['Customers', count(job.credited_rows)],
      ['Goes back to', job.source],
    ],
    warning:
      'It takes back from every customer what is still available. What was spent stays spent.',
  };
}

function resumeOf(job) {
  const name = RESUMES[job.state];
  // That bad rows are left out was said when it began.
  const body = name === 'run' && { preview_id: job.preview_id, skip_bad_rows: true };
  return { name, body: body || undefined, told: 'What was left was sent once more.' };
}
