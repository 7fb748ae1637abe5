// The house rules, as a test: which room may import which, one door per package, small files, and who may exit.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { describe, test } from 'node:test';
import { VERSION } from '../../src/base/version.js';

const ROOT = join(import.meta.dirname, '../..');
const MAX_LINES = 400;

/** Which rooms a room may import from, beside itself: down only, and type-only imports count. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
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
  // The browser's: of the others it takes what knows nothing of Node.
  page: ['schema', 'base'],
};

/** The files that may import a package; a room's name stands for all of its files. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  mqtt: ['base/mqtt-link.ts'],
  'mqtt-packet': ['base/mqtt-packets.ts'],
  'better-sqlite3': ['base/sqlite.ts'],
  pino: ['base/log.ts'],
  axios: ['dragonsync/api-client.ts'],
  ini: ['settings/ini-file.ts'],
  'node-cron': ['server/housekeeping.ts'],
  pg: ['server/stores/postgres-pool.ts'],
  commander: ['main.ts', 'cli/enrol-options.ts', 'cli/field-options.ts'],
  'prom-client': ['server/web/metrics.ts'],
  zod: ['schema/', 'settings/'],
  aedes: ['simulate/demo-broker.ts'],
  leaflet: ['page/map/base-map.ts'],
  'topojson-client': ['page/map/coastline.ts'],
  'world-atlas': ['page/map/coastline.ts'],
  uplot: ['page/timeline/chart.ts'],
  zeromq: ['kit/receivers/zmq-subscription.ts'],
};

/** Development dependencies too: the build puts them into the page. */
const IN_THE_PAGE = ['leaflet', 'topojson-client', 'world-atlas', 'uplot'];

/** One is a development dependency, there in the demo and not where dragonsink is installed; the other may be missing. */
const ONLY_WHEN_NEEDED = ['aedes', 'zeromq'];

interface SourceFile {
  /** Below src, with slashes. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly specifier: string;
  readonly dynamic: boolean;
}

const STATIC_IMPORT = /^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
const DYNAMIC_IMPORT = /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g;

function importsOf(text: string): Import[] {
  const found = (pattern: RegExp, dynamic: boolean): Import[] =>
    [...text.matchAll(pattern)].map(([, specifier = '']) => ({ specifier, dynamic }));
  return [...found(STATIC_IMPORT, false), ...found(DYNAMIC_IMPORT, true)];
}

function roomOf(path: string): string {
  const [room = '', ...below] = path.split('/');
  return below.length === 0 ? 'main' : room;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function wrongDirection(path: string, specifier: string): string[] {
  const room = roomOf(path);
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  if (target.startsWith('../')) return [`${path} imports ${target}, outside src`];
  if (roomOf(target) === room || BELOW[room]?.includes(roomOf(target))) return [];
  return [`${path} imports ${target}: ${room} is not above ${roomOf(target)}`];
}

function wrongDoor(path: string, { specifier, dynamic }: Import): string[] {
  const name = packageOf(specifier);
  const doors = DOORS[name] ?? [];
  if (!doors.some((door) => path === door || (door.endsWith('/') && path.startsWith(door)))) {
    return [`${path} imports ${name}: its door is ${doors.join(', ') || 'nowhere'}`];
  }
  return ONLY_WHEN_NEEDED.includes(name) && !dynamic ? [`${path} imports ${name} at once, not when needed`] : [];
}

function wrongShape({ path, text }: SourceFile): string[] {
  const found: string[] = [];
  if (!/^(#!.*\n)?\/\/ \S/.test(text)) found.push(`${path} does not begin with its one job`);
  if (text.trimEnd().split('\n').length > MAX_LINES) found.push(`${path} is longer than ${MAX_LINES} lines`);
  if (!/^([a-z0-9-]+\/)*[a-z0-9-]+(\.[a-z]+)*$/.test(path)) found.push(`${path} is not in kebab-case`);
  return found;
}

/** Everything a file of src does that the house does not allow. */
function violations(file: SourceFile): string[] {
  const { path, text } = file;
  const found = importsOf(text).flatMap((one) => {
    if (one.specifier.startsWith('.')) return wrongDirection(path, one.specifier);
    if (!one.specifier.startsWith('node:')) return wrongDoor(path, one);
    return roomOf(path) === 'page' ? [`${path} imports ${one.specifier}, which no browser has`] : [];
  });
  if (path !== 'main.ts' && /\bprocess\s*\.\s*(exit|abort|reallyExit)\s*\(/.test(text)) found.push(`${path} exits`);
  if (/^\s*export\s+(default\b|\{[^}]*\bas default\b)/m.test(text)) found.push(`${path} has a default export`);
  if (/\bcreateRequire\b/.test(text)) found.push(`${path} imports behind this test's back`);
  if (text.includes(`'${VERSION}'`) || text.includes(`"${VERSION}"`)) found.push(`${path} repeats the version`);
  return [...found, ...wrongShape(file)];
}

function filesIn(folder: string, ending: RegExp): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(join(ROOT, folder), file), text: readFileSync(file, 'utf8') }));
}

function readJson(name: string): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(join(ROOT, name), 'utf8')) as Record<string, Record<string, unknown>>;
}

