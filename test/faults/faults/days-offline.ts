// F5: the kit is offline for so long that the spool overflows; then everything comes at once, and what is new comes first.
import { setTimeout as sleep } from 'node:timers/promises';
import { sum } from '../account.js';
import type { Fault, Setup } from '../fault.js';
import { LiveTimes } from '../live-times.js';
import { preload } from '../preload/preloads.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';

/** About what a row takes in the file. */
const ROWS_PER_MB = 600;
const SMALL_MB = 8;
/** Of the long form: a million rows fit, and none is evicted. */
const LARGE_MB = 2_048;
const LARGE_BACKLOG = 1_000_000;
const DRAINED_WITHIN_MS = 1_800_000;
const TOO_OLD_WITHIN_MS = 30_000;
/** After connecting, a kit waits for what the broker has retained. */
const SETTLED_MS = 3_000;

export const daysOffline: Fault = {
  id: 'F5',
  what: 'days offline, the spool over its cap; live first while it drains',
  needs: [],
  alone: true,
  setup: (random): Setup => ({
    database: random.pick(['sqlite', 'postgres']),
    stateTopics: true,
    spool: [`max_mb = ${SMALL_MB}`, `evict = ${random.pick(['priority', 'oldest'])}`],
  }),
  async run(world, random) {
    await overflow(world, random);
    await comeBack(world);
    if (!world.options.long) return;
    world.configureKit({ spool: [`max_mb = ${LARGE_MB}`] });
    await world.stopKit();
    await world.startKit();
    await offline(world, random);
    await world.bulk(LARGE_BACKLOG);
    await comeBack(world);
  },
};

async function overflow(world: World, random: Random): Promise<void> {
  await offline(world, random);
  const wanted = Math.round(SMALL_MB * ROWS_PER_MB * random.between(1.1, 1.6));
  await world.bulk(wanted);
  const status = await world.status();
  const evicted = sum(status?.counts.evicted);
  if (evicted === 0) world.violations.push(`${wanted} rows, and nothing was evicted`);
  world.notes.push(`${evicted} evicted, ${status?.spool.waiting} waited`);
}

async function offline(world: World, random: Random): Promise<void> {
  world.links.kit.set({ name: random.pick(['cut', 'blackhole']) });
  world.injections += 1;
}

/** A reboot with the link back: it does not wait out what it had backed off to. */
async function comeBack(world: World): Promise<void> {
  await world.stopKit();
  world.links.kit.heal();
  await world.startKit();
  await world.until('the kit is connected', () => world.connected());
  await sleep(SETTLED_MS);
  const live = new LiveTimes(world.ledger, world.database);
  const least = sleep(SETTLED_MS);
  const drained = await world.becomes(async () => (await world.status())?.spool.waiting === 0, DRAINED_WITHIN_MS);
  await least;
  if (!drained) world.violations.push('I10: the backlog does not end');
  const { violations, note } = await live.stop();
  world.violations.push(...violations);
  world.notes.push(note);
}

/** F5-age: what is too old goes, on record, by time that has passed. */
export const tooOld: Fault = {
  id: 'F5-age',
  what: 'offline for longer than max_age_h, by a clock that hurries',
  needs: [],
  setup: (): Setup => ({ spool: ['max_age_h = 1'] }),
  async run(world) {
    world.links.kit.set({ name: 'cut' });
    await world.bulk(400);
    await world.killKit();
    // An hour in four seconds.
    await world.startKit({ ...preload('fast-clock'), FAULT_CLOCK_RATE: '900' });
    const evicted = await world.becomes(async () => sum((await world.status())?.counts.evicted) > 0, TOO_OLD_WITHIN_MS);
    if (!evicted) world.violations.push('nothing grew too old');
    world.injections += 1;
    await world.killKit();
    await world.startKit();
  },
};
