// `npm test [-- FILE...]`: installs what is missing, then lint, types, build, unit and end-to-end tests, each stage with
// its seconds. The last line is what CI reads. Under CI nothing may be skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { ensureBuild, ensureDependencies, ensureMosquitto, ensurePostgres, filesBelow, ROOT, run } from './ensure.mjs';

const chosen = process.argv.slice(2).map((file) => resolve(file));
const tsc = ['node_modules/typescript/bin/tsc', '--noEmit', '-p'];
const total = { pass: 0, fail: 0, skipped: 0 };

function stage(name, work) {
  process.stdout.write(`\n== ${name}\n`);
  const startedAt = performance.now();
  let failure = null;
  try {
    work();
  } catch (error) {
    failure = error;
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`== ${name}: ${failure === null ? 'ok' : `FAILED: ${failure.message}`} (${seconds} s)\n`);
  return failure === null;
}

/** node:test with the readable reporter on the screen, and the counts from its TAP. */
function testStage(folder, concurrency) {
  const files = filesBelow(join(ROOT, 'test', folder))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => chosen.length === 0 || chosen.includes(file))
    .sort();
  if (files.length === 0) return;
  const scratch = mkdtempSync(join(tmpdir(), 'dragonsink-tap-'));
  const tap = join(scratch, 'tap');
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
  ];
  const args = ['--import', 'tsx', '--test', `--test-concurrency=${concurrency}`, ...reporters];
  const { status } = spawnSync(process.execPath, [...args, ...files.map((file) => relative(ROOT, file))], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const counts = readTap(readFileSync(tap, 'utf8'));
  rmSync(scratch, { recursive: true });
  total.pass += counts.pass;
  total.fail += counts.fail + counts.cancelled;
  total.skipped += counts.skipped + counts.todo;
  if (counts.pass === 0) throw new Error('no test ran');
  if (status !== 0) throw new Error(`${counts.fail + counts.cancelled} failed`);
  if (process.env.CI && counts.skipped + counts.todo > 0) throw new Error('skipped under CI');
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

function node(...args) {
  run(process.execPath, args);
}

function check() {
  const stages = [
    ['install', () => ensureDependencies()],
    ['mosquitto', () => ensureMosquitto()],
    ['postgresql', () => ensurePostgres()],
    ['lint', () => node('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.')],
    ['types', () => node(...tsc, '.')],
    ['types of the tests', () => node(...tsc, 'test')],
    ['build', () => ensureBuild()],
  ];
  return stages.every(([name, work]) => stage(name, work));
}

let ok = check();
if (ok) {
  // The end-to-end tests measure waiting times and start many processes: one file after another.
  const unit = stage('unit', () => testStage('unit', 2));
  const e2e = stage('e2e', () => testStage('e2e', 1));
  ok = unit && e2e;
}
if (!ok && total.fail === 0) total.fail = 1;
if (total.pass === 0) ok = false;
process.stdout.write(
  `\n${total.pass} passed, ${total.fail} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`,
);
process.exitCode = ok ? 0 : 1;