describe('the house', () => {
  test('keeps its rules in every source file', () => {
    const files = filesIn('src', /\.ts$/);
    assert.ok(files.length > 50);
    assert.deepEqual(files.flatMap(violations), []);
  });

  test('keeps its tests and tools small too, each with its one job', () => {
    const files = filesIn('test', /\.(ts|mjs)$/);
    assert.ok(files.length > 20);
    assert.deepEqual(files.flatMap(wrongShape), []);
  });

  test('has a door for every package it depends on, and no other', () => {
    const { dependencies = {}, optionalDependencies = {} } = readJson('package.json');
    const packages = { ...dependencies, ...optionalDependencies, aedes: '' };
    assert.deepEqual([...Object.keys(packages), ...IN_THE_PAGE].sort(), Object.keys(DOORS).sort());
    const files = filesIn('src', /\.ts$/);
    for (const [name, doors] of Object.entries(DOORS)) {
      for (const door of doors.filter((file) => file.endsWith('.ts'))) {
        const file = files.find(({ path }) => path === door);
        const imported = importsOf(file?.text ?? '').map(({ specifier }) => specifier);
        assert.ok(
          imported.some((specifier) => packageOf(specifier) === name),
          `${door} is the door of ${name} and does not import it`,
        );
      }
    }
  });
});

describe('the dependencies', () => {
  test('are pinned to one version each', () => {
    const { dependencies, optionalDependencies, devDependencies } = readJson('package.json');
    const pins = Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies });
    assert.ok(pins.length > 10);
    const loose = pins.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)));
    assert.deepEqual(loose, []);
  });

  test('are locked without the name of a registry', () => {
    const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
    assert.doesNotMatch(text, /"resolved"/);
  });

  test('have the version of package.json, which the program says too', () => {
    const { version } = readJson('package.json') as { version?: unknown };
    assert.equal(VERSION, version);
    const lock = readJson('package-lock.json') as { version?: unknown };
    assert.equal(lock.version, version);
  });
});

describe('this test would notice', () => {
  const job = '// its job\n';
  const good = `${job}import { a } from '../spool/spool.js';\nimport { b } from 'node:fs';\nexport const c = 1;\n`;

  test('nothing wrong with a good file', () => {
    assert.deepEqual(violations({ path: 'kit/good-file.ts', text: good }), []);
    assert.deepEqual(violations({ path: 'main.ts', text: `#!/usr/bin/env node\n${job}process.exit();\n` }), []);
    const demo = `${job}const { Aedes } = await import('aedes');\n`;
    assert.deepEqual(violations({ path: 'simulate/demo-broker.ts', text: demo }), []);
    const settings = `${job}import { z } from 'zod';\n`;
    assert.deepEqual(violations({ path: 'settings/x.ts', text: settings }), []);
  });

  const breaches: [path: string, text: string, expected: RegExp][] = [
    ['schema/x.ts', "import { a } from '../spool/spool.js';", /schema is not above spool/],
    ['kit/x.ts', "import type { A } from '../server/store.js';", /kit is not above server/],
    ['kit/x.ts', "import {\n  type A,\n  b,\n} from '../server/stores/b.js';", /kit is not above server/],
    ['server/x.ts', "export { a } from '../kit/kit.js';", /server is not above kit/],
    ['server/stores/x.ts', "export * from '../../kit/kit.js';", /server is not above kit/],
    ['server/x.ts', "import '../simulate/world.js';", /server is not above simulate/],
    ['kit/x.ts', "await import('../settings/spec.js');", /kit is not above settings/],
    ['server/x.ts', "let a: import('../settings/spec.js').A;", /server is not above settings/],
    ['base/x.ts', "import { a } from '../main.js';", /base is not above main/],
    ['simulate/x.ts', "import { a } from '../kit/kit.js';", /simulate is not above kit/],
    ['main.ts', "import { a } from './kit/kit.js';", /main is not above kit/],
    ['attic/x.ts', "import { a } from '../base/log.js';", /attic is not above base/],
    ['base/x.ts', "import { a } from '../../test/fixtures/a.js';", /outside src/],
    ['kit/x.ts', "import { connect } from 'mqtt';", /door is base\/mqtt-link/],
    ['base/x.ts', "import type { Packet } from 'mqtt/lib/x';", /imports mqtt/],
    ['server/x.ts', "import pg from 'pg';", /door is server\/stores\/postgres-pool/],
    ['server/x.ts', "import { z } from 'zod';", /door is schema/],
    ['kit/x.ts', "import _ from 'lodash';", /door is nowhere/],
    ['kit/x.ts', "const _ = require('@scope/name/file');", /imports @scope\/name/],
    ['simulate/demo-broker.ts', "import { Aedes } from 'aedes';", /at once/],
    ['page/x.ts', "import type { Store } from '../server/store.js';", /page is not above server/],
    ['server/x.ts', "import { el } from '../page/dom.js';", /server is not above page/],
    ['page/x.ts', "import { join } from 'node:path';", /no browser has/],
    ['page/x.ts', "import { map } from 'leaflet';", /door is page/],
    ['kit/receivers/zmq-subscription.ts', "import { Subscriber } from 'zeromq';", /at once/],
    ['kit/x.ts', 'process.exit(1);', /exits/],
    ['kit/x.ts', 'export default 1;', /default export/],
    ['kit/x.ts', 'const a = 1;\nexport { a as default };', /default export/],
    ['kit/x.ts', "import { createRequire } from 'node:module';", /behind/],
    ['kit/x.ts', `const v = '${VERSION}';`, /version/],
    ['kit/x.ts', 'x\n'.repeat(MAX_LINES), /longer/],
    ['kit/camelCase.ts', 'x', /kebab-case/],
  ];
  for (const [path, text, expected] of breaches) {
    test(`${path}: ${text.slice(0, 60).replaceAll('\n', ' ')}`, () => {
      const found = violations({ path, text: `${job}${text}\n` });
      assert.equal(found.length, 1, found.join('; '));
      assert.match(found[0] ?? '', expected);
    });
  }

  test('a file without its job', () => {
    for (const text of ['export const a = 1;\n', '', '/* its job */\n', '//\n']) {
      assert.match(violations({ path: 'kit/x.ts', text })[0] ?? '', /its one job/);
    }
  });
});
