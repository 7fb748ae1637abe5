// The server as its user runs it: a real process, a real mosquitto, a real database, messages as they come.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { openSqlite, readSqlite } from '../../src/base/sqlite.js';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { Batcher } from '../../src/server/batcher.js';
import { Decoder } from '../../src/server/decode.js';
import { Subscriber } from '../../src/server/subscriber.js';
import { LinkProxy } from '../../src/simulate/link-proxy.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, type Running, runDragonsink } from '../fixtures/processes.js';
import { connack, PACKET, ScriptedBroker } from '../fixtures/scripted-broker.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const EPOCH = '00000001abcdef01';
const KIT = 'wardragon-A';

interface Setup {
  readonly broker: Broker;
  readonly client: MqttClient;
  readonly database: string;
  /** Settings in place of, or beside, the usual. */
  start(settings?: NodeJS.ProcessEnv): Running;
  /** What a query gives as one number. */
  count(sql: string): number;
}

async function setUp(t: TestContext): Promise<Setup> {
  const broker = await startMosquitto({ persistence: true, config: ['max_queued_messages 0'] });
  t.after(() => broker.stop());
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  t.after(() => {
    client.end(true);
  });
  const database = join(tempFolder(t), 'server.db');
  const env = {
    DATABASE_URL: `sqlite:${database}`,
    MQTT_BROKER_HOST: '127.0.0.1',
    MQTT_BROKER_PORT: String(broker.port),
    SERVER_ID: 'test',
  };
  const count = (sql: string): number => {
    const db = readSqlite(database);
    try {
      return db.prepare(sql).pluck().get() as number;
    } finally {
      db.close();
    }
  };
  return {
    broker,
    client,
    database,
    count,
    start: (settings) => runDragonsink(t, ['server'], { ...env, ...settings }),
  };
}

function drone(seq: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  const observed_at = Math.floor(Date.now() / 1_000) - 1_000 + seq / 1_000;
  return {
    id: `drone-${seq % 10}`,
    seen_by: KIT,
    observed_at,
    lat: 42.1,
    lon: -71.1,
    sink: { v: 1, epoch: EPOCH, seq },
    ...fields,
  };
}

async function publish(
  client: MqttClient,
  message: unknown,
  topic = 'wardragon/drones',
  retain = false,
): Promise<void> {
  const payload = typeof message === 'string' ? message : JSON.stringify(message);
  await client.publishAsync(topic, payload, { qos: 1, retain });
}

/** Until the server says hello: from then on the broker keeps what comes for it. */
async function ready({ client }: Setup): Promise<Record<string, unknown>[]> {
  const hellos: Record<string, unknown>[] = [];
  client.on('message', (topic, payload) => {
    if (topic === 'wardragon/ingest/test/hello') hellos.push(JSON.parse(payload.toString()) as Record<string, unknown>);
  });
  await client.subscribeAsync('wardragon/ingest/+/hello', { qos: 1 });
  await eventually('its hello', () => hellos.some(({ online }) => online === true));
  return hellos;
}

