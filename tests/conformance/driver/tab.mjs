// A tab of a browser: the page's bundle in a realm of its own, with as much of a browser around it
// as the client looks at. Tabs of one browser share its cookies.
import vm from 'node:vm';

const { setTimeout: later, clearTimeout: cancel } = globalThis;

// Further requests of one step are swallowed: the client posts for ever.
const MOST_REQUESTS = 24;

// The client waits up to seconds between its tries, and half a minute or more before it forgets an
// answer. The first is made shorter; the second is no work to wait for.
const SOON_MS = 20_000;
const SHORTER = 100;

// What scripts of a page may not read.
const HTTP_ONLY = ['osessionid', 'loyalty_session'];

export class Tab {
  #realm;

  #timers = new Map();

  constructor(name, origin, cookies, bundle) {
    this.name = name;
    this.requests = [];
    this.gone = [];
    this.signedOut = [];
    this.endless = false;
    this.waiting = 0; // requests under way and timers that run out soon
    this.#realm = vm.createContext(this.#globals(origin, cookies), { name });
    bundle.runInContext(this.#realm);
    this.page = this.#realm.page;
  }

  begin() {
    this.requests.length = this.gone.length = this.signedOut.length = 0;
    this.endless = false;
  }

  #globals(origin, cookies) {
    const tab = this;
    const location = {
      origin,
      pathname: '/orders/checkout/',
      get href() {
        return origin + this.pathname;
      },
      set href(url) {
        tab.gone.push(url);
      },
    };
    const document = {
      visibilityState: 'visible',
      get cookie() {
        return [...cookies]
          .filter(([name]) => !HTTP_ONLY.includes(name))
          .map(([name, value]) => `${name}=${value}`)
          .join('; ');
      },
      set cookie(text) {
        const [name, value] = text.split(';', 1)[0].split('=');
        cookies.set(name.trim(), value);
      },
    };
    const globals = {
      ...STANDARD,
      document,
      location,
      navigator: { onLine: true, userAgent: USER_AGENT },
      localStorage: { getItem: () => null },
      signedOut: this.signedOut,
      Request: requestsOf(origin),
      fetch: (request) => this.#fetch(request, cookies),
      setTimeout: (work, delay, ...rest) => this.#later(work, delay, rest),
      clearTimeout: (timer) => this.#cancel(timer),
    };
    globals.window = globals;
    return globals;
  }

  // What the browser adds to a request, and that its answer is awaited as a whole.
  async #fetch(request, cookies) {
    if (this.requests.length >= MOST_REQUESTS) {
      this.endless = true;
      return new Promise(() => {});
    }
    this.waiting += 1;
    try {
      const sent = new Request(request, { headers: this.#headers(request, cookies) });
      const answer = await fetch(sent);
      return new Response(await answer.arrayBuffer(), answer);
    } finally {
      this.waiting -= 1;
    }
  }

  #headers(request, cookies) {
    const headers = new Headers(request.headers);
    const { origin } = new URL(request.url);
    headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    headers.set('origin', origin);
    headers.set('referer', `${origin}/orders/checkout/`);
    headers.set('sec-fetch-site', 'same-origin');
    headers.set('user-agent', USER_AGENT);
    headers.set('x-tab', this.name);
    return headers;
  }

  #later(work, delay = 0, rest = []) {
    const soon = delay < SOON_MS;
    const timer = later(() => {
      this.#cancel(timer);
      work(...rest);
    }, soon ? delay / SHORTER : delay).unref();
    this.#timers.set(timer, soon);
    if (soon) {
      this.waiting += 1;
      timer.ref();
    }
    return timer;
  }

  #cancel(timer) {
    if (this.#timers.get(timer)) {
      this.waiting -= 1;
    }
    this.#timers.delete(timer);
    cancel(timer);
  }
}

const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36';

const STANDARD = {
  AbortController,
  AbortSignal,
  Headers,
  Response,
  TextEncoder,
  URL,
  URLSearchParams,
  console,
  queueMicrotask,
};

// A request to a path is one to the page's own server.
const requestsOf = (origin) =>
  class extends Request {
    constructor(url, options) {
      super(typeof url === 'string' ? new URL(url, origin) : url, options);
    }
  };
