// F11: the broker's queue for the server is full: it confirms and drops.
import { setTimeout as sleep } from 'node:timers/promises';
import { dashboard } from '../dashboard.js';
import type { Fault, Setup } from '../fault.js';

export const brokerOverflow: Fault = {
  id: 'F11',
  what: 'broker queue overflow: max_queued_messages 100, the server away or hanging',
  needs: [],
  setup: (random): Setup => ({
    database: random.pick(['sqlite', 'postgres']),
    perSecond: 100,
    broker: ['max_queued_messages 100', 'max_inflight_messages 20'],
  }),
  async run(world, random) {
    if (random.chance(0.5)) dashboard(world.broker.port, world.cleanup);
    const rounds = world.rounds(1, 10);
    for (let i = 0; i < rounds; i += 1) {
      const hangs = world.options.long && random.chance(0.5);
      const server = world.servers.get('fault');
      if (hangs) server?.signal('SIGSTOP');
      else await world.endServer(random.pick(['SIGKILL', 'SIGTERM']));
      world.injections += 1;
      // Enough for the queue to overflow several times.
      await sleep(world.rounds(5_000, 60_000));
      if (hangs) server?.signal('SIGCONT');
      else await world.startServer();
      await sleep(random.durationMs(500, 3_000));
    }
  },
};
