// F17: the kit's disk is full, by its own spool or by somebody else's files.
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sum } from '../account.js';
import type { Fault, Setup } from '../fault.js';
import type { World } from '../world.js';

const DISK_MB = 6;
const CHUNK = Buffer.alloc(64 * 1024);
const SHOWN_AT_ONCE = 900;
const FULL_WITHIN_MS = 60_000;
const DRAINED_WITHIN_MS = 60_000;

export const kitDiskFull: Fault = {
  id: 'F17',
  what: 'kit disk full, with and without a foreign filler: it drains all the same',
  needs: ['tmpfs'],
  setup: (random): Setup => ({
    disk: { tmpfsMb: DISK_MB },
    spool: [`evict = ${random.pick(['priority', 'oldest', 'reject-new'])}`, `min_free_mb = ${random.pick([0, 0, 1])}`],
  }),
  async run(world, random) {
    for (const filler of random.shuffled([true, false])) {
      world.links.kit.set({ name: 'cut' });
      await sleep(random.durationMs(1_000, 2_500));
      // What is shown from here on may be refused; what stands in the spool is accepted all the same.
      world.api.disturb();
      if (filler) fill(world);
      await world.until('the disk is full', () => isFull(world), FULL_WITHIN_MS);
      world.injections += 1;
      if (random.chance(0.5)) await restart(world);
      world.stopFeeding();
      world.api.withdrawAll();
      world.links.kit.heal();
      const drained = await world.becomes(async () => (await world.status())?.spool.waiting === 0, DRAINED_WITHIN_MS);
      if (!drained) world.violations.push('the spool does not drain while the disk is full');
      rmSync(fillerOf(world), { force: true });
      world.feed();
      world.api.calm();
      await sleep(random.durationMs(1_000, 2_000));
    }
  },
};

function fillerOf(world: World): string {
  return join(dirname(world.spoolFile), 'filler');
}

function fill(world: World): void {
  const file = fillerOf(world);
  for (const chunk of [CHUNK, CHUNK.subarray(0, 512)]) {
    try {
      for (;;) writeFileSync(file, chunk, { flag: 'a' });
    } catch {
      // full
    }
  }
}

/** It refuses, or gives up what is old. */
async function isFull(world: World): Promise<boolean> {
  const before = await world.status();
  world.api.show(SHOWN_AT_ONCE);
  await sleep(1_100);
  world.api.withdrawAll();
  const after = await world.status();
  const { bavail, bsize } = statfsSync(dirname(world.spoolFile));
  const refused = (after?.counts.refused ?? 0) > (before?.counts.refused ?? 0);
  const evicted = sum(after?.counts.evicted) > sum(before?.counts.evicted);
  return refused || evicted || (bavail === 0 && bsize > 0 && after?.counts.accepted === before?.counts.accepted);
}

/** Also then it starts. */
async function restart(world: World): Promise<void> {
  await world.killKit();
  await world.startKit();
}
