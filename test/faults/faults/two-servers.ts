// F14: two servers on one database, by mistake or in a rolling update; also under the same name.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import type { World } from '../world.js';

/** With the same name each new connection ends the other's: each waits longer every time, or it would be a storm. */
const MAX_CONNECTIONS = { atFirst: 8, perS: 0.4 };

export const twoServers: Fault = {
  id: 'F14',
  what: 'two servers at once, also with the same id',
  needs: [],
  setup: (random): Setup => ({ database: random.pick(['sqlite', 'postgres']) }),
  async run(world, random) {
    for (const sameId of random.shuffled([true, false])) {
      await world.startServer('second', sameId ? { SERVER_ID: 'fault' } : {});
      world.injections += 1;
      const seconds = world.rounds(5, 60);
      await sleep(seconds * 1_000);
      if (sameId) complainOfStorm(world, seconds);
      // Either may be the one that goes, in either way.
      const leaving = random.pick(['fault', 'second']);
      await world.endServer(random.pick(['SIGKILL', 'SIGTERM']), leaving);
      await sleep(random.durationMs(100, 2_000));
      if (leaving === 'fault') await world.startServer();
      await world.endServer('SIGTERM', 'second');
    }
  },
};

function complainOfStorm(world: World, seconds: number): void {
  const connections = [...world.servers.values()]
    .map((server) => server.log().match(/connected to the broker/g)?.length ?? 0)
    .reduce((total, n) => total + n, 0);
  const most = MAX_CONNECTIONS.atFirst + MAX_CONNECTIONS.perS * seconds;
  if (connections > most)
    world.violations.push(`two servers of one name connected ${connections} times in ${seconds} s`);
  else world.notes.push(`same id: ${connections} connections in ${seconds} s`);
}
