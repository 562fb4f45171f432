// The balance over time, as a line of steps: it changes at each activity and holds in between.

import { minorUnits, shown } from './money.js';
import { shownDay } from './times.js';

const WIDTH = 600;
const HEIGHT = 200;
/** Above and below the line stand the highest and the lowest balance, as text. */
const EDGE = 28;

/** Draw the balances after each activity; `activities` come newest first. */
export function BalanceChart({ account, activities }) {
  const balances = activities.map((entry) => entry.balance_after);
  const most = balances.reduce((a, b) => (minorUnits(b) > minorUnits(a) ? b : a));
  const least = balances.reduce((a, b) => (minorUnits(b) < minorUnits(a) ? b : a));
  const first = Date.parse(activities.at(-1).created_at);
  const text = (amount) => shown(amount, account.currency);
  const label =
    `Balance from ${shownDay(first)} until now: at most ${text(most)}, at least ${text(least)}, ` +
    `now ${text(account.balance)}.`;
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        <text x="0" y="14">
          {text(most)}
        </text>
        <path class="line" d={lineOf(activities, minorUnits(least), minorUnits(most))} />
        <text x="0" y={HEIGHT - 6}>
          {text(least)}
        </text>
      </svg>
      <figcaption>
        <span>{shownDay(first)}</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

function lineOf(activities, low, high) {
  const points = activities.toReversed().map((entry) => ({
    ms: Date.parse(entry.created_at),
    balance: minorUnits(entry.balance_after),
  }));
  const first = points[0].ms;
  const span = Math.max(1, Date.now() - first);
  const x = (ms) => (((ms - first) / span) * WIDTH).toFixed(1);
  const height = HEIGHT - 2 * EDGE;
  const y = (balance) =>
    (high === low ? HEIGHT / 2 : EDGE + ((high - balance) / (high - low)) * height).toFixed(1);
  const steps = points.map(({ ms, balance }) => `H${x(ms)}V${y(balance)}`);
  return `M0 ${y(points[0].balance)}${steps.join('')}H${WIDTH}`;
}
