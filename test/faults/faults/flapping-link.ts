// F6: the link comes and goes, in every way in which a link can: reset, one way only, confirmations lost, packets cut,
// doubled, damaged, late; at every QoS.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import type { Mode } from '../link.js';
import { Random } from '../random.js';
import type { World } from '../world.js';

type Make = (random: Random) => Mode;

const MODES: Record<string, Make> = {
  cut: () => ({ name: 'cut' }),
  blackhole: () => ({ name: 'blackhole' }),
  'half open, up': () => ({ name: 'blackhole', only: 'down' }),
  'half open, down': () => ({ name: 'blackhole', only: 'up' }),
  'confirmations lost': () => ({ name: 'drop-confirmations' }),
  'publishes doubled': () => ({ name: 'double-publishes' }),
  'cut in a packet': () => ({ name: 'truncate' }),
  'packets damaged': (random) => {
    const bits = new Random('bits', random.whole(1, 1_000_000)); // as many as there are packets
    return { name: 'damage', chance: () => bits.next() };
  },
  slow: (random) => ({ name: 'throttle', bytesPerS: random.whole(4_000, 40_000) }),
  late: (random) => ({ name: 'delay', ms: random.whole(5, 40) }),
};
/** C.3: resent, per message accepted. */
const MAX_RESENT = 2;

export const flappingLink: Fault = {
  id: 'F6',
  what: 'flapping link: reset, half-open, lost PUBACKs, cut and doubled packets; QoS 0, 1, 2',
  needs: [],
  setup: (random): Setup => ({
    database: random.pick(['sqlite', 'postgres']),
    stateTopics: true,
    mqtt: [`mqtt_qos = ${random.whole(0, 2)}`],
  }),
  async run(world, random) {
    const names = Object.keys(MODES);
    const rounds = Array.from({ length: world.rounds(1, 12) }, () => random.shuffled(names)).flat();
    for (const name of rounds.slice(0, world.rounds(5, rounds.length))) {
      await flap(world, random, MODES[name]?.(random) ?? { name: 'cut' });
      // Long enough that a kit is connected for some of it.
      await sleep(random.durationMs(500, world.rounds(3_000, 12_000)));
    }
    const status = await world.status();
    const resent = world.sendings.again;
    const accepted = status?.counts.accepted ?? 0;
    if (resent > MAX_RESENT * accepted) world.violations.push(`resent ${resent} for ${accepted} accepted`);
  },
};

async function flap(world: World, random: Random, mode: Mode): Promise<void> {
  // The server's link flaps as well, now and then.
  const link = random.chance(0.75) ? world.links.kit : world.links.server;
  link.set(mode);
  world.injections += 1;
  await sleep(random.durationMs(300, world.rounds(4_000, 10_000)));
  link.heal({ reset: random.chance(0.5) });
}
