// Thousands of random schedules of everything that can go wrong between a kit's spool and a server's database, each ended
// by healing all of it: what was accepted has arrived, once, or is on record, and both halves of the ledger say so.
//
// DELIVERY_MODEL_RUNS=100000 runs for longer, with another seed each time; DELIVERY_MODEL_SEED repeats one.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { DatabaseFile } from './delivery-model/database.js';
import { emptySpool } from './delivery-model/disk.js';
import { FLAWS, putIn } from './delivery-model/flaws.js';
import { runSchedule, type Schedule, schedules } from './delivery-model/schedule.js';
import { realMs, VirtualTime } from './delivery-model/virtual-time.js';
import type { Ground } from './delivery-model/world.js';

const { DELIVERY_MODEL_RUNS: askedRuns, DELIVERY_MODEL_SEED: askedSeed } = process.env;
const RUNS = Number(askedRuns ?? 2_000);
const FIXED_SEED = 20_261_125;
const SEED = Number(askedSeed ?? (askedRuns === undefined ? FIXED_SEED : Date.now() % 1e9));
/** Within so many schedules each fault is found; most of them within ten. */
const RUNS_PER_FLAW = 500;
const RUNS_TO_SHORTEN = 1_000;

suite('delivery, with everything failing', () => {
  let ground: Ground;
  let count = 0;
  // A disk that costs nothing: what one does at a power cut is another test's subject.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'dragonsink-model-'));
  const time = new VirtualTime();

  before(async () => {
    const nowUs = (): number => time.wallMs * 1_000;
    ground = {
      time,
      folder,
      home: await DatabaseFile.open(join(folder, 'home.db'), nowUs),
      foreign: await DatabaseFile.open(join(folder, 'foreign.db'), nowUs),
      emptySpool: emptySpool(folder),
    };
  });
  after(async () => {
    await ground.home.close();
    await ground.foreign.close();
    rmSync(folder, { recursive: true });
  });

  const run = (schedule: Schedule): Promise<void> => {
    count += 1;
    return runSchedule(ground, `kit-${count}`, schedule);
  };

  /** After the first failure only so many more are run to find a shorter one: what is not run went well. */
  const runUntilShort = (): typeof run => {
    let left = Number.POSITIVE_INFINITY;
    return async (schedule) => {
      left -= 1;
      if (left < 0) return;
      try {
        await run(schedule);
      } catch (error: unknown) {
        left = Math.min(left, RUNS_TO_SHORTEN);
        throw error;
      }
    };
  };

  /** In virtual time, which the test runner must not live in. */
  const timed = async <T>(work: () => Promise<T>): Promise<{ result: T; seconds: string }> => {
    const startedAt = realMs();
    time.install();
    try {
      const result = await work();
      return { result, seconds: ((realMs() - startedAt) / 1_000).toFixed(1) };
    } finally {
      time.uninstall();
    }
  };

  test('nothing is lost, doubled or unaccounted for', async (t) => {
    const property = fc.asyncProperty(schedules(), runUntilShort());
    const { seconds } = await timed(() => fc.assert(property, { numRuns: RUNS, seed: SEED }));
    t.diagnostic(`${RUNS} schedules of seed ${SEED} in ${seconds} s`);
  });

  for (const [name, flaw] of Object.entries(FLAWS)) {
    test(`it is noticed when ${name}`, async (t) => {
      const property = fc.asyncProperty(schedules(flaw.setup), run);
      const limits = { numRuns: RUNS_PER_FLAW, seed: FIXED_SEED, endOnFailure: true };
      const takeOut = putIn(flaw);
      try {
        const { result } = await timed(() => fc.check(property, limits));
        assert.ok(result.failed, `${RUNS_PER_FLAW} schedules went well`);
        t.diagnostic(`after ${result.numRuns} schedules: ${String(result.errorInstance)}`);
      } finally {
        takeOut();
      }
    });
  }
});
