// Takes commands as lines of JSON on standard input and answers each by a line on standard output.
// node main.mjs BUNDLES, with the address of the service in SERVICE_BACKEND_URL.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import vm from 'node:vm';
import { serve } from './storefront.mjs';
import { Tab } from './tab.mjs';

const [bundles] = process.argv.slice(2);
const code = await readFile(path.join(bundles, 'page.js'), 'utf8');
const bundle = new vm.Script(code, { filename: 'page.js' });

const tabs = new Map();
const browsers = new Map();
const rejections = [];
process.on('unhandledRejection', (reason) => {
  rejections.push(reason?.stack ?? JSON.stringify(reason));
});

// Standard output is for answers alone; the client logs there.
console.log = console.info = console.debug = console.error;

const route = await import(path.join(bundles, 'route.mjs'));
const origin = await serve(route, (tab) => tabs.get(tab).requests);

const COMMANDS = {
  // A tab on the checkout page, in a browser that has these cookies beside those it had.
  open({ tab, browser, cookies }) {
    const jar = browsers.get(browser) ?? new Map();
    browsers.set(browser, jar);
    for (const [name, value] of Object.entries(cookies)) {
      jar.set(name, value);
    }
    tabs.set(tab, new Tab(tab, origin, jar, bundle));
    return {};
  },

  // One call of a user's in each of the named tabs, all at once, and what follows from them.
  async call({ calls }) {
    const used = [...new Set(calls.map(({ tab }) => tabs.get(tab)))];
    used.forEach((tab) => tab.begin());
    rejections.length = 0;
    const answers = calls.map(({ tab, name, argument }) => {
      const answer = {};
      tabs.get(tab).page.call(name, argument).then(({ data, error }) => {
        Object.assign(answer, { data, error });
      });
      return answer;
    });
    await settled(used);
    return {
      steps: calls.map(({ tab }, i) => stepOf(tabs.get(tab), answers[i])),
      rejections: [...rejections],
    };
  },
};

// How many turns nothing may go on until a step is over; and where a call has no answer still,
// which in some states of the client it never gets.
const QUIET = 3;
const STUCK = 100;

async function settled(used) {
  let quiet = 0;
  while (quiet < (used.some((tab) => tab.page.pending().length) ? STUCK : QUIET)) {
    await delay(1);
    quiet = used.some((tab) => tab.waiting > 0) ? 0 : quiet + 1;
  }
}

function stepOf(tab, answer) {
  const { checkout } = tab.page.store.getState();
  return {
    ...answer,
    requests: tab.requests,
    gone: tab.gone,
    signed_out: tab.signedOut,
    endless: tab.endless,
    pending: tab.page.pending(),
    shown: tab.page.shown(),
    checkout,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  const answer = await COMMANDS[command](rest);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
