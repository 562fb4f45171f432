// Builds the console and the page of the interface into chalicelib/console, whole or not at all. `make console` calls it.
//
// File names carry a hash of their content, so that a browser may keep them for ever.

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, '..', 'chalicelib', 'console');
const BESIDE = `${TARGET}.new`;

const result = await build({
    absWorkingDir: HERE,
    entryPoints: { app: 'src/main.jsx', docs: 'src/docs.js' },
    outdir: BESIDE,
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    entryNames: '[name]-[hash]',
    legalComments: 'none',
    logLevel: 'warning',
});

const files = new Map(result.outputFiles.map((file) => [basename(file.path), file.contents]));
for (const [page, entry] of [
    ['index.html', 'app'],
    ['docs.html', 'docs'],
]) {
    let text = await readFile(join(HERE, 'src', page), 'utf8');
    for (const ending of ['js', 'css']) {
        const named = new RegExp(`^${entry}-.*\\.${ending}$`);
        text = text.replace(
            `${entry}.${ending}`,
            [...files.keys()].find((name) => named.test(name)),
        );
    }
    files.set(page, text);
}
files.set('icon.svg', await readFile(join(HERE, 'src', 'icon.svg')));

await rm(BESIDE, { recursive: true, force: true });
await mkdir(BESIDE, { recursive: true });
for (const [name, content] of files) await writeFile(join(BESIDE, name), content);
await rm(TARGET, { recursive: true, force: true });
await rename(BESIDE, TARGET);

for (const [name, content] of files) {
    const compressed = gzipSync(content, { level: 9 }).length;
    console.log(`${name.padEnd(20)} ${content.length} bytes, ${compressed} compressed`);
}
