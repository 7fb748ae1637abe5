// Fuzzed messages straight at a real broker before a real server: the process lives, and each message that the broker
// delivers is a row or a reject. DRAGONSINK_FUZZ_SEED repeats one seed alone.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { KINDS, type Kind, perKind } from '../../src/schema/kinds.js';
import type { Store } from '../../src/server/store.js';
import { openExistingStore } from '../../src/server/stores/open-store.js';
import { freePort } from '../../src/simulate/ports.js';
import { epochOf, Fuzz, GOOD_KIT } from '../fixtures/fuzz.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const OWN_SEED = process.env['DRAGONSINK_FUZZ_SEED'];
const seeds = (...usual: number[]): number[] => (OWN_SEED === undefined ? usual : [Number(OWN_SEED)]);
/** So many are published before the server has stored them all: within a kit's credit, or some would be over the quota. */
const AT_ONCE = 1_500;

const postgres = usePostgres();

test('100,000 messages before SQLite', { timeout: 170_000 }, async (t) => {
  await fuzz(t, `sqlite:${join(tempFolder(t), 'server.db')}`, seeds(1, 2, 3, 4), 25_000);
});

test('10,000 messages before PostgreSQL', { timeout: 100_000 }, async (t) => {
  await fuzz(t, postgres().createDatabase(), seeds(5), 10_000);
});

async function fuzz(t: TestContext, url: string, usedSeeds: readonly number[], perSeed: number): Promise<void> {
  t.diagnostic(`seeds ${usedSeeds.join(', ')}`);
  const broker = await startMosquitto({ config: ['max_queued_messages 0'] }, t);
  const httpPort = await freePort();
  const env = {
    HTTP_PORT: String(httpPort),
    DATABASE_URL: url,
    MQTT_BROKER_HOST: '127.0.0.1',
    MQTT_BROKER_PORT: String(broker.port),
    SERVER_ID: 'test',
    LOG_LEVEL: 'warn',
  };
  const server = runDragonsink(t, ['server'], env);
  const client = await connectAsync(broker.url, { protocolVersion: 5, properties: { receiveMaximum: 1_000 } }, false);
  t.after(() => {
    client.end(true);
  });
  await client.subscribeAsync('wardragon/ingest/+/hello', { qos: 1 });
  await new Promise((resolve) => client.once('message', resolve));

  let makes = 0;
  const taken = (): Promise<number> =>
    metric(httpPort, 'dragonsink_messages_(?:stored|merged|duplicate|rejected)_total');
  const good = new Map<number, Readonly<Record<Kind, number>>>();
  for (const seed of usedSeeds) {
    const source = new Fuzz(seed, Math.floor(Date.now() / 1_000));
    for (let left = perSeed; left > 0; left -= AT_ONCE) {
      const messages = Array.from({ length: Math.min(left, AT_ONCE) }, () => source.next());
      await Promise.all(messages.map(({ topic, payload }) => client.publishAsync(topic, payload, { qos: 1 })));
      makes += messages.reduce((sum, message) => sum + message.makes, 0);
      await eventually(`seed ${seed}, ${left} before its end, is stored`, async () => (await taken()) >= makes);
    }
    good.set(seed, source.good);
  }

  const store = await openExistingStore(url);
  t.after(() => store.close());
  const made = (): Promise<number> => rowsAndRejects(store);
  try {
    await eventually('all of it', async () => server.child.exitCode !== null || (await made()) >= makes, 60_000);
  } catch (error: unknown) {
    throw new Error(`${await made()} rows and rejects of ${makes}; ${await reasonsOf(store)}\n${server.log()}`, {
      cause: error,
    });
  }
  assert.equal(server.child.exitCode, null, server.log());
  assert.equal(await made(), makes, await reasonsOf(store));
  await goodOnesAreThere(store, good);
  const reasons = [...(await store.rejects.counts({})).keys()].sort();
  assert.deepEqual(reasons.filter((reason) => !EXPECTED.has(reason)), [], await sampleOf(store)); // biome-ignore format: short
  assert.equal((await store.counts()).doubled, 0);
  assert.equal(await metric(httpPort, 'dragonsink_messages_over_quota_total'), 0);
  assert.equal(await server.end('SIGTERM'), 0, server.log());
  assert.doesNotMatch(server.log(), /internal|TypeError|RangeError/);
}

/** Neither a fault of the server's own nor anything that the database had to refuse. */
const EXPECTED = new Set(['json', 'frame', 'schema', 'kit', 'time', 'retention']);

/** Over all of its labels. */
async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].map(([, value]) =>
    Number(value),
  );
  return values.reduce((sum, value) => sum + value, 0);
}

async function rowsAndRejects(store: Store): Promise<number> {
  const { rows, rejects } = await store.counts();
  return KINDS.reduce((sum, kind) => sum + rows[kind], rejects);
}

/** Every seq of them, as a row: none was rejected or merged. */
async function goodOnesAreThere(
  store: Store,
  good: ReadonlyMap<number, Readonly<Record<Kind, number>>>,
): Promise<void> {
  const total = perKind(() => 0);
  for (const entry of await store.ledger(GOOD_KIT)) {
    const seed = [...good.keys()].find((one) => epochOf(one) === entry.epoch);
    const sent = good.get(seed ?? -1)?.[entry.kind] ?? -1;
    assert.deepEqual(entry.received, [[1, sent]], `seed ${seed}, ${entry.kind}`);
    assert.deepEqual([entry.rejected, entry.merged, entry.refused], [0, 0, 0], `seed ${seed}, ${entry.kind}`);
    total[entry.kind] += sent;
  }
  const sent = perKind((kind) => [...good.values()].reduce((sum, one) => sum + one[kind], 0));
  assert.deepEqual(total, sent);
  assert.deepEqual((await store.kits.counts()).get(GOOD_KIT), sent);
}

async function reasonsOf(store: Store): Promise<string> {
  return JSON.stringify({ ...(await store.counts()), reasons: Object.fromEntries(await store.rejects.counts({})) });
}

async function sampleOf(store: Store): Promise<string> {
  const found = await Promise.all(['internal', 'database'].map((reason) => store.rejects.newest({ reason }, 3)));
  return found.flat().map(({ topic, detail, payload }) => `${topic}: ${detail}: ${payload}`).join('\n'); // biome-ignore format: short
}
