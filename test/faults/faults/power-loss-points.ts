// F3: the power goes in the middle of a commit, of a checkpoint, of the beginning of an epoch, of a deletion.
import { join } from 'node:path';
import type { Fault } from '../fault.js';
import { happened, type IoFault, ioShim } from '../io-shim.js';
import type { Random } from '../random.js';
import { boot } from './kit-power-loss.js';

type Point = (random: Random) => Pick<IoFault, 'call' | 'file' | 'first'>;

const POINTS: Record<string, Point> = {
  // The first transaction of an opening is the one that begins the epoch.
  'epoch creation': (random) => ({ call: 'sync', file: '-wal', first: random.whole(1, 4) }),
  'a commit, before the sync': (random) => ({ call: 'sync', file: '-wal', first: random.whole(5, 20) }),
  'a commit, half written': (random) => ({ call: 'write', file: '-wal', first: random.whole(20, 120) }),
  'a checkpoint': (random) => ({ call: 'write', file: 'spool.db', first: random.whole(1, 40) }),
  'a checkpoint, before the sync': () => ({ call: 'sync', file: 'spool.db', first: 1 }),
};
const POINT_WITHIN_MS = 20_000;

export const powerLossPoints: Fault = {
  id: 'F3',
  what: 'power loss in a commit, a checkpoint, an epoch creation',
  needs: ['loop', 'compiler'],
  // Small, so that checkpoints come often: every MiB of WAL.
  setup: () => ({ disk: 'loop', spool: ['max_mb = 4'], perSecond: 80 }),
  async run(world, random) {
    const names = Object.keys(POINTS);
    const points = Array.from({ length: world.rounds(1, 6) }, () => random.shuffled(names)).flat();
    for (const [i, name] of points.slice(0, world.rounds(2, points.length)).entries()) {
      const point = POINTS[name];
      if (point === undefined) continue;
      const report = join(world.folder, `power-cut-${i}`);
      await world.killKit();
      world.watch.close();
      const powerCut = random.pick([2, 2, 1, 0] as const);
      const kit = world.launchKit(ioShim({ ...point(random), action: { powerCut } }, report));
      const cut = await kit.gone(POINT_WITHIN_MS);
      await world.killKit();
      // Nothing is heard a second time.
      world.api.withdrawAll();
      if (cut && happened(report) > 0) world.injections += 1;
      else world.notes.push(`${name} was not reached`);
      await boot(world);
    }
  },
};
