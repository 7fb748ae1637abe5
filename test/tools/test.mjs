// `npm test [-- FILE...]`: installs what is missing, then lint, types, build, unit and end-to-end tests and the short form
// of the fault suite, each stage with its seconds. The last line is what CI reads. Under CI nothing may be skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import {
  ensureBuild,
  ensureDependencies,
  ensureFaketime,
  ensureMosquitto,
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
function stage(name, work) {
  say(`\n== ${name}`);
  const startedAt = performance.now();
  let failure = null;
  try {
    work();
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

/** Which files run two at a time, which one after another, and which last. */
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

function check() {
  const stages = [
    ['install', () => ensureDependencies()],
    ['mosquitto', () => ensureMosquitto()],
    ['postgresql', () => ensurePostgres()],
    ['libfaketime', () => ensureFaketime()],
    ['lint', () => node('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.')],
    ['types', () => node(...tsc, '.')],
    ['types of the page', () => node(...tsc, 'src/page')],
    ['types of the tests', () => node(...tsc, 'test')],
    ['build', () => ensureBuild()],
  ];
  return stages.every(([name, work]) => stage(name, work));
}

function test({ unit, e2e, faults }) {
  const passed = [];
  if (unit.length > 0) passed.push(stage('unit', () => runTests(unit, 2)));
  // The end-to-end tests measure waiting times and start many processes: a few files beside each other.
  if (e2e.length > 0) passed.push(stage('e2e', () => runTests(e2e, 3)));
  if (faults.length > 0) passed.push(stage('faults', () => runTests(faults, 1, FAULTS_TIMEOUT_MS)));
  return passed.length > 0 && passed.every(Boolean);
}

function main() {
  // npm runs this in the project's folder, wherever it was called.
  const named = process.argv.slice(2).map((file) => resolve(process.env.INIT_CWD ?? '.', file));
  let files = null;
  const ok = stage('tests', () => {
    files = select(named);
  });
  return ok && check() && test(files);
}

const startedAt = performance.now();
const ok = main();
if (!ok && total.fail === 0) total.fail = 1; // a stage that is no test
if (total.skipped > 0) say(`\n${total.skipped} skipped`);
say(`\n== all: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
say(`${total.pass} passed, ${total.fail} failed`);
process.exitCode = ok ? 0 : 1;
