// F19: the kit's clock is wrong: it boots in 1970 and is set later, is in 2038, goes back an hour, drifts. Nothing is lost,
// nothing is refused for its time, and every row has the true one.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { FakeClock } from '../fake-clock.js';
import type { Fault } from '../fault.js';
import type { World } from '../world.js';

const IN_1970_MS = 300_000;
const IN_2038_MS = Date.UTC(2038, 0, 19, 3, 14, 0);
const HOUR_MS = 3_600_000;
/** What GPS time and the clock may differ by, and what passes until a row is taken. */
const TOLERANCE_MS = 15_000;
const DRIFTS = 5;

export const wrongClock: Fault = {
  id: 'F19',
  what: "the kit's clock: 1970 at boot, 2038, an hour back, drift",
  needs: ['faketime'],
  setup: () => ({ database: 'sqlite', serverFirst: true }),
  async run(world) {
    const beganMs = Date.now();
    const clock = new FakeClock(world.folder);
    for (let i = 0; i < world.rounds(1, 10); i += 1) await round(world, clock);
    await world.until('nothing waits', async () => (await world.status())?.spool.waiting === 0);
    complainOfTimes(world, beganMs);
  },
};

async function round(world: World, clock: FakeClock): Promise<void> {
  const { observations } = world;
  const set = (aheadMs: number): void => {
    clock.set(aheadMs);
    observations.aheadMs = aheadMs;
    world.injections += 1;
  };
  const begin = async (aheadMs: number, hasGps: boolean): Promise<void> => {
    await world.killKit();
    world.api.withdrawAll(); // by the clock before
    observations.hasGps = hasGps;
    set(aheadMs);
    await world.startKit(clock.env);
  };
  const some = world.rounds(1_100, 5_000);
  await begin(IN_1970_MS - Date.now(), false);
  await world.until('what is heard in 1970 waits', async () => ((await world.status())?.spool.waiting ?? 0) > 5);
  set(0); // which tells of what waits; what of it has not left by the end of this life leaves in the next one
  await sleep(some);
  await begin(IN_2038_MS - Date.now(), true);
  await sleep(some);
  set(-HOUR_MS);
  await sleep(some);
  for (let i = 1; i <= DRIFTS; i += 1) {
    set(-HOUR_MS + i * 1_500);
    await sleep(some / DRIFTS);
  }
  set(0);
  await sleep(some);
}

function complainOfTimes(world: World, beganMs: number): void {
  const db = new Database(join(world.folder, 'server', 'server.db'), { readonly: true });
  const span = [beganMs - TOLERANCE_MS, Date.now() + TOLERANCE_MS].map((ms) => new Date(ms).toISOString());
  for (const table of ['drones', 'signals', 'system_health']) {
    const wrong = db
      .prepare(`SELECT count(*) FROM ${table} WHERE time NOT BETWEEN ? AND ?`)
      .pluck()
      .get(span) as number;
    if (wrong > 0) world.violations.push(`${wrong} rows of ${table} have a wrong time`);
  }
  const corrected = db.prepare('SELECT count(*) FROM drones WHERE observed_raw < ?').pluck().get(1e15) as number;
  if (corrected === 0) world.violations.push('nothing was heard in 1970');
  const refused = db.prepare('SELECT count(*) FROM ingest_rejects').pluck().get() as number;
  if (refused > 0) world.violations.push(`${refused} messages were refused`);
  db.close();
}
