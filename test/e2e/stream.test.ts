// Stream frames between real kits, brokers and servers: live, as backlog, and where somebody does not take them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Hello } from '../../src/schema/hello.js';
import type { KitStatus } from '../../src/schema/status.js';
import { decodeFrame, encodeFrame } from '../../src/schema/stream-frame.js';
import { helloTopic, streamTopic } from '../../src/schema/topics.js';
import { Heard } from '../fixtures/heard.js';
import { type Broker, type BrokerOptions, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';
const STREAM = streamTopic(KIT);
const DRONES = 'wardragon/drones';

interface Setup {
  readonly broker: Broker;
  readonly database: string;
  /** What was published, by topic: payloads in their order. */
  readonly on: (topic: string) => Buffer[];
  readonly client: MqttClient;
  hear(count: number): void;
  startKit(): Running;
  startServer(env?: NodeJS.ProcessEnv): Running;
  status(): Promise<KitStatus | null>;
  ledger(): Promise<Accounts>;
  /** Until the database has so many drones, each once, and the spool is empty. */
  stored(count: number): Promise<void>;
}

interface Accounts {
  readonly rows: { readonly drone: number };
  readonly doubled: number;
  readonly rejects: number;
  readonly entries: readonly { readonly missing: readonly unknown[] }[];
}

async function setUp(t: TestContext, mqtt: string[], brokerOptions: BrokerOptions = {}): Promise<Setup> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const broker = await startMosquitto(brokerOptions, t);
  const folder = tempFolder(t);
  const files = await kitFiles(join(folder, 'kit'), api, broker.port, { mqtt });
  const database = `sqlite:${join(folder, 'server.db')}`;
  const [[username, password] = []] = Object.entries(brokerOptions.users ?? {});
  const login = username === undefined ? {} : { username, password: password ?? '' };
  const client = await connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 0, ...login }, false);
  t.after(() => {
    client.end(true);
  });
  const seen = new Map<string, Buffer[]>();
  client.on('message', (topic, payload) => {
    seen.set(topic, [...(seen.get(topic) ?? []), payload]);
  });
  await client.subscribeAsync('wardragon/#', { qos: 1 });
  let heardSoFar = 0;
  const status = async (): Promise<KitStatus | null> => {
    try {
      return (await (await fetch(`http://127.0.0.1:${files.statusPort}/status`)).json()) as KitStatus;
    } catch {
      return null; // not started yet
    }
  };
  const ledger = (): Promise<Accounts> => dragonsinkJson<Accounts>('ledger', '--database', database);
  return {
    broker,
    database,
    on: (topic) => seen.get(topic) ?? [],
    client,
    hear: (count) => {
      for (let i = 0; i < count; i += 1) {
        heard.hear(`drone-${heardSoFar}`);
        heardSoFar += 1;
      }
    },
    startKit: () => runDragonsink(t, ['kit', '--config', files.configFile]),
    startServer: (env = {}) =>
      runDragonsink(t, ['server'], {
        DATABASE_URL: database,
        MQTT_BROKER_PORT: String(broker.port),
        SERVER_ID: 'server',
        ...(username === undefined ? {} : { MQTT_USERNAME: username, MQTT_PASSWORD: password }),
        ...env,
      }),
    status,
    ledger,
    stored: async (count) => {
      await eventually('an empty spool', async () => {
        const now = await status();
        return now !== null && now.counts.accepted >= count && now.spool.waiting === 0;
      });
      const { rows, doubled, entries } = await ledger();
      assert.deepEqual([rows.drone, doubled], [count, 0]);
      assert.ok(entries.every(({ missing }) => missing.length === 0));
    },
  };
}

const messagesIn = (frames: readonly Buffer[]): number =>
  frames.reduce((sum, frame) => sum + decodeFrame(frame).messages.length, 0);

