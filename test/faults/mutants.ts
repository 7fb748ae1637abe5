// The guards are needed: each patch of mutants/ takes one out of a copy of the sources, and what its header names must
// then fail. A patch that no longer applies guards nothing, and fails as well.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULTS } from './catalogue.js';
import { Cleanup } from './cleanup.js';
import { missingHere, whyNot } from './machine.js';
import { oneRun } from './one-run.js';
import { SharedPostgres } from './suite.js';

const ROOT = join(import.meta.dirname, '../..');
const PATCHES = join(import.meta.dirname, 'mutants');
const COPIED = ['src', 'test', 'package.json', 'tsconfig.json', 'config'];
/** A line of a patch's header: `Killed-by: F2 seed 1`, or `Killed-by: test/unit/some.test.ts`. */
const KILLED_BY = /^Killed-by: (?:(?<fault>\S+) seed (?<seed>\d+)|(?<file>test\/\S+\.test\.ts))$/gm;

interface Hunter {
  readonly name: string;
  /** Resolves to what it found; empty when the mutant gets by. */
  hunt(): Promise<readonly string[]>;
}

/** Resolves to the exit code. */
export async function runMutants(): Promise<number> {
  const names = readdirSync(PATCHES)
    .filter((name) => name.endsWith('.patch'))
    .sort();
  const postgres = new SharedPostgres();
  let survivors = names.length === 0 ? 1 : 0;
  for (const name of names) {
    const problem = await runMutant(name, postgres);
    if (problem !== null) survivors += 1;
    process.stdout.write(`${name}: ${problem ?? 'killed'}\n`);
  }
  await postgres.stop();
  process.stdout.write(`${names.length - survivors} of ${names.length} mutants killed\n`);
  return survivors === 0 ? 0 : 1;
}

/** Null when it was killed, by every one that its header names. */
async function runMutant(name: string, postgres: SharedPostgres): Promise<string | null> {
  const patch = join(PATCHES, name);
  const cleanup = new Cleanup();
  const copy = mkdtempSync(join(tmpdir(), 'dragonsink-mutant-'));
  cleanup.add(() => rmSync(copy, { recursive: true, force: true }));
  try {
    const problem = makeMutant(copy, patch);
    if (problem !== null) return problem;
    const hunters = await huntersOf(patch, copy, postgres);
    if (hunters.length === 0) return 'its header names nobody that kills it';
    for (const hunter of hunters) {
      const found = await hunter.hunt();
      if (found.length === 0) return `SURVIVED ${hunter.name}`;
      process.stderr.write(`  ${hunter.name}: ${found[0]}\n`);
    }
    return null;
  } finally {
    await cleanup.run();
  }
}

function makeMutant(copy: string, patch: string): string | null {
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const applied = spawnSync('git', ['apply', '--verbose', patch], { cwd: copy, encoding: 'utf8' });
  if (applied.status !== 0) return `does not apply:\n${applied.stderr}`;
  const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], {
    cwd: copy,
    encoding: 'utf8',
  });
  return built.status === 0 ? null : `does not build:\n${built.stdout}`;
}

async function huntersOf(patch: string, copy: string, postgres: SharedPostgres): Promise<Hunter[]> {
  const missing = await missingHere();
  return [...readFileSync(patch, 'utf8').matchAll(KILLED_BY)].map(({ groups = {} }) => {
    const { fault: id, seed, file } = groups;
    if (file !== undefined) return { name: file, hunt: async () => failingTests(copy, file) };
    const fault = FAULTS.find((one) => one.id === id);
    if (fault === undefined) throw new Error(`${patch}: there is no fault ${id}`);
    const why = whyNot(fault, missing);
    if (why !== null) throw new Error(`${patch} needs ${id}: ${why}`);
    const main = join(copy, 'dist/main.js');
    return {
      name: `${id} seed ${seed}`,
      hunt: async () => {
        const run = { fault, seed: Number(seed), main, long: false, postgres: () => postgres.get() };
        const { violations, kept } = await oneRun(run);
        if (kept !== null) rmSync(kept, { recursive: true, force: true });
        return violations;
      },
    };
  });
}

function failingTests(copy: string, file: string): string[] {
  try {
    execFileSync(process.execPath, ['--import', 'tsx', '--test', file], { cwd: copy, stdio: 'pipe' });
    return [];
  } catch {
    return [`${file} fails`];
  }
}
