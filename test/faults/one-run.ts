// One run: a world, a fault and a seed; what came of it.
import { rmSync } from 'node:fs';
import type { Postgres } from '../fixtures/postgres.js';
import { isLeaving } from './cleanup.js';
import type { Fault } from './fault.js';
import { judge, type Verdict } from './invariants.js';
import { Random } from './random.js';
import { comeToRest } from './rest.js';
import { World } from './world.js';

export interface RunOptions {
  readonly fault: Fault;
  readonly seed: number;
  readonly main: string;
  readonly postgres: () => Promise<Postgres>;
  readonly long: boolean;
}

export interface RunResult extends Verdict {
  readonly fault: string;
  readonly seed: number;
  readonly injections: number;
  readonly seconds: number;
  readonly notes: readonly string[];
  /** What repeats it. */
  readonly command: string;
  /** Where the logs and the ledger of a failed run lie; null when they are gone. */
  readonly kept: string | null;
}

const NOTHING = { accepted: 0, stored: 0, destroyed: 0, lost: 0, doubled: 0, evicted: 0, resent: 0 };

export async function oneRun(options: RunOptions): Promise<RunResult> {
  const { fault, seed, long } = options;
  const startedAt = performance.now();
  const command = `npm run faults -- --fault ${fault.id} --seed ${seed}${long ? ' --long' : ''}`;
  const random = new Random(fault.id, seed);
  const setup = fault.setup?.(random) ?? {};
  let world: World | null = null;
  let verdict: Verdict;
  try {
    // Of its own: how many observations there are depends on the machine, and the schedule must not.
    const shown = new Random(`${fault.id} shows`, seed);
    world = await World.start({ ...options, setup, random: shown });
    verdict = await inWorld(world, fault, random);
  } catch (error: unknown) {
    const reason = error instanceof Error ? error.message : String(error);
    verdict = { ...NOTHING, violations: [...(world?.found ?? []), `broke off: ${reason}`] };
  }
  if (isLeaving()) await new Promise(() => {}); // what was taken away failed: no result
  const violations = expected(fault, verdict);
  if (violations.length > 0) world?.keepEvidence(violations, command);
  await world?.cleanup.run();
  const kept = violations.length > 0 ? (world?.folder ?? null) : null;
  if (kept === null && world !== null) rmSync(world.folder, { recursive: true, force: true });
  return {
    ...verdict,
    violations,
    fault: fault.id,
    seed,
    injections: world?.injections ?? 0,
    seconds: (performance.now() - startedAt) / 1_000,
    notes: world?.notes ?? [],
    command,
    kept,
  };
}

async function inWorld(world: World, fault: Fault, random: Random): Promise<Verdict> {
  world.feed();
  await fault.run(world, random);
  world.stopFeeding();
  return judge(world, await comeToRest(world));
}

/** A negative control has to lose something, and nothing else may be wrong. */
function expected({ mustLose }: Fault, { lost, violations }: Verdict): string[] {
  if (mustLose !== true) return [...violations];
  if (lost === 0) return [...violations, 'a negative control that lost nothing: the harness would not notice a loss'];
  return violations.filter((violation) => !/^I1|^I9/.test(violation));
}