describe('a kit with mqtt_wire = stream', { concurrency: 3 }, () => {
  test('sends frames to a server, nothing without one, and what it kept when one is back', async (t) => {
    const { on, hear, startKit, startServer, status, stored } = await setUp(t, ['mqtt_wire = stream']);
    const kit = startKit();
    hear(5);
    await eventually('accepted', async () => ((await status())?.counts.accepted ?? 0) > 5 || null);
    await sleep(3_000); // for longer than hellos are waited for
    assert.deepEqual([on(STREAM), on(DRONES)], [[], []], 'nobody reads it');
    const server = startServer();
    await stored(5);
    hear(20);
    await stored(25);
    assert.ok(on(STREAM).length <= 8, `${on(STREAM).length} frames, one a poll at most`);
    assert.equal((await status())?.link.wire, 'stream');
    assert.equal(await server.end(), 0, server.log());
    await eventually('alone', async () => (await status())?.link.wire === null);
    const before = on(STREAM).length;
    hear(10);
    await eventually('kept', async () => (await status())?.spool.waiting === 10);
    await sleep(1_000);
    assert.equal(on(STREAM).length, before);
    startServer();
    await stored(35);
    assert.deepEqual(on(DRONES), []);
    assert.equal(await kit.end(), 0, kit.log());
  });

  test('sends topics to a server that offers nothing else', async (t) => {
    const { on, hear, client, startKit, startServer, stored } = await setUp(t, ['mqtt_wire = stream']);
    const older = (online: boolean): Promise<unknown> => {
      const hello: Hello = {
        ...{ v: 1, server_id: 'older', store_id: 'store', boot_id: 'b', session: 1, wire: ['topics'] },
        ...{ credit: 1_500, store: 'ok', online },
      };
      return client.publishAsync(helloTopic('older'), JSON.stringify(hello), { qos: 1, retain: true });
    };
    await older(true);
    hear(5);
    startKit();
    await eventually('five messages', () => on(DRONES).length === 5);
    assert.deepEqual(on(STREAM), []);
    await older(false);
    startServer();
    await stored(5);
    assert.equal(messagesIn(on(STREAM)) >= 5, true, 'to the newer one in frames');
  });

  test('sends topics where the broker denies it the stream, and says so', async (t) => {
    const { on, hear, startKit, startServer, stored } = await setUp(
      t,
      ['mqtt_wire = stream', 'mqtt_username = all', 'mqtt_password = secret'],
      { users: { all: 'secret' }, acl: 'user all\ntopic readwrite #\ntopic deny wardragon/sink/+/stream\n' },
    );
    startServer();
    hear(5);
    const kit = startKit();
    await stored(5);
    assert.equal(on(DRONES).length >= 5, true);
    assert.match(kit.log(), /not allowed on wardragon\/sink\/.*sending no frames/);
  });

  test('sends what waits for company before it leaves', async (t) => {
    const { on, hear, startKit, startServer, status, ledger } = await setUp(t, [
      'mqtt_wire = stream',
      'mqtt_frame_ms = 60000',
    ]);
    startServer();
    const kit = startKit();
    await eventually('served', async () => (await status())?.link.wire === 'stream');
    await sleep(2_500); // the first hellos are over: what is heard now is new
    const before = messagesIn(on(STREAM));
    hear(3);
    await eventually('accepted', async () => ((await status())?.spool.waiting ?? 0) >= 3);
    await sleep(1_000);
    assert.equal(messagesIn(on(STREAM)), before, 'it waits');
    assert.equal(await kit.end(), 0, kit.log());
    await eventually('all three', async () => (await ledger()).rows.drone === 3);
  });

  test('is served by two servers that share', async (t) => {
    const { hear, startKit, startServer, stored } = await setUp(t, ['mqtt_wire = stream']);
    for (const SERVER_ID of ['a', 'b']) startServer({ SERVER_ID, MQTT_SHARE_GROUP: 'group' });
    startKit();
    for (let i = 1; i <= 5; i += 1) {
      hear(20);
      await sleep(700);
    }
    await stored(100);
  });
});

describe('a backlog', () => {
  test('goes in frames no larger than the broker takes, also from a kit that sends topics', async (t) => {
    const limit = 3_000;
    const { on, hear, startKit, startServer, stored, status } = await setUp(t, [], {
      config: [`max_packet_size ${limit}`],
    });
    hear(300);
    const first = startKit();
    await eventually('accepted', async () => ((await status())?.counts.accepted ?? 0) >= 300);
    await first.end('SIGKILL');
    startServer();
    const kit = startKit();
    await stored(300);
    const frames = on(STREAM);
    assert.ok(messagesIn(frames) >= 300 && frames.length > 1);
    for (const frame of frames) assert.ok(frame.length <= limit);
    const topics = on(DRONES).length;
    hear(1);
    await eventually('a new one', () => on(DRONES).length === topics + 1);
    assert.equal(await kit.end(), 0, kit.log());
  });
});

test('a frame that claims another kit, or is none, is rejected and seen, and the next is stored', async (t) => {
  const { client, database, on, startServer, ledger } = await setUp(t, []);
  startServer();
  // Which it says after its subscription is confirmed.
  await eventually('its hello', () => on(helloTopic('server')).length > 0);
  const frame = (kitId: string): Buffer => {
    const fields = { id: `drone-of-${kitId}`, observed_at: Date.now() / 1_000 };
    return encodeFrame(kitId, [{ kind: 'drone', fields, sink: { v: 1, epoch: '00000001abcdef01', seq: 1 } }]);
  };
  for (const payload of [frame('wardragon-other'), Buffer.from('DSF'), frame(KIT)]) {
    await client.publishAsync(STREAM, payload, { qos: 1 });
  }
  await eventually('the right one', async () => (await ledger()).rows.drone === 1);
  const { counts } = await dragonsinkJson<{ counts: Record<string, number> }>(
    ...['rejects', 'list', '--database', database],
  );
  assert.deepEqual(counts, { kit: 1, frame: 1 });
});
