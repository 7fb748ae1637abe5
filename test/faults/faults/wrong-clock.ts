// F19: the kit's clock is wrong: it boots in 1970 or where it was switched off and is set later, is in 2038, goes back an
// hour, drifts. Nothing is lost, nothing is refused for its time, and every row has the true one.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { StatusAnswer } from '../commands.js';
import { FakeClock } from '../fake-clock.js';
import type { Fault } from '../fault.js';
import { preload } from '../preload/preloads.js';
import type { World } from '../world.js';

const IN_1970_MS = 300_000;
const IN_2038_MS = Date.UTC(2038, 0, 19, 3, 14, 0);
const HOUR_MS = 3_600_000;
/** A clock that is less than 10 s off counts as right; GPS time and the health of the kit come in whole seconds. */
const OFF_BY_AT_MOST_US = 12.5e6;
/** Together they are more than a clock may be off, each alone is not. */
const DRIFTS = 3;
const DRIFT_MS = 9_000;

export const wrongClock: Fault = {
  id: 'F19',
  what: "the kit's clock: 1970 at boot, where it was switched off, 2038, an hour back, drift",
  needs: ['faketime'],
  setup: () => ({ database: 'sqlite', serverFirst: true }),
  async run(world) {
    const clock = new FakeClock(world.folder);
    for (let i = 0; i < world.rounds(1, 10); i += 1) await round(world, clock);
    await world.until('nothing waits', async () => (await world.status())?.spool.waiting === 0);
    complainOfTimes(world);
  },
};

async function round(world: World, clock: FakeClock): Promise<void> {
  const { observations } = world;
  const set = (aheadMs: number): void => {
    clock.set(aheadMs);
    observations.aheadMs = aheadMs;
    world.injections += 1;
  };
  const boot = async (aheadMs: number, hasGps: boolean): Promise<void> => {
    await world.killKit();
    world.api.withdrawAll(); // by the clock before
    observations.hasGps = hasGps;
    set(aheadMs);
    await world.startKit({ ...clock.env, ...preload('just-booted'), DRAGONSINK_BOOT_ID: randomUUID() });
  };
  const some = world.rounds(1_100, 5_000);
  for (const aheadMs of [IN_1970_MS - Date.now(), -5 * HOUR_MS]) {
    await boot(aheadMs, false);
    await world.until('what is heard waits', async () => isWaiting(await world.status()));
    set(0); // which tells of what waits; what of it has not left by the end of this life leaves in the next one
    await world.until('the clock is known', async () => (await world.status())?.clock_waits_s === undefined);
  }
  await boot(IN_2038_MS - Date.now(), true);
  await sleep(some);
  set(-HOUR_MS);
  await sleep(some);
  for (let i = 1; i <= DRIFTS; i += 1) {
    set(-HOUR_MS + i * DRIFT_MS);
    await sleep(some);
  }
  set(0);
  await sleep(some);
}

function isWaiting(status: StatusAnswer | null): boolean {
  return status?.clock_waits_s !== undefined && status.spool.waiting > 5;
}

interface Key {
  readonly kind: string;
  readonly thing: string;
  readonly keyUs: number;
  readonly timeUs: number;
}

function complainOfTimes(world: World): void {
  const db = new Database(join(world.folder, 'server', 'server.db'), { readonly: true });
  const stored = db.prepare('SELECT kind, thing, key_us AS keyUs, time_us AS timeUs FROM ingest_keys').all() as Key[];
  const refused = db.prepare('SELECT count(*) FROM ingest_rejects').pluck().get() as number;
  db.close();
  const truths = new Map<string, number[]>();
  for (const { observation } of world.ledger.order) {
    const name = nameOf(observation);
    truths.set(name, [...(truths.get(name) ?? []), observation.trueUs]);
  }
  // Two boots in 1970 have the same seconds.
  const offUs = stored.map((key) =>
    Math.min(...(truths.get(nameOf(key)) ?? []).map((us) => Math.abs(us - key.timeUs))),
  );
  const wrong = offUs.filter((us) => !(us <= OFF_BY_AT_MOST_US));
  if (wrong.length > 0) world.violations.push(`${wrong.length} of ${stored.length} rows have a wrong time`);
  world.notes.push(`rows were off by ${Math.round(Math.max(...offUs) / 1e6)} s at most`);
  if (!stored.some(({ keyUs }) => keyUs < 1e15)) world.violations.push('nothing was heard in 1970');
  if (refused > 0) world.violations.push(`${refused} messages were refused`);
}

/** Behind what it is about, a key may have what tells it from others like it (server/times.ts). */
function nameOf({ kind, thing, keyUs }: Pick<Key, 'kind' | 'thing' | 'keyUs'>): string {
  return `${keyUs} ${kind} ${kind === 'system' ? '' : thing}`;
}
