// F15: the database goes down, is started again, refuses to write, has no connection left, or loses COMMITs.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Postgres } from '../../fixtures/postgres.js';
import type { Fault, Setup } from '../fault.js';
import { connectTo, endure, type Outage } from '../outage.js';
import type { World } from '../world.js';

const OUTAGES: readonly Outage[] = [
  {
    name: 'down',
    begin: async (world) => {
      await clusterOf(world).pgCtl('stop', '-m', 'immediate');
      return () => clusterOf(world).pgCtl('start');
    },
  },
  {
    name: 'restarted',
    isPartial: true,
    begin: async (world) => {
      await clusterOf(world).pgCtl('restart', '-m', 'fast');
      return () => {};
    },
  },
  { name: 'read-only', begin: forbidWrites },
  { name: 'out of connections', begin: takeAllConnections },
  { name: 'COMMITs lost', begin: (world) => loseCommits(world, 'commit') },
  { name: 'answers to COMMIT lost', begin: (world) => loseCommits(world, 'answer') },
];
/** Those of the server alone. */
const SESSIONS = `FROM pg_stat_activity WHERE application_name = 'dragonsink'`;
const END_SESSIONS = `SELECT pg_terminate_backend(pid) ${SESSIONS}`;
/** Whoever got the last place is listed with its name by then. */
const ADMITTED_MS = 100;
const LOST_WITHIN_MS = 20_000;

export const databaseAway: Fault = {
  id: 'F15',
  what: 'database down, restarted, read-only, out of connections; COMMITs or their answers lost',
  needs: [],
  setup: (): Setup => ({ database: 'postgres', cluster: {} }),
  async run(world, random) {
    const rounds = Array.from({ length: world.rounds(1, 3) }, () => random.shuffled(OUTAGES)).flat();
    for (const outage of rounds) {
      await endure(world, outage, world.rounds(1_500, random.durationMs(1_500, 60_000)));
      await sleep(random.durationMs(20, 500));
    }
  },
};

function clusterOf({ cluster }: World): Postgres {
  if (cluster === null) throw new Error('this world has no PostgreSQL of its own');
  return cluster;
}

async function forbidWrites(world: World): Promise<() => Promise<void>> {
  await ask(world, 'ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()');
  // Once a new session has it, no other begins without it.
  const isReadOnly = async (): Promise<boolean> =>
    (await ask(world, 'SHOW default_transaction_read_only'))['default_transaction_read_only'] === 'on';
  await world.until('PostgreSQL is read-only', isReadOnly);
  await ask(world, END_SESSIONS);
  return async () => {
    await ask(world, 'ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()');
  };
}

/** Resolves to the first row of the last one. */
async function ask(world: World, ...statements: string[]): Promise<Record<string, unknown>> {
  const client = await connectTo(world);
  let row: Record<string, unknown> = {};
  for (const sql of statements) row = (await client.query<Record<string, unknown>>(sql)).rows[0] ?? {};
  await client.end();
  return row;
}

/** Takes every connection there is, those of the server as well. */
async function takeAllConnections(world: World): Promise<() => Promise<void>> {
  const first = await connectTo(world);
  const held = [first];
  for (;;) {
    try {
      held.push(await connectTo(world));
    } catch {
      await sleep(ADMITTED_MS);
      const { rowCount } = await first.query(END_SESSIONS);
      if (rowCount === 0) break; // there was no place left, and none of them is the server's
    }
  }
  return async () => void (await Promise.all(held.map((client) => client.end())));
}

async function loseCommits(world: World, what: 'commit' | 'answer'): Promise<() => void> {
  const link = world.links.database;
  if (link === null) throw new Error('this world has no link to a database');
  link.set({ name: 'lose-commits', what });
  const before = link.lostCommits;
  await world.until(`a lost ${what}`, () => link.lostCommits > before, LOST_WITHIN_MS);
  return () => link.heal();
}
