// F18: single calls on the spool's files fail, as on a card that is dying.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import { happened, type IoFault, ioShim } from '../io-shim.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';

type Make = (random: Random) => IoFault;

const FAILURES: Record<string, Make> = {
  'sync of the WAL': (random) => failure(random, 'sync', '-wal', 'EIO'),
  'write of the WAL': (random) => failure(random, 'write', '-wal', random.pick(['EIO', 'ENOSPC'])),
  'sync of the database': (random) => ({ ...failure(random, 'sync', 'spool.db', 'EIO'), first: 1 }),
  'write of the database': (random) => ({
    ...failure(random, 'write', 'spool.db', random.pick(['EIO', 'ENOSPC'])),
    first: random.whole(1, 10),
  }),
};
const HAPPENS_WITHIN_MS = 12_000;
const RECOVERS_WITHIN_MS = 15_000;

export const failingDisk: Fault = {
  id: 'F18',
  what: 'EIO and ENOSPC at the n-th write or fsync of the spool',
  needs: ['compiler'],
  setup: (): Setup => ({ spool: ['max_mb = 4'], perSecond: 80 }),
  async run(world, random) {
    const names = Array.from({ length: world.rounds(1, 8) }, () => random.shuffled(Object.keys(FAILURES))).flat();
    for (const [i, name] of names.slice(0, world.rounds(2, names.length)).entries()) {
      const make = FAILURES[name];
      if (make !== undefined) await fail(world, make(random), name, join(world.folder, `io-${i}`));
    }
  },
};

function failure(random: Random, call: IoFault['call'], file: string, action: 'EIO' | 'ENOSPC'): IoFault {
  return { call, file, action, first: random.whole(8, 40), times: random.whole(1, 6) };
}

async function fail(world: World, how: IoFault, name: string, report: string): Promise<void> {
  await world.killKit();
  // A failed commit is not accepted; what stands in the spool is.
  world.api.disturb();
  const kit = world.launchKit(ioShim(how, report));
  await world.becomes(() => happened(report) >= (how.times ?? 1) || !kit.alive, HAPPENS_WITHIN_MS);
  const times = happened(report);
  world.injections += times;
  if (times === 0) world.notes.push(`${name}: no such call`);
  if (kit.alive) await recovers(world, name);
  await world.killKit();
  world.api.calm();
  await world.startKit();
}

/** In the same life. */
async function recovers(world: World, name: string): Promise<void> {
  const before = (await world.status())?.counts.accepted ?? 0;
  await sleep(1_000);
  const again = await world.becomes(
    async () => ((await world.status())?.counts.accepted ?? 0) > before,
    RECOVERS_WITHIN_MS,
  );
  if (!again) world.violations.push(`${name}: the kit accepts nothing any more`);
}
