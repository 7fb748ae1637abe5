// F8 and F9: the broker is killed, and forgets; also with the server away, and with somebody else subscribed.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanup } from '../cleanup.js';
import { dashboard } from '../dashboard.js';
import type { Fault, Setup } from '../fault.js';
import type { World } from '../world.js';

export const brokerKill: Fault = {
  id: 'F8',
  what: 'broker kill -9 and restart, with its default persistence',
  needs: [],
  setup: (random): Setup => ({
    database: random.pick(['sqlite', 'postgres']),
    stateTopics: true,
    broker: random.chance(0.3) ? ['persistence false'] : [],
    mqtt: [`mqtt_qos = ${random.whole(0, 2)}`],
  }),
  async run(world, random) {
    const kills = world.rounds(3, 50);
    for (let i = 0; i < kills; i += 1) {
      await sleep(random.durationMs(300, 3_000));
      await world.broker.kill();
      world.injections += 1;
      await sleep(random.durationMs(10, 1_000));
      await world.broker.start();
    }
  },
};

export const brokerForgets: Fault = {
  id: 'F9',
  what: 'broker loses its file while the server is away; a QoS 0 dashboard listens',
  needs: [],
  setup: (random): Setup => ({ database: random.pick(['sqlite', 'postgres']), perSecond: 60 }),
  async run(world, random) {
    const rounds = world.rounds(1, 20);
    for (let i = 0; i < rounds; i += 1) {
      // Whatever is published now, the broker confirms with "somebody has it".
      const listening = new Cleanup();
      dashboard(world.broker.port, listening);
      await sleep(random.durationMs(500, 2_000));
      await world.endServer(random.pick(['SIGKILL', 'SIGTERM']));
      await sleep(random.durationMs(1_000, 3_000));
      await forget(world);
      world.injections += 1;
      await sleep(random.durationMs(10, 1_500));
      await world.broker.start();
      await sleep(random.durationMs(100, 2_000));
      await world.startServer();
      await listening.run();
    }
  },
};

export async function forget(world: World): Promise<void> {
  await world.broker.kill();
  rmSync(join(world.broker.folder, 'mosquitto.db'), { force: true });
}
