// How fast a server brings a backlog from the broker into PostgreSQL, each message acknowledged after its commit, against
// COPY of the same rows into the same tables with all of WarDragon Analytics' indexes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectAsync } from 'mqtt';
import { Client } from 'pg';
import { openStore } from '../../src/server/stores/open-store.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { type Postgres, startPostgres } from '../fixtures/postgres.js';
import { type Counter, openCounter } from './counter.js';
import { type HistoryMessage, historyMessages } from './input.js';
import { startServer } from './program.js';
import { atLeast, type Bench } from './row.js';

const MESSAGES = 100_000;
const LONG = 1_000_000;
export const KITS = 8;
/** Each such lot waits for its confirmations, and for the 40 ms that TCP may delay one. */
const PUBLISHED_AT_ONCE = 1_000;
const TABLES = ['drones', 'signals'];

/** It holds the backlog until the server comes. */
function startHoldingBroker(): Promise<Broker> {
  return startMosquitto({ config: ['max_inflight_messages 0', 'max_queued_messages 0'] });
}

export async function measureIngest(): Promise<Bench> {
  const postgres = await startPostgres();
  const broker = await startHoldingBroker();
  return {
    name: 'server: broker -> PostgreSQL rows, all of Analytics\u2019 indexes',
    unit: 'messages/s',
    yardstick: 'COPY of the same rows into the same tables',
    target: 'at least 0.5 x, and 10,000',
    reaches: ({ ours, yardstick }) => ours >= 0.5 * yardstick && ours >= 10_000,
    reason: 'two cores: the thread of Node.js fills one (a fifth of it garbage collection), PostgreSQL the other',
    run: async () => {
      const url = postgres.createDatabase();
      const { perSecond } = await ingest(url, broker, historyMessages(MESSAGES, KITS), MESSAGES);
      return { ours: perSecond, yardstick: await copyRate(postgres, url) };
    },
    end: async () => {
      await broker.stop();
      await postgres.stop();
    },
  };
}

/** Minutes at full speed: what it takes, and whether it lasts. */
export async function measureIngestMemory(): Promise<Bench> {
  const postgres = await startPostgres();
  const broker = await startHoldingBroker();
  return {
    name: 'server: memory while a backlog of 1,000,000 comes in',
    unit: 'MiB',
    yardstick: 'idle',
    target: 'at most + 60 MiB',
    reaches: ({ ours, yardstick }) => ours - yardstick <= 60,
    reason: 'the heap that V8 grows for speed; held small (base/small-heap.ts) it costs a sixth of the rate',
    runs: 1,
    run: async () => {
      const messages = historyMessages(LONG, KITS);
      const { idleMib, peakMib, perSecond } = await ingest(postgres.createDatabase(), broker, messages, LONG);
      return { ours: peakMib, yardstick: idleMib, note: `${Math.round(perSecond)} messages/s all the while` };
    },
    end: async () => {
      await broker.stop();
      await postgres.stop();
    },
  };
}

interface Ingest {
  readonly perSecond: number;
  readonly idleMib: number;
  readonly peakMib: number;
}

/** The same backlog into the database of a server that has no other. */
export async function measureSqliteIngest(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const postgres = await startPostgres();
  const broker = await startHoldingBroker();
  let run = 0;
  return {
    name: 'server: broker -> SQLite rows',
    unit: 'messages/s',
    yardstick: 'into PostgreSQL',
    ...atLeast(1),
    run: async () => {
      run += 1;
      const url = `sqlite:${join(folder, `server-${run}.db`)}`;
      const ours = await ingest(url, broker, historyMessages(MESSAGES, KITS), MESSAGES);
      const theirs = await ingest(postgres.createDatabase(), broker, historyMessages(MESSAGES, KITS), MESSAGES);
      return { ours: ours.perSecond, yardstick: theirs.perSecond };
    },
    end: async () => {
      await broker.stop();
      await postgres.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

export async function ingest(
  databaseUrl: string,
  broker: Broker,
  messages: Iterable<HistoryMessage>,
  count: number,
): Promise<Ingest> {
  // Once, so that the broker keeps for it what comes next.
  const first = await startServer(databaseUrl, broker.port);
  const idleMib = first.memoryMib;
  await first.end();
  await publishAll(broker.url, messages);
  const counter = await openCounter(databaseUrl);
  const server = await startServer(databaseUrl, broker.port);
  const startedAt = await reached(counter, 1);
  const seconds = ((await reached(counter, count)) - startedAt) / 1_000;
  await counter.close();
  const { peakMib } = server;
  await server.end();
  return { perSecond: count / seconds, idleMib, peakMib };
}

async function publishAll(brokerUrl: string, messages: Iterable<HistoryMessage>): Promise<void> {
  const client = await connectAsync(brokerUrl, { protocolVersion: 5 });
  let sent: Promise<unknown>[] = [];
  for (const { topic, payload } of messages) {
    sent.push(client.publishAsync(topic, payload, { qos: 1 }));
    if (sent.length < PUBLISHED_AT_ONCE) continue;
    await Promise.all(sent);
    sent = [];
  }
  await Promise.all(sent);
  await client.endAsync();
}

/** When so many have been stored. */
export async function reached(counter: Counter, count: number): Promise<number> {
  while ((await counter.stored()) < count) await new Promise((resolve) => setTimeout(resolve, 20));
  return performance.now();
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