describe('dragonsink server', { concurrency: 2 }, () => {
  test('stores what is good, rejects what is not, and registers the kit', async (t) => {
    const setup = await setUp(t);
    const server = setup.start();
    await ready(setup);
    const { client, count } = setup;
    await publish(client, drone(1));
    await publish(client, 'garbage');
    await publish(client, [drone(2), { nonsense: true }, drone(3)]);
    await publish(client, drone(4), 'wardragon/drone/drone-4');
    await publish(client, { ...drone(5), seen_by: 'wardragon-unknown' });
    await publish(
      client,
      { icao: 'a00001', seen_by: KIT, alt: 1_000, observed_at: Date.now() / 1_000 },
      'wardragon/aircraft',
    );
    await eventually(
      'all of it',
      () => count('SELECT count(*) FROM drones') === 5 && count('SELECT count(*) FROM ingest_rejects') === 3,
    );
    assert.equal(
      count("SELECT count(*) FROM kits WHERE kit_id = 'wardragon-A' AND source = 'mqtt' AND status = 'online'"),
      1,
    );
    assert.equal(count('SELECT count(*) FROM kits'), 1);
    assert.equal(await server.end('SIGTERM'), 0, server.log());
  });

  test('says hello, retained, and that it has left', async (t) => {
    const setup = await setUp(t);
    const server = setup.start();
    const hellos = await ready(setup);
    const { v, server_id, wire, store, online, session } = hellos[0] ?? {};
    assert.deepEqual(
      { v, server_id, wire, store, online, session },
      { v: 1, server_id: 'test', wire: ['topics', 'stream/1'], store: 'ok', online: true, session: 1 },
    );
    assert.equal(await server.end('SIGTERM'), 0);
    await eventually('its leave', () => hellos.at(-1)?.['online'] === false);
    const again = setup.start();
    await eventually('its return', () => hellos.at(-1)?.['online'] === true);
    assert.equal(hellos.at(-1)?.['store_id'], hellos[0]?.['store_id']);
    assert.notEqual(hellos.at(-1)?.['boot_id'], hellos[0]?.['boot_id']);
    await again.end('SIGKILL');
    await eventually('its will', () => hellos.at(-1)?.['online'] === false);
  });

  test('killed again and again while messages come, it has each of them once', async (t) => {
    const setup = await setUp(t);
    let server = setup.start();
    await ready(setup);
    const { client, count } = setup;
    // Altogether fewer than a kit may have waiting: beyond, they would count on the kit to send them again.
    const total = 1_600;
    const publishing = (async () => {
      for (let seq = 1; seq <= total; seq += 1) {
        await publish(client, drone(seq));
        // Sent twice now and then, as a kit does that got no answer.
        if (seq % 7 === 0) await publish(client, drone(seq));
      }
    })();
    for (let kill = 0; kill < 5; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 300 + kill * 90));
      await server.end('SIGKILL');
      server = setup.start();
    }
    await publishing;
    await eventually('every row', () => count('SELECT count(*) FROM drones') === total, 30_000);
    await eventually('the last one is up', () => /connected to the broker/.test(server.log()));
    assert.equal(count('SELECT count(DISTINCT sink_seq) FROM drones'), total);
    assert.equal(count("SELECT received FROM ingest_ledger WHERE kind = 'drone'") as unknown, `[[1,${total}]]`);
    assert.ok(count('SELECT refused FROM ingest_ledger') >= Math.floor(total / 7));
    assert.equal(await server.end(), 0);
  });

  test('a retained message is stored once, however often the server starts', async (t) => {
    const setup = await setUp(t);
    const { sink: _, ...stock } = drone(1);
    await publish(setup.client, stock, 'wardragon/drone/drone-1', true);
    for (let start = 0; start < 3; start += 1) {
      const server = setup.start();
      await ready(setup);
      await eventually('the row', () => setup.count('SELECT count(*) FROM drones') === 1);
      assert.equal(await server.end(), 0);
    }
    assert.equal(setup.count('SELECT count(*) FROM drones'), 1);
  });

  test('with its database locked it acknowledges nothing, stays connected, and goes on by itself', async (t) => {
    const setup = await setUp(t);
    const server = setup.start();
    const hellos = await ready(setup);
    await publish(setup.client, drone(1));
    await eventually('the first row', () => setup.count('SELECT count(*) FROM drones') === 1);
    const holder = openSqlite(setup.database);
    holder.exec('BEGIN IMMEDIATE');
    for (let seq = 2; seq <= 200; seq += 1) await publish(setup.client, drone(seq));
    await eventually('word of it', () => hellos.at(-1)?.['store'] === 'down', 30_000);
    assert.equal(setup.count('SELECT count(*) FROM drones'), 1);
    holder.exec('ROLLBACK');
    holder.close();
    await eventually('the rest', () => setup.count('SELECT count(*) FROM drones') === 200, 30_000);
    await eventually('good word', () => hellos.at(-1)?.['store'] === 'ok');
    const outage = server
      .log()
      .split('\n')
      .filter((line) => /database/.test(line) && !/open/.test(line));
    assert.equal(outage.length, 2, `an outage is two lines:\n${outage.join('\n')}`);
    assert.equal(await server.end(), 0);
  });

  test('reconnects again and again while its database is locked, and has everything when that is over', async (t) => {
    const setup = await setUp(t);
    const { client, count, database, broker } = setup;
    const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: broker.port });
    const MQTT_BROKER_PORT = String(await proxy.start());
    t.after(() => proxy.stop());
    const server = setup.start({ MQTT_BROKER_PORT });
    await ready(setup);
    const holder = openSqlite(database);
    holder.exec('BEGIN IMMEDIATE');
    const total = 1_500;
    const messages = Array.from({ length: total }, (_, i) => drone(i + 1));
    for (let i = 0; i < total; i += 100)
      await Promise.all(messages.slice(i, i + 100).map((one) => publish(client, one)));
    // Each time all that the broker gives at once: 1,000 messages of more than 100 bytes.
    for (let reconnects = 0; reconnects < 12; reconnects += 1) {
      if (reconnects > 0) proxy.cut();
      const before = proxy.bytes.down;
      if (reconnects > 0) proxy.heal();
      await eventually('the messages', () => reconnects === 0 || proxy.bytes.down > before + 100_000, 30_000);
    }
    holder.exec('ROLLBACK');
    holder.close();
    await eventually('every row', () => count('SELECT count(*) FROM drones') === total, 30_000);
    assert.equal(count('SELECT refused FROM ingest_ledger') <= 1_000, true, 'at most one commit was under way');
    assert.ok(!/dropping/.test(server.log()), server.log());
    assert.equal(await server.end(), 0);
  });

  test('leaves within seconds when the way to the broker hangs', async (t) => {
    const setup = await setUp(t);
    const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: setup.broker.port });
    const MQTT_BROKER_PORT = String(await proxy.start());
    t.after(() => proxy.stop());
    const server = setup.start({ MQTT_BROKER_PORT });
    await ready(setup);
    await publish(setup.client, drone(1));
    await eventually('the row', () => setup.count('SELECT count(*) FROM drones') === 1);
    proxy.blackhole();
    const since = performance.now();
    assert.equal(await server.end('SIGTERM'), 0, server.log());
    assert.ok(performance.now() - since < 8_000, `${performance.now() - since} ms`);
  });

  test('leaves within seconds when the broker never answers its subscription', async (t) => {
    const mute = await ScriptedBroker.start(t, ({ type }) => (type === PACKET.connect ? connack() : null));
    const server = runDragonsink(t, ['server'], {
      DATABASE_URL: `sqlite:${join(tempFolder(t), 'server.db')}`,
      MQTT_BROKER_HOST: '127.0.0.1',
      MQTT_BROKER_PORT: String(mute.port),
    });
    await eventually('its subscription', () => mute.of(PACKET.subscribe).length === 1);
    const since = performance.now();
    assert.equal(await server.end('SIGTERM'), 0, server.log());
    assert.ok(performance.now() - since < 8_000, `${performance.now() - since} ms`);
  });

  test('stays away from the broker until its database is there, and from nonsense altogether', async (t) => {
    const nonsense = runDragonsink(t, ['server'], { DATABASE_URL: 'mysql://nope', MQTT_BROKER_PORT: 'x' });
    await eventually('its end', () => nonsense.child.exitCode !== null);
    assert.equal(nonsense.child.exitCode, 78);
    assert.match(nonsense.log(), /DATABASE_URL[\s\S]*MQTT_BROKER_PORT/);
    const away = runDragonsink(t, ['server'], { DATABASE_URL: 'postgres://x:secret-word@127.0.0.1:1/none' });
    await eventually('its complaint', () => /database/.test(away.log()));
    assert.ok(!away.log().includes('secret-word'));
    assert.equal(await away.end('SIGTERM'), 0, away.log());
  });
});

