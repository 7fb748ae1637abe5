// F12: the server is killed between the insert, the commit, the broker's acknowledgement and the kit's.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import { DELIVERY } from '../kit-config.js';
import { dieAt } from '../preload/preloads.js';

const POINTS = ['after-insert', 'before-commit', 'after-commit', 'before-puback', 'after-puback'];
const ACK_POINTS = DELIVERY === 'database' ? ['before-ack', 'after-ack'] : [];
/** With SQLite a commit is one call: it is never on its way. */
const POSTGRES_POINTS = ['commit-sent'];
/** An acknowledgement comes every 5 s at least. */
const POINT_WITHIN_MS = 20_000;

export const serverKill: Fault = {
  id: 'F12',
  what: 'server kill -9 between insert, COMMIT, PUBACK and acknowledgement',
  needs: [],
  setup: (random): Setup => ({ database: random.pick(['sqlite', 'postgres']) }),
  async run(world, random) {
    const own = world.options.setup.database === 'postgres' ? POSTGRES_POINTS : [];
    const all = [...POINTS, ...ACK_POINTS, ...own];
    const points = Array.from({ length: world.rounds(1, 12) }, () => random.shuffled(all)).flat();
    for (const point of points.slice(0, world.rounds(3, points.length))) {
      await world.endServer();
      const server = world.launchServer('fault', dieAt('server', point, random.whole(1, 2)));
      if (await server.gone(POINT_WITHIN_MS)) world.injections += 1;
      else world.violations.push(`the point ${point} was not reached`);
      await world.endServer();
      await world.startServer();
      await sleep(random.durationMs(100, 1_000));
    }
  },
};
