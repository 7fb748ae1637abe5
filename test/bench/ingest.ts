// How fast a server brings a backlog from the broker into PostgreSQL, each message acknowledged after its commit, against
// COPY of the same rows into the same tables with all of WarDragon Analytics' indexes.
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { openStore } from '../../src/server/stores/open-store.js';
import type { Cleanup } from '../faults/cleanup.js';
import type { Broker } from '../fixtures/mosquitto.js';
import { type Postgres, startPostgres } from '../fixtures/postgres.js';
import { connectFast, HOLDING, publishAll, startBroker } from './broker.js';
import { openCounter, rateBetween, reached, storedAfter } from './counter.js';
import { historyMessages } from './input.js';
import { startServer } from './program.js';
import { atLeast, type Bench } from './row.js';
import { temporaryFolder, withCleanup } from './site.js';
import { cpuFromNow } from './waiting.js';

const MESSAGES = 100_000;
const LONG = 1_000_000;
const SUSTAINED_S = 60;
export const KITS = 8;
const TABLES = ['drones', 'signals'];

export async function measureIngest(cleanup: Cleanup): Promise<Bench> {
  const postgres = await openPostgres(cleanup);
  return {
    rows: [
      {
        name: 'server: broker -> PostgreSQL rows, all of Analytics\u2019 indexes',
        unit: 'messages/s',
        ...atLeast(0.5, 'COPY of the same rows into the same tables'),
        reason: 'two cores: the thread of Node.js fills one (a fifth of it garbage collection), PostgreSQL the other',
      },
    ],
    run: async () => {
      const url = postgres.createDatabase();
      const { perSecond, generatorCpuS } = await ingest(url, MESSAGES);
      return { samples: [{ ours: perSecond, yardstick: await copyRate(postgres, url) }], generatorCpuS };
    },
  };
}

/** Minutes at full speed: whether it lasts, and what it takes. */
export async function measureIngestMemory(cleanup: Cleanup): Promise<Bench> {
  const postgres = await openPostgres(cleanup);
  return {
    rows: [
      {
        name: `server: broker -> PostgreSQL rows, the first ${SUSTAINED_S} s of a backlog of 1,000,000`,
        unit: 'messages/s',
        target: '10,000 messages/s sustained for 60 s on 2 cores',
        reaches: ({ value }) => value >= 10_000,
        reason: 'two cores: the thread of Node.js fills one (a fifth of it garbage collection), PostgreSQL the other',
      },
      {
        name: 'server: memory while a 1,000,000 backlog comes in',
        unit: 'MB',
        target: 'idle + 60 MB at most',
        reaches: ({ value, yardstick }) => value - yardstick <= 60,
        reason: 'the heap that V8 grows for speed; held small (base/small-heap.ts) it costs a fifth of the rate',
      },
    ],
    // Each takes three minutes.
    runs: 3,
    warmsUp: false,
    run: async () => {
      const { idleMb, peakMb, inFirst, generatorCpuS } = await ingest(postgres.createDatabase(), LONG);
      const samples = [
        { ours: inFirst / SUSTAINED_S, yardstick: null },
        { ours: peakMb, yardstick: idleMb },
      ];
      return { samples, generatorCpuS };
    },
  };
}

interface Ingest {
  readonly perSecond: number;
  /** How many were stored in the first minute: all of them, if it was over sooner. */
  readonly inFirst: number;
  readonly idleMb: number;
  readonly peakMb: number;
  readonly generatorCpuS: number;
}

/** The same backlog into the database of a server that has no other. */
export async function measureSqliteIngest(cleanup: Cleanup): Promise<Bench> {
  const folder = temporaryFolder(cleanup);
  const postgres = await openPostgres(cleanup);
  let run = 0;
  return {
    rows: [
      {
        name: 'server: broker -> SQLite rows',
        unit: 'messages/s',
        ...atLeast(1, 'into PostgreSQL'),
        reason: 'SQLite writes in the server\u2019s one thread, PostgreSQL in a process beside it',
      },
    ],
    run: async () => {
      run += 1;
      const ours = await ingest(`sqlite:${join(folder, `server-${run}.db`)}`, MESSAGES / 2);
      const theirs = await ingest(postgres.createDatabase(), MESSAGES / 2);
      const samples = [{ ours: ours.perSecond, yardstick: theirs.perSecond }];
      return { samples, generatorCpuS: ours.generatorCpuS };
    },
  };
}

export async function openPostgres(cleanup: Cleanup): Promise<Postgres> {
  const postgres = await startPostgres();
  cleanup.add(() => postgres.stop());
  return postgres;
}

/** So many messages wait in a broker until the server comes. */
export function ingest(databaseUrl: string, count: number): Promise<Ingest> {
  return withCleanup(async (cleanup) => {
    const broker = await startBroker(cleanup, { lines: HOLDING });
    const idleMb = await subscribeOnce(databaseUrl, broker);
    await publishAll(await connectFast(cleanup, broker.url), historyMessages(count, KITS));
    const counter = await openCounter(cleanup, databaseUrl);
    const cpuS = cpuFromNow();
    const server = await startServer(cleanup, databaseUrl, broker.port);
    const first = await reached(counter, 1);
    const minute = await storedAfter(counter, SUSTAINED_S, count);
    const perSecond = rateBetween(first, await reached(counter, count));
    return { perSecond, inFirst: minute.stored - first.stored, idleMb, peakMb: server.peakMb, generatorCpuS: cpuS() };
  });
}

/** So that the broker keeps for the server what comes next. Returns what it takes of memory, idle. */
function subscribeOnce(databaseUrl: string, broker: Broker): Promise<number> {
  return withCleanup(async (cleanup) => (await startServer(cleanup, databaseUrl, broker.port)).memoryMb);
}

/** Out to files, then into a second database that a server has made. */
async function copyRate(postgres: Postgres, url: string): Promise<number> {
  const source = new Client(url);
  await source.connect();
  const file = (table: string): string => join(dirname(postgres.pgdata), `${table}.copy`);
  for (const table of TABLES) await source.query(`COPY ${table} TO '${file(table)}'`);
  await source.end();
  const fresh = postgres.createDatabase();
  await (await openStore(fresh)).close();
  const target = new Client(fresh);
  await target.connect();
  const startedAt = performance.now();
  let rows = 0;
  for (const table of TABLES) rows += (await target.query(`COPY ${table} FROM '${file(table)}'`)).rowCount ?? 0;
  const seconds = (performance.now() - startedAt) / 1_000;
  await target.end();
  return rows / seconds;
}
