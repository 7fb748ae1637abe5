// The guards are needed: each patch of mutants/ takes one out of a copy of the sources, and the faults that its header
// names must then find harm, while nothing is lost as long as nothing goes wrong. A patch that no longer applies guards
// nothing, and fails as well.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FAULTS } from './catalogue.js';
import { Cleanup } from './cleanup.js';
import type { Fault } from './fault.js';
import { calm } from './faults/calm.js';
import { missingHere, whyNot } from './machine.js';
import { oneRun, type RunResult } from './one-run.js';
import { inParallel, SharedPostgres } from './suite.js';

const ROOT = join(import.meta.dirname, '../..');
const PATCHES = join(import.meta.dirname, 'mutants');
const execute = promisify(execFile);
const BUILT_FROM = ['src', 'package.json', 'tsconfig.json'];
const MUTANTS_AT_A_TIME = 3;
/** A line of a patch's header. */
const KILLED_BY = /^Killed-by: (?<id>\S+) seed (?<seed>\d+)$/gm;
/** Lost, stored twice, deleted too early: what the guards are there for. That it does not start kills no mutant. */
const HARM = /^I[125]:/;

/** Resolves to the exit code. */
export async function runMutants(): Promise<number> {
  const names = readdirSync(PATCHES)
    .filter((name) => name.endsWith('.patch'))
    .sort();
  const postgres = new SharedPostgres();
  let killed = 0;
  await inParallel(names, MUTANTS_AT_A_TIME, async (name) => {
    const problem = await runMutant(name, postgres);
    if (problem === null) killed += 1;
    process.stdout.write(`${name}: ${problem ?? 'killed'}\n`);
  });
  await postgres.stop();
  process.stdout.write(`${killed} of ${names.length} mutants killed\n`);
  return names.length > 0 && killed === names.length ? 0 : 1;
}

/** Null when it was killed, by each that its header names. */
async function runMutant(name: string, postgres: SharedPostgres): Promise<string | null> {
  const patch = join(PATCHES, name);
  const hunters = await huntersOf(patch);
  if (hunters.length === 0) return 'its header names nothing that kills it';
  const cleanup = new Cleanup();
  const copy = mkdtempSync(join(tmpdir(), 'dragonsink-mutant-'));
  cleanup.add(() => rmSync(copy, { recursive: true, force: true }));
  try {
    const problem = await build(copy, patch);
    if (problem !== null) return problem;
    const run = async (fault: Fault, seed: number): Promise<RunResult> => {
      const main = join(copy, 'dist/main.js');
      const result = await oneRun({ fault, seed, main, long: false, postgres: () => postgres.get() });
      if (result.kept !== null) rmSync(result.kept, { recursive: true, force: true });
      return result;
    };
    const [healthy, ...hunts] = await Promise.all([
      run(calm, 1),
      ...hunters.map(({ fault, seed }) => run(fault, seed)),
    ]);
    // That something has left the spool too early is known at once, and does no harm as long as nothing goes wrong.
    if (healthy.stored === 0 || healthy.lost + healthy.doubled > 0) {
      return `does not work without any fault: ${healthy.violations[0]}`;
    }
    for (const { fault, seed, violations } of hunts) {
      const harm = violations.find((violation) => HARM.test(violation));
      if (harm === undefined) return `SURVIVED ${fault} seed ${seed} (${violations[0] ?? 'which found nothing'})`;
      process.stderr.write(`  ${name}: ${fault} seed ${seed} found ${harm}\n`);
    }
    return null;
  } finally {
    await cleanup.run();
  }
}

async function huntersOf(patch: string): Promise<{ readonly fault: Fault; readonly seed: number }[]> {
  const missing = await missingHere();
  return [...readFileSync(patch, 'utf8').matchAll(KILLED_BY)].map(({ groups: { id, seed } = {} }) => {
    const fault = FAULTS.find((one) => one.id === id);
    if (fault === undefined) throw new Error(`${patch}: there is no fault ${id}`);
    const why = whyNot(fault, missing);
    if (why !== null) throw new Error(`${patch} needs ${id}: ${why}`);
    return { fault, seed: Number(seed) };
  });
}

/** Null when the copy is built. It must not block: the links of the other mutant's world pass through this process. */
async function build(copy: string, patch: string): Promise<string | null> {
  for (const name of BUILT_FROM) await cp(join(ROOT, name), join(copy, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  try {
    // With one line of context around each change: what is edited elsewhere does not matter.
    await execute('git', ['apply', '-C1', patch], { cwd: copy });
    await execute(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: copy });
    return null;
  } catch (thrown: unknown) {
    const { message, stdout } = thrown as Error & { stdout: string };
    return `does not apply, or does not build: ${message}\n${stdout}`;
  }
}
