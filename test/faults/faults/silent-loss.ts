// F7: the link dies without a word: nobody is reset, nothing arrives. The kit must notice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.js';
import { KEEPALIVE_S } from '../kit-config.js';
import type { World } from '../world.js';

/** C.3: one and a half keepalive, and what it takes to ask. */
const NOTICED_WITHIN_MS = KEEPALIVE_S * 1_500 + 1_000;

type Loss = (world: World) => () => void;

const LOSSES: Record<string, Loss> = {
  'both ways': ({ links }) => {
    links.kit.set({ name: 'blackhole' });
    return () => links.kit.heal();
  },
  'towards the kit': ({ links }) => {
    links.kit.set({ name: 'blackhole', only: 'down' });
    return () => links.kit.heal();
  },
  'the broker hangs': (world) => {
    const pid = world.brokerPid();
    if (pid === null) throw new Error('the broker is not running');
    process.kill(pid, 'SIGSTOP');
    world.cleanup.add(() => void process.kill(pid, 'SIGCONT'));
    return () => void process.kill(pid, 'SIGCONT');
  },
};

export const silentLoss: Fault = {
  id: 'F7',
  what: 'silent loss: blackhole, one way only, broker SIGSTOP',
  needs: [],
  async run(world, random) {
    const names = Array.from({ length: world.rounds(1, 5) }, () => random.shuffled(Object.keys(LOSSES))).flat();
    for (const name of names.slice(0, world.rounds(2, names.length))) {
      await world.until('the kit is connected', () => world.connected(), 60_000);
      await sleep(random.durationMs(200, 2_000));
      const heal = LOSSES[name]?.(world);
      world.injections += 1;
      const noticed = await world.becomes(async () => !(await isConnected(world)), NOTICED_WITHIN_MS);
      if (!noticed) world.violations.push(`${name}: not noticed within ${NOTICED_WITHIN_MS} ms`);
      heal?.();
    }
  },
};

async function isConnected(world: World): Promise<boolean> {
  return (await world.status())?.link?.connected === true;
}
