// After a fault: heals everything, waits until the world is at rest, and collects what the invariants are checked on.
import { setTimeout as sleep } from 'node:timers/promises';
import { bothHalves } from './account.js';
import { type LedgerAnswer, ledgerCommand, type StatusAnswer, statusCommand } from './commands.js';
import type { StoredRow } from './database-view.js';
import type { World } from './world.js';

const DEADLINE_MS = 120_000;
/** With the spool empty and everything there, nothing more may come for so long. */
const STILL_MS = 1_000;
/** With the spool empty and something not there, so long something may still come. */
const HOPE_MS = 4_000;
const LOOK_EVERY_MS = 200;
/** The kit reports what it gave up every 30 s, and when it leaves. */
const REPORTED_WITHIN_MS = 5_000;

export interface Evidence {
  readonly rows: readonly StoredRow[];
  readonly status: StatusAnswer;
  readonly ledger: LedgerAnswer;
  readonly resent: number;
}

export async function comeToRest(world: World): Promise<Evidence> {
  const { links, api, watch } = world;
  for (const link of [links.api, links.kit, links.server, links.database]) link?.heal();
  if (world.kit?.alive !== true) await world.startKit();
  if (world.servers.size === 0) await world.startServer();
  api.keepShowing();
  const deadline = performance.now() + DEADLINE_MS;
  await waitFor(world, 'what is shown is not taken', deadline, () => api.allTaken);
  await waitFor(world, 'the spool is not empty', deadline, async () => (await world.status())?.spool.waiting === 0);
  await untilStill(world);

  const living = await statusCommand(world.options.main, world.configFile);
  if (!living.running) world.violations.push('`dragonsink status` does not see the running kit');
  if (living.spool.waiting !== 0) world.violations.push(`at rest, but ${living.spool.waiting} messages wait`);
  await world.stopKit();
  const status = await statusCommand(world.options.main, world.configFile);
  const ledger = await reportedLedger(world, status);
  for (const id of [...world.servers.keys()]) await world.endServer('SIGTERM', id);
  await watch.stop();
  return { rows: await world.database.rows(), status, ledger, resent: world.sendings.again };
}

/** What the server has of it once the kit's last word has arrived. */
async function reportedLedger(world: World, status: StatusAnswer): Promise<LedgerAnswer> {
  const deadline = performance.now() + REPORTED_WITHIN_MS;
  for (;;) {
    const ledger = await ledgerCommand(world.options.main, world.databaseUrl);
    const open = bothHalves(status, ledger, world.ledger.forgivenNumbers);
    if (open.length === 0 || performance.now() > deadline) return ledger;
    await sleep(LOOK_EVERY_MS);
  }
}

/** What does not come is a violation, and the rest is looked at all the same. */
async function waitFor(
  world: World,
  not: string,
  deadline: number,
  check: () => Promise<boolean> | boolean,
): Promise<void> {
  while (!(await check())) {
    if (performance.now() > deadline) {
      world.violations.push(`no rest after ${DEADLINE_MS / 1_000} s: ${not}`);
      return;
    }
    await sleep(100);
  }
}

async function untilStill(world: World): Promise<void> {
  let count = -1;
  let since = performance.now();
  for (;;) {
    const now = await world.database.count();
    if (now !== count) since = performance.now();
    count = now;
    const stillMs = performance.now() - since;
    if (stillMs > HOPE_MS || (stillMs > STILL_MS && (await everythingIsThere(world)))) return;
    await sleep(LOOK_EVERY_MS);
  }
}

async function everythingIsThere({ ledger, database }: World): Promise<boolean> {
  const wanted = [...ledger.entries.values()].filter(({ must }) => must).map(({ observation }) => observation);
  return (await database.has(wanted)).length === wanted.length;
}
