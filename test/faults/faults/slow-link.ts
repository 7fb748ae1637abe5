// F25: a link of 8 KB/s for a long time, with a backlog behind it: memory must not grow.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import type { World } from '../world.js';

const BYTES_PER_S = 8_000;
/** As shipped: what is under way takes longer than the shortest keepalive here. */
const KEEPALIVE = 'mqtt_keepalive = 30';
const MIB = 1024 * 1024;
/** What a heap may swing by between two collections. */
const MAX_GROWTH_MIB = 12;

export const slowLink: Fault = {
  id: 'F25',
  what: 'backlog behind a link of 8 KB/s: memory does not grow',
  needs: [],
  setup: (random): Setup => ({
    perSecond: 3,
    mqtt: [KEEPALIVE, `mqtt_drain_rate_kbps = ${random.pick([0, 48])}`],
  }),
  async run(world) {
    world.links.kit.set({ name: 'cut' });
    await world.bulk(world.rounds(1_000, 100_000));
    world.links.kit.set({ name: 'throttle', bytesPerS: BYTES_PER_S });
    world.injections += 1;
    await world.until('the kit is connected', () => world.connected(), 120_000);
    const from = performance.now();
    await sleep(world.rounds(12_000, 1_800_000));
    complainOfGrowth(world, from);
    // At the capped rate the rest would take as long as it should.
    world.configureKit({ mqtt: [KEEPALIVE] });
    await world.stopKit();
    world.links.kit.heal({ reset: true });
    await world.startKit();
  },
};

/** The last third against the first. */
function complainOfGrowth(world: World, from: number): void {
  const samples = world.watch.kitRss.filter(({ atMs }) => atMs >= from).map(({ bytes }) => bytes / MIB);
  const third = Math.floor(samples.length / 3);
  if (third === 0) throw new Error('the memory of the kit was not looked at');
  const [before, after] = [median(samples.slice(0, third)), median(samples.slice(-third))];
  const said = `memory went from ${before.toFixed(1)} to ${after.toFixed(1)} MiB`;
  world.notes.push(said);
  if (after - before > MAX_GROWTH_MIB) world.violations.push(`I6: ${said}`);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
