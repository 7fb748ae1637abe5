// How fast a server brings a backlog from the broker into PostgreSQL, each message acknowledged after its commit, against
// COPY of the same rows into the same tables with all of WarDragon Analytics' indexes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { connectAsync } from 'mqtt';
import { Client } from 'pg';
import { openStore } from '../../src/server/stores/open-store.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { type Postgres, startPostgres } from '../fixtures/postgres.js';
import { MAIN } from '../fixtures/processes.js';
import type { Bench } from './bench.js';
import { type HistoryMessage, historyMessages } from './input.js';

const MESSAGES = 100_000;
const KITS = 8;
const TABLES = ['drones', 'signals'];

export async function measureIngest(): Promise<Bench> {
  const postgres = await startPostgres();
  // It holds the backlog until the server comes.
  const broker = await startMosquitto({ config: ['max_inflight_messages 0', 'max_queued_messages 0'] });
  return {
    name: 'server: broker -> PostgreSQL rows, all of Analytics\u2019 indexes',
    unit: 'messages/s',
    yardstick: 'COPY of the same rows into the same tables',
    target: 0.5,
    run: async () => {
      const url = postgres.createDatabase();
      const ours = await ingestRate(url, broker.url, broker.port, historyMessages(MESSAGES, KITS));
      return { ours, yardstick: await copyRate(postgres, url) };
    },
    end: async () => {
      await broker.stop();
      await postgres.stop();
    },
  };
}

async function ingestRate(
  databaseUrl: string,
  brokerUrl: string,
  brokerPort: number,
  messages: Iterable<HistoryMessage>,
): Promise<number> {
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    MQTT_BROKER_PORT: String(brokerPort),
    SERVER_ID: 'bench',
    HTTP_PORT: '0',
  };
  const start = (): ReturnType<typeof spawn> => spawn(process.execPath, [MAIN, 'server'], { env, stdio: 'ignore' });
  const client = new Client(databaseUrl);
  // Once, so that the broker keeps for it what comes next.
  const first = start();
  await ready(brokerUrl);
  first.kill();
  await once(first, 'exit');
  await publishAll(brokerUrl, messages);
  await client.connect();
  const server = start();
  const ended = once(server, 'exit');
  const startedAt = await reached(client, 1);
  const seconds = ((await reached(client, MESSAGES)) - startedAt) / 1_000;
  await client.end();
  server.kill();
  await ended;
  return MESSAGES / seconds;
}

/** The server has subscribed, for it says hello after that. */
async function ready(brokerUrl: string): Promise<void> {
  const client = await connectAsync(brokerUrl, { protocolVersion: 5 });
  const hello = new Promise<void>((resolve) => {
    client.on('message', (_, payload) => {
      if (payload.toString().includes('"online":true')) resolve();
    });
  });
  await client.subscribeAsync('wardragon/ingest/+/hello', { qos: 1 });
  await hello;
  await client.endAsync();
}

async function publishAll(brokerUrl: string, messages: Iterable<HistoryMessage>): Promise<void> {
  const client = await connectAsync(brokerUrl, { protocolVersion: 5 });
  let sent: Promise<unknown>[] = [];
  for (const { topic, payload } of messages) {
    sent.push(client.publishAsync(topic, payload, { qos: 1 }));
    if (sent.length < 100) continue;
    await Promise.all(sent);
    sent = [];
  }
  await Promise.all(sent);
  await client.endAsync();
}

/** When the ledger has so many. */
async function reached(client: Client, count: number): Promise<number> {
  const sql = `SELECT coalesce(sum((r->>1)::bigint - (r->>0)::bigint + 1), 0)::int AS received
    FROM ingest_ledger, jsonb_array_elements(received) r`;
  for (;;) {
    const { rows } = await client.query<{ received: number }>(sql);
    if ((rows[0]?.received ?? 0) >= count) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
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
