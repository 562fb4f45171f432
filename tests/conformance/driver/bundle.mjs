// Bundles the client's code as a shop's build does: once for the browser, once for its server.
// node bundle.mjs MODULES THEME OUT, where MODULES holds node_modules with the client in it.
import { createRequire } from 'node:module';
import path from 'node:path';

const [modules, theme, out] = process.argv.slice(2);
const { build } = createRequire(path.join(modules, 'package.json'))('esbuild');
const own = (name) => path.join(theme, name);

const shared = {
  bundle: true,
  logLevel: 'error',
  nodePaths: [path.join(modules, 'node_modules')],
  target: 'es2022',
  alias: {
    '@akinon/pz-masterpass': own('absent.js'),
    '@akinon/pz-masterpass/src/redux/reducer': own('absent.js'),
    '@akinon/pz-masterpass/src/utils': own('absent.js'),
    '@akinon/pz-otp': own('absent.js'),
    '@theme/redux/store': own('store.js'),
    'currency-symbol-map': own('absent.js'),
    'next-auth/react': own('next.js'),
    'next/server': own('next.js'),
    plugins: own('absent.js'),
    'redux/store': own('store.js'),
    routes: own('next.js'),
    settings: own('settings.js'),
  },
};

await build({
  ...shared,
  entryPoints: [own('page.js')],
  outfile: path.join(out, 'page.js'),
  platform: 'browser',
  format: 'iife',
  // The builds of a shop: without the checks that only a developer's build makes.
  define: {
    'process.env.NODE_ENV': '"production"',
    'process.env.LOG_LEVEL': 'undefined',
    'process.env.SERVICE_BACKEND_URL': '""',
  },
});
await build({
  ...shared,
  stdin: { contents: "export * from '@akinon/next/api/client';", resolveDir: theme },
  outfile: path.join(out, 'route.mjs'),
  platform: 'node',
  format: 'esm',
  // What the route fetches is counted; everything else about it is as published.
  define: { 'process.env.NODE_ENV': '"production"', fetch: 'globalThis.fetchUpstream' },
});
