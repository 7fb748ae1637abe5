// ALL: whatever can go wrong without being root, in any order, with pauses of any length.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';
import { forget } from './broker-kill.js';

type Action = (world: World, random: Random) => Promise<void>;

const pause = (random: Random, longestMs = 2_000): Promise<void> => sleep(random.durationMs(20, longestMs));

const ACTIONS: Record<string, Action> = {
  'kill kit': async (world, random) => {
    await world.killKit();
    await pause(random);
    await world.startKit();
  },
  'stop kit': async (world, random) => {
    await world.stopKit();
    await pause(random);
    await world.startKit();
  },
  'kill server': async (world, random) => {
    await world.endServer('SIGKILL');
    await pause(random, 4_000);
    await world.startServer();
  },
  'stop server': async (world, random) => {
    await world.endServer('SIGTERM');
    await pause(random, 4_000);
    await world.startServer();
  },
  'kill broker': async (world, random) => {
    await world.broker.kill();
    await pause(random);
    await world.broker.start();
  },
  'broker forgets': async (world, random) => {
    await forget(world);
    await pause(random);
    await world.broker.start();
  },
  'restart broker': async (world) => world.broker.restart(),
  'cut a link': async (world, random) => {
    const { api, kit, server, database } = world.links;
    const link = random.pick([api, kit, server, ...(database === null ? [] : [database])]);
    link.set({ name: random.pick(['cut', 'blackhole']) });
    await pause(random, 4_000);
    link.heal();
  },
  'hang server': async (world, random) => {
    const server = world.servers.get('fault');
    server?.signal('SIGSTOP');
    await pause(random, 4_000);
    server?.signal('SIGCONT');
  },
  'kill both': async (world, random) => {
    await Promise.all([world.killKit(), world.endServer('SIGKILL')]);
    await pause(random);
    await Promise.all([world.startKit(), world.startServer()]);
  },
  'kill all': async (world, random) => {
    await Promise.all([world.killKit(), world.endServer('SIGKILL'), world.broker.kill()]);
    await pause(random);
    await Promise.all([world.startKit(), world.startServer(), world.broker.start()]);
  },
};

export const everything: Fault = {
  id: 'ALL',
  what: 'kills, restarts, lost links and a forgetful broker, in any order',
  needs: [],
  setup: (random): Setup => ({
    database: random.pick(['sqlite', 'postgres']),
    stateTopics: random.chance(0.5),
    mqtt: [`mqtt_qos = ${random.whole(0, 2)}`],
  }),
  async run(world, random) {
    const steps = world.rounds(8, 200);
    for (let i = 0; i < steps; i += 1) {
      const name = random.pick(Object.keys(ACTIONS));
      await ACTIONS[name]?.(world, random);
      world.injections += 1;
      await pause(random);
    }
  },
};
