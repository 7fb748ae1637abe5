// F2: the power of the kit goes, and what was not synced is gone. Its negative control runs with synchronous=NORMAL.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import { preload } from '../preload/preloads.js';
import type { Random } from '../random.js';
import type { PowerCut } from '../spool-disk.js';
import { quickCheck } from '../spool-view.js';
import type { World } from '../world.js';

const CUTS: readonly PowerCut[] = ['flush-nothing', 'flush-nothing', 'flush-journal', 'flush-all'];
/** What is heard in it is only in the spool. */
const OFFLINE_MS = 2_500;

export const kitPowerLoss: Fault = {
  id: 'F2',
  what: 'kit loses power: page cache gone, journal replayed',
  needs: ['loop'],
  setup: (): Setup => ({ disk: 'loop' }),
  async run(world, random) {
    const cuts = world.rounds(2, 40);
    for (let i = 0; i < cuts; i += 1) {
      if (random.chance(0.6)) world.links.kit.set({ name: random.pick(['cut', 'blackhole']) });
      await sleep(random.durationMs(200, 3_000));
      await cutPower(world, random.pick(CUTS));
      world.links.kit.heal();
    }
  },
};

export const kitPowerLossControl: Fault = {
  id: 'F2-control',
  what: 'the same with synchronous=NORMAL, which must lose',
  needs: ['loop'],
  mustLose: true,
  setup: (_random: Random): Setup => ({ disk: 'loop', kitEnv: preload('synchronous-normal') }),
  async run(world) {
    const cuts = world.rounds(1, 5);
    for (let i = 0; i < cuts; i += 1) {
      world.links.kit.set({ name: 'cut' });
      await sleep(OFFLINE_MS);
      await cutPower(world, 'flush-nothing');
      world.links.kit.heal();
    }
  },
};

async function cutPower(world: World, how: PowerCut): Promise<void> {
  // From here on answers may come to nothing, and what stands in the page cache proves nothing.
  world.api.disturb();
  await world.watch.look();
  world.watch.close();
  await world.disk.powerOff(how);
  world.injections += 1;
  await world.killKit();
  // Nothing is heard a second time.
  world.api.withdrawAll();
  await boot(world);
  world.api.calm();
}

/** After the kit has ended: the disk comes back, and the kit starts by itself. */
export async function boot(world: World): Promise<void> {
  await world.disk.powerOn();
  const check = quickCheck(world.spoolFile);
  if (check !== 'ok') world.violations.push(`I7: the spool after a power cut: ${check}`);
  world.watch.open();
  await world.startKit();
}
