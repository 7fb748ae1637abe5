// The house rules, held: imports go down, one door per package, small files, one exit.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { describe, test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const MAX_LINES = 400;

/** Which rooms a room may import from, beside itself (design: "Rooms"). */
const BELOW: Record<string, readonly string[]> = {
  main: ['cli', 'base'],
  cli: ['kit', 'server', 'simulate', 'settings', 'dragonsync', 'spool', 'schema', 'base'],
  kit: ['dragonsync', 'spool', 'schema', 'base'],
  server: ['dragonsync', 'schema', 'base'],
  simulate: ['dragonsync', 'spool', 'schema', 'base'],
  dragonsync: ['schema', 'base'],
  spool: ['schema', 'base'],
  settings: ['schema', 'base'],
  schema: ['base'],
  base: [],
};

/** The files that may import a package; a room's name stands for all of its files. */
const DOORS: Record<string, readonly string[]> = {
  mqtt: ['base/mqtt-link.ts'],
  'better-sqlite3': ['base/sqlite.ts'],
  pino: ['base/log.ts'],
  axios: ['dragonsync/api-client.ts'],
  ini: ['settings/ini-file.ts'],
  'node-cron': ['server/housekeeping.ts'],
  pg: ['server/stores/postgres-pool.ts'],
  commander: ['main.ts'],
  zod: ['schema/'],
  aedes: ['simulate/demo-broker.ts'],
};

interface SourceFile {
  /** Below src, with slashes. */
  readonly path: string;
  readonly text: string;
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'|(?:^|\n)\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/g;

function importsOf({ text }: SourceFile): string[] {
  return [...text.matchAll(IMPORT)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
}

function roomOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : 'main';
}

/** Everything a file does that the house does not allow. */
function violations(file: SourceFile): string[] {
  const found: string[] = [];
  const room = roomOf(file.path);
  for (const specifier of importsOf(file)) {
    if (specifier.startsWith('.')) {
      const target = posix.normalize(posix.join(dirname(file.path), specifier));
      const allowed = [room, ...(BELOW[room] ?? [])];
      if (!allowed.includes(roomOf(target))) found.push(`${file.path} imports ${target}: ${room} is not above it`);
    } else if (!specifier.startsWith('node:')) {
      const name = specifier.startsWith('@')
        ? specifier.split('/').slice(0, 2).join('/')
        : (specifier.split('/')[0] ?? '');
      const doors = DOORS[name] ?? [];
      if (!doors.some((door) => file.path === door || (door.endsWith('/') && file.path.startsWith(door)))) {
        found.push(`${file.path} imports ${name}: its door is ${doors.join(', ') || 'nowhere'}`);
      }
    }
  }
  if (file.path !== 'main.ts' && /process\.exit\(/.test(file.text)) found.push(`${file.path} exits`);
  if (/^export default/m.test(file.text)) found.push(`${file.path} has a default export`);
  if (!/^(#!.*\n)?\/\/ /.test(file.text)) found.push(`${file.path} does not begin with its one job`);
  if (file.text.split('\n').length > MAX_LINES + 1) found.push(`${file.path} is longer than ${MAX_LINES} lines`);
  return found;
}

function filesIn(folder: string, ending: RegExp): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(join(ROOT, folder), file), text: readFileSync(file, 'utf8') }));
}

describe('the house', () => {
  test('keeps its rules in every source file', () => {
    const files = filesIn('src', /\.ts$/);
    assert.ok(files.length > 50);
    assert.deepEqual(files.flatMap(violations), []);
  });

  test('keeps its tests and tools small too', () => {
    const long = filesIn('test', /\.(ts|mjs)$/).filter(({ text }) => text.split('\n').length > MAX_LINES + 1);
    assert.deepEqual(long.map(({ path }) => path), []); // biome-ignore format: short
  });

  test('would notice each kind of breach', () => {
    const breach = (path: string, text: string): string[] => violations({ path, text: `// its job\n${text}\n` });
    assert.match(breach('schema/x.ts', "import { a } from '../spool/spool.js';")[0] ?? '', /schema is not above it/);
    assert.match(breach('kit/x.ts', "import type { A } from '../server/store.js';")[0] ?? '', /kit is not above it/);
    assert.match(breach('server/x.ts', "export { a } from '../kit/kit.js';")[0] ?? '', /server is not above it/);
    assert.match(breach('kit/x.ts', "await import('../settings/spec.js');")[0] ?? '', /kit is not above it/);
    assert.match(breach('kit/x.ts', "import { connect } from 'mqtt';")[0] ?? '', /its door is base/);
    assert.match(breach('kit/x.ts', "import _ from 'lodash';")[0] ?? '', /its door is nowhere/);
    assert.match(breach('kit/x.ts', 'process.exit(1);')[0] ?? '', /exits/);
    assert.match(breach('kit/x.ts', 'export default 1;')[0] ?? '', /default export/);
    assert.match(breach('kit/x.ts', 'x\n'.repeat(MAX_LINES + 1))[0] ?? '', /longer/);
    assert.match(violations({ path: 'kit/x.ts', text: 'export const a = 1;\n' })[0] ?? '', /its one job/);
    assert.deepEqual(breach('kit/x.ts', "import { a } from '../spool/spool.js';\nimport { b } from 'node:fs';"), []);
  });

  test('pins every dependency, and names no registry', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const pins = Object.entries({ ...manifest['dependencies'], ...manifest['devDependencies'] });
    assert.deepEqual(pins.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)), []); // biome-ignore format: short
    assert.ok(!/"resolved"/.test(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')));
  });
});
