// `npm test [-- FILE...]`: installs what is missing, then lint, types, build, unit and end-to-end tests and the short form
// of the fault suite, each stage with its seconds. The last line is what CI reads. Under CI nothing may be skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import {
  ensureBuild,
  ensureFaketime,
  ensureModules,
  ensureMosquitto,
  ensureNative,
  ensurePostgres,
  filesBelow,
  ROOT,
  run,
} from './ensure.mjs';

/** A file of tests that takes longer hangs. */
const FILE_TIMEOUT_MS = 240_000;
/** The whole fault suite is one file. */
const FAULTS_TIMEOUT_MS = 900_000;

const tsc = ['node_modules/typescript/bin/tsc', '--noEmit', '-p'];
const total = { pass: 0, fail: 0, skipped: 0 };

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** False when it failed. */
async function stage(name, work) {
  say(`\n== ${name}`);
  const startedAt = performance.now();
  let failure = null;
  try {
    await work();
  } catch (error) {
    failure = error;
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`== ${name}: ${failure === null ? 'ok' : `FAILED: ${failure.message}`} (${seconds} s)`);
  return failure === null;
}

/** node:test with the readable reporter on the screen, and the counts from its TAP. */
function runTests(files, concurrency, timeoutMs = FILE_TIMEOUT_MS) {
  const scratch = mkdtempSync(join(tmpdir(), 'dragonsink-tap-'));
  const tap = join(scratch, 'tap');
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
  ];
  const limits = [`--test-concurrency=${concurrency}`, `--test-timeout=${timeoutMs}`];
  const args = ['--import', 'tsx', '--test', ...limits, ...reporters, ...files.map((file) => relative(ROOT, file))];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const counts = readTap(existsSync(tap) ? readFileSync(tap, 'utf8') : '');
  rmSync(scratch, { recursive: true });
  const failed = counts.fail + counts.cancelled;
  const skipped = counts.skipped + counts.todo;
  total.pass += counts.pass;
  total.fail += failed;
  total.skipped += skipped;
  if (failed > 0 || status !== 0) throw new Error(`${failed} failed`);
  if (counts.pass === 0) throw new Error('no test ran');
  if (process.env.CI && skipped > 0) throw new Error(`${skipped} skipped, and CI skips none`);
}

function readTap(text) {
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return {
    pass: count('pass'),
    fail: count('fail'),
    cancelled: count('cancelled'),
    skipped: count('skipped'),
    todo: count('todo'),
  };
}

function testsIn(folder) {
  return filesBelow(join(ROOT, 'test', folder))
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
}

/** By stages. */
function select(named) {
  const isBelow = (folder) => (file) => file.startsWith(join(ROOT, 'test', folder) + sep);
  const isUnit = isBelow('unit');
  const isFaults = isBelow('faults');
  const files = named.length > 0 ? named : [...testsIn('unit'), ...testsIn('e2e'), ...testsIn('faults')];
  const missing = files.filter((file) => !existsSync(file));
  if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}`);
  const e2e = files.filter((file) => !isUnit(file) && !isFaults(file));
  return { unit: files.filter(isUnit), e2e, faults: files.filter(isFaults) };
}

function node(...args) {
  run(process.execPath, args);
}

/** True when all went well; after the first that did not, none begins. */
async function each(stages) {
  for (const [name, work] of stages) if (!(await stage(name, work))) return false;
  return true;
}

async function check() {
  if (!(await stage('install', ensureModules))) return false;
  // On a new machine a minute of compiling, on one core; nothing here needs it.
  const native = stage('native module', ensureNative);
  const passed = await each([
    ['mosquitto', ensureMosquitto],
    ['postgresql', ensurePostgres],
    ['libfaketime', ensureFaketime],
    ['lint', () => node('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.')],
    ['types', () => node(...tsc, '.')],
    ['types of the page', () => node(...tsc, 'src/page')],
    ['types of the tests', () => node(...tsc, 'test')],
    ['build', ensureBuild],
  ]);
  return (await native) && passed;
}

async function test({ unit, e2e, faults }) {
  const passed = [];
  // Two cores, and now and then one waits.
  if (unit.length > 0) passed.push(await stage('unit', () => runTests(unit, 3)));
  // The end-to-end tests start many processes, and wait most of the time.
  if (e2e.length > 0) passed.push(await stage('e2e', () => runTests(e2e, 4)));
  if (faults.length > 0) passed.push(await stage('faults', () => runTests(faults, 1, FAULTS_TIMEOUT_MS)));
  return passed.length > 0 && passed.every(Boolean);
}

async function main() {
  // npm runs this in the project's folder, wherever it was called.
  const named = process.argv.slice(2).map((file) => resolve(process.env.INIT_CWD ?? '.', file));
  let files = null;
  const ok = await stage('tests', () => {
    files = select(named);
  });
  return ok && (await check()) && (await test(files));
}

const startedAt = performance.now();
const ok = await main();
if (!ok && total.fail === 0) total.fail = 1; // a stage that is no test
if (total.skipped > 0) say(`\n${total.skipped} skipped`);
say(`\n== all: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
say(`${total.pass} passed, ${total.fail} failed`);
process.exitCode = ok ? 0 : 1;
