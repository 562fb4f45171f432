// The server of a shop's storefront: hands /api/client/... to the client's own proxy route, and
// writes down what the route asks of the service.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';

const askedFor = new AsyncLocalStorage();

globalThis.fetchUpstream = async (url, options) => {
  const asked = askedFor.getStore();
  const request = {
    method: options.method,
    url,
    headers: Object.fromEntries(new Headers(options.headers)),
    form: options.body instanceof URLSearchParams ? Object.fromEntries(options.body) : null,
  };
  asked.push(request);
  const answer = await fetch(url, options);
  request.status = answer.status;
  return answer;
};

// `listOf(tab)` is where the requests of a tab are written down.
export async function serve(route, listOf) {
  const server = createServer(async (incoming, outgoing) => {
    const { request, tab } = await requestOf(incoming, server.address().port);
    const { pathname } = new URL(request.url);
    const slug = pathname.replace(/^\/api\/client\//, '').split('/').filter(Boolean);
    const handler = route[request.method];
    const params = { slug: slug.map(decodeURIComponent) };
    const answer = await askedFor.run(listOf(tab), () => handler(request, { params }));
    outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return `http://127.0.0.1:${server.address().port}`;
}

async function requestOf(incoming, port) {
  const chunks = await incoming.toArray();
  const { 'x-tab': tab, ...headers } = incoming.headers;
  const request = new Request(`http://127.0.0.1:${port}${incoming.url}`, {
    method: incoming.method,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
    body: chunks.length ? Buffer.concat(chunks) : undefined,
  });
  return { request, tab };
}
