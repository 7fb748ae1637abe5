// `node test/tools/build-page.mjs FOLDER`: the page (src/page), bundled into index.html and assets/, each asset with a hash
// of its content in its name. No script, style or image stands in the HTML itself: the server's policy lets none run.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SOURCE = fileURLToPath(new URL('../../src/page', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** What index.html names. */
const ENTRIES = { 'main.js': 'main.ts', 'style.css': 'style.css', 'icon.svg': 'icon.svg' };

const folder = resolve(process.argv[2] ?? 'dist/page');
const { metafile } = await build({
  absWorkingDir: SOURCE,
  entryPoints: Object.values(ENTRIES),
  outdir: join(folder, 'assets'),
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  loader: { '.svg': 'copy', '.png': 'file' },
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
});

const outputs = Object.entries(metafile.outputs);
const built = (source) => {
  const found =
    outputs.find(([, { entryPoint }]) => entryPoint === source) ?? outputs.find(([, { inputs }]) => source in inputs);
  if (found === undefined) throw new Error(`esbuild made nothing of ${source}`);
  return `assets/${basename(found[0])}`;
};
let html = readFileSync(join(SOURCE, 'index.html'), 'utf8');
for (const [name, source] of Object.entries(ENTRIES)) html = html.replaceAll(`"${name}"`, `"${built(source)}"`);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'index.html'), html);

// What is bundled goes with its licence, which most of them ask for.
const licences = Object.keys(metafile.inputs)
  .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
  .filter((name, i, names) => name !== undefined && names.indexOf(name) === i)
  .map((name) => `${name}\n\n${readFileSync(join(PACKAGES, name, licenceOf(name)), 'utf8').trim()}\n`);
writeFileSync(join(folder, 'assets/licences.txt'), licences.sort().join('\n----\n\n'));

function licenceOf(name) {
  const found = readdirSync(join(PACKAGES, name)).find((file) => /^licen[cs]e/i.test(file));
  if (found === undefined) throw new Error(`${name} has no licence`);
  return found;
}