test('while there is no room for a message, the next ones are not read; they come when there is', async (t) => {
  const broker = await startMosquitto({}, t);
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  t.after(() => {
    client.end(true);
  });
  const got: string[] = [];
  let makeRoom = (): void => {};
  /** Full after the first message. */
  class FullOnce extends Batcher {
    override add({ batch, ack }: Parameters<Batcher['add']>[0]): Promise<void> | undefined {
      const [seq] = batch.observations.map(({ identity }) => identity?.seq);
      got.push(String(seq));
      ack();
      if (got.length > 1) return undefined;
      return new Promise((resolve) => {
        makeRoom = resolve;
      });
    }
  }
  const commit = (): never => assert.fail('nothing is to be committed');
  const log = new MemoryLog();
  const subscriber = new Subscriber({
    broker: { host: '127.0.0.1', port: broker.port, version: 5, keepaliveS: 30 },
    serverId: 'test',
    storeId: 'store',
    topics: DEFAULT_TOPICS,
    shareGroup: null,
    decoder: new Decoder(DEFAULT_TOPICS),
    batcher: new FullOnce({ store: { commit }, onStore: () => {}, log }),
    acknowledger: { stop: () => {} },
    log,
  });
  subscriber.start();
  t.after(() => subscriber.stop());
  await client.subscribeAsync('wardragon/ingest/+/hello', { qos: 1 });
  await new Promise((resolve) => client.once('message', resolve));
  for (const seq of [1, 2, 3]) await publish(client, drone(seq));
  await eventually('the first', () => got.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 100)); // nothing says that nothing comes
  assert.deepEqual(got, ['1']);
  makeRoom();
  await eventually('the others', () => got.length === 3);
  assert.deepEqual(got, ['1', '2', '3']);
});
