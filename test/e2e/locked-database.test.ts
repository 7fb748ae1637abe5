// The server while another session holds a lock on its tables: for half a minute PostgreSQL does not even say no.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { Client } from 'pg';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { Batcher } from '../../src/server/batcher.js';
import { Decoder } from '../../src/server/decode.js';
import { openExistingStore, openStore } from '../../src/server/stores/open-store.js';
import { Subscriber } from '../../src/server/subscriber.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';

const KITS = 20;
const MESSAGES_OF_KIT = 1_000;
/** Of a link that reads nothing mqtt.js thinks that it is dead after one and a half of it, and mosquitto of a silent one. */
const KEEPALIVE_S = 2;
/** Of the batcher: beyond it reading is held back. */
const MAX_WAITING = 10_000;
/** For whoever stops it, and for systemd. */
const LEAVES_WITHIN_MS = 10_000;

const postgres = usePostgres();

test('a backlog that outgrows the server while the database is locked comes in on one connection', async (t) => {
  // With 0, mosquitto sends a client of MQTT 3.1.1, which can't say how much it takes, all it has.
  const broker = await startMosquitto({ config: ['max_inflight_messages 0', 'max_queued_messages 0'] }, t);
  const url = postgres().createDatabase();
  const store = await openStore(url);
  t.after(() => store.close());
  const log = new MemoryLog();
  const batcher = new Batcher({ store, onStore: () => {}, log });
  const subscriber = new Subscriber({
    broker: { host: '127.0.0.1', port: broker.port, version: 4, keepaliveS: KEEPALIVE_S },
    serverId: 'test',
    storeId: store.storeId,
    topics: DEFAULT_TOPICS,
    shareGroup: null,
    decoder: new Decoder(DEFAULT_TOPICS),
    batcher,
    acknowledger: { stop: () => {} },
    log,
  });
  const unlock = await lock(t, url);
  subscriber.start();
  t.after(() => subscriber.stop());
  await eventually('its connection', () => log.texts.some((text) => /connected to the broker/.test(text)));
  await publishBacklog(t, broker.url, KITS);
  await eventually('as many as it holds', () => batcher.waitingCount >= MAX_WAITING);
  await sleep(KEEPALIVE_S * 2_000);
  assert.equal(batcher.waitingCount, MAX_WAITING, 'and no more');
  await unlock();
  const stored = async (): Promise<number> => (await store.counts()).rows.drone;
  await eventually('every row', async () => (await stored()) === KITS * MESSAGES_OF_KIT, 60_000);
  assert.equal(log.texts.filter((text) => /connected to the broker/.test(text)).length, 1, log.texts.join('\n'));
});

test('SIGTERM ends it within seconds, and what it had not acknowledged is stored by the next', async (t) => {
  const broker = await startMosquitto({}, t);
  const url = postgres().createDatabase();
  const settings = { DATABASE_URL: url, MQTT_BROKER_HOST: '127.0.0.1', MQTT_BROKER_PORT: String(broker.port) };
  const server = runDragonsink(t, ['server'], { ...settings, SERVER_ID: 'test' });
  await eventually('its connection', () => /connected to the broker/.test(server.log()));
  const unlock = await lock(t, url);
  await publishBacklog(t, broker.url, 1);
  await eventually('a commit that waits', async () => (await waiting(url)) > 0);
  const since = performance.now();
  assert.equal(await server.end('SIGTERM'), 0, server.log());
  const tookMs = performance.now() - since;
  assert.ok(tookMs < LEAVES_WITHIN_MS, `it took ${Math.round(tookMs)} ms`);
  assert.match(server.log(), /the database does not answer: leaving without it/);
  await unlock();
  runDragonsink(t, ['server'], { ...settings, SERVER_ID: 'test' });
  const store = await openExistingStore(url);
  t.after(() => store.close());
  const received = async (): Promise<unknown> => (await store.ledger())[0]?.received;
  await eventually('every row', async () => JSON.stringify(await received()) === `[[1,${MESSAGES_OF_KIT}]]`);
  const { rows, doubled } = await store.counts();
  assert.deepEqual([rows.drone, doubled], [MESSAGES_OF_KIT, 0]);
});

/** Resolves to what gives it back. */
async function lock(t: TestContext, url: string): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  await client.query('BEGIN; LOCK TABLE kits IN EXCLUSIVE MODE');
  return async () => void (await client.query('ROLLBACK'));
}

/** How many sessions wait for a lock. */
async function waiting(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
  );
  await client.end();
  return rows[0]?.n ?? 0;
}

async function publishBacklog(t: TestContext, url: string, kits: number): Promise<void> {
  const client = await connectAsync(url, { protocolVersion: 5 }, false);
  t.after(() => {
    client.end(true);
  });
  const observedAt = Math.floor(Date.now() / 1_000) - MESSAGES_OF_KIT;
  for (let kit = 1; kit <= kits; kit += 1) {
    const sent = Array.from({ length: MESSAGES_OF_KIT }, (_, i) => {
      const sink = { v: 1, epoch: '00000001abcdef01', seq: i + 1 };
      const message = { id: 'drone-1', seen_by: `wardragon-${kit}`, observed_at: observedAt + i, sink };
      return client.publishAsync('wardragon/drones', JSON.stringify(message), { qos: 1 });
    });
    await Promise.all(sent);
  }
}
