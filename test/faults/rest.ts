// After a fault: heals everything, waits until the world is at rest, and collects what the invariants are checked on.
import { setTimeout as sleep } from 'node:timers/promises';
import { Patience } from '../fixtures/patience.js';
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
const ANSWERS_WITHIN_MS = 10_000;
/** The kit reports what it gave up every 30 s, and when it leaves. */
const REPORTED_WITHIN_MS = 10_000;

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
  const patience = new Patience(DEADLINE_MS);
  await waitFor(world, 'what is shown is not taken', patience, () => api.allTaken);
  await waitFor(world, 'the spool is not empty', patience, async () => (await world.status())?.spool.waiting === 0);
  await untilStill(world);

  const living = await askUntilAnswered(world);
  if (living.spool.waiting !== 0) world.violations.push(`at rest, but ${living.spool.waiting} messages wait`);
  complainOfResent(world, living.counts.resent ?? 0);
  await world.stopKit();
  const status = await statusCommand(world.options.main, world.configFile);
  const ledger = await reportedLedger(world, status);
  for (const id of [...world.servers.keys()]) await world.endServer('SIGTERM', id);
  await watch.stop();
  return { rows: await world.database.rows(), status, ledger, resent: world.sendings.again };
}

async function askUntilAnswered(world: World): Promise<StatusAnswer> {
  const patience = new Patience(ANSWERS_WITHIN_MS);
  for (;;) {
    const status = await world.status();
    if (status !== null) return status;
    if (patience.isOver) throw new Error('at rest, and the kit does not answer');
    await sleep(LOOK_EVERY_MS);
  }
}

/** A kit counts what it sends again; all that was on its link must be in that. Lives before took their counts with them. */
function complainOfResent(world: World, counted: number): void {
  const { again } = world.sendings;
  if (world.kitLives === 1 && again > counted)
    world.violations.push(`I9: the kit says that it resent ${counted}, on its link were ${again}`);
}

/** What the server has of it once the kit's last word has arrived. */
async function reportedLedger(world: World, status: StatusAnswer): Promise<LedgerAnswer> {
  const patience = new Patience(REPORTED_WITHIN_MS);
  for (;;) {
    const ledger = await ledgerCommand(world.options.main, world.databaseUrl);
    const open = bothHalves(status, ledger, world.ledger.forgivenNumbers);
    if (open.length === 0 || patience.isOver) return ledger;
    await sleep(LOOK_EVERY_MS);
  }
}

/** What does not come is a violation, and the rest is looked at all the same. */
async function waitFor(
  world: World,
  not: string,
  patience: Patience,
  check: () => Promise<boolean> | boolean,
): Promise<void> {
  while (!(await check())) {
    if (patience.isOver) {
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
