// F1: the kit is killed, at any moment and at the worst ones.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.js';
import { dieAt } from '../preload/preloads.js';

const POINTS = ['after-begin', 'before-commit', 'after-commit', 'after-publish', 'before-delete', 'after-delete'];
/** An acknowledgement comes every 5 s at least, and there is a deletion for each. */
const POINT_WITHIN_MS = 20_000;

export const kitKill: Fault = {
  id: 'F1',
  what: 'kit kill -9, at random and at named points',
  needs: [],
  setup: (random) => ({ database: random.pick(['sqlite', 'postgres']) }),
  async run(world, random) {
    const kills = world.rounds(1, 140);
    for (let i = 0; i < kills; i += 1) {
      await sleep(random.durationMs(100, 1_500));
      await world.killKit();
      world.injections += 1;
      await world.startKit();
    }
    const points = Array.from({ length: world.rounds(1, 10) }, () => random.shuffled(POINTS)).flat();
    for (const point of points.slice(0, world.rounds(3, points.length))) {
      await world.killKit();
      const kit = world.launchKit(dieAt('kit', point, random.whole(1, 2)));
      if (await kit.gone(POINT_WITHIN_MS)) {
        world.injections += 1;
        await world.kitEnded();
      } else {
        world.violations.push(`the point ${point} was not reached`);
        await world.killKit();
      }
      await world.startKit();
    }
  },
};
