// What is pushed to the endpoint: which of it is a detection of ours, in one commit with what came beside it, and
// acknowledged after that.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import type { JsonObject } from '../../../src/base/json.js';
import { PacketReader, packetBytes } from '../../../src/base/mqtt-packets.js';
import type { PushedMessage } from '../../../src/base/mqtt-receiver.js';
import type { Heard } from '../../../src/kit/intake.js';
import { PushSource, type PushSourceOptions } from '../../../src/kit/push-source.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { freePort } from '../../../src/simulate/ports.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';

const DRONE = { id: 'drone-1', observed_at: 1.5, last_update_time: 1.5, seen_by: 'wardragon-LAB0001' };

interface Setup {
  readonly source: PushSource;
  readonly log: MemoryLog;
  readonly client: MqttClient;
  /** What each commit had. */
  readonly commits: Heard[][];
  readonly seen: { kitIds: unknown[]; invalid: string[] };
  send(topic: string, payload: unknown, qos?: 0 | 1): Promise<unknown>;
}

async function setUp(t: TestContext, options: Partial<PushSourceOptions> = {}): Promise<Setup> {
  const port = await freePort();
  const log = new MemoryLog();
  const commits: Heard[][] = [];
  const seen = { kitIds: [] as unknown[], invalid: [] as string[] };
  const source = new PushSource({
    place: { host: '127.0.0.1', port, isShared: false },
    topics: { ...DEFAULT_TOPICS, drones: 'site/drones' },
    take: (heard) => {
      commits.push([...heard]);
      return new Set();
    },
    isOurs: () => true,
    kitId: () => 'wardragon-LAB0001',
    wantsAircraft: () => false,
    onPushed: () => {},
    onKitId: (uid) => seen.kitIds.push(uid),
    onInvalid: (kind, error) => seen.invalid.push(`${kind}: ${error.message}`),
    log,
    ...options,
  });
  source.start();
  t.after(() => source.stop());
  await eventually('listening', () => log.texts.length > 0);
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 0 }, false);
  client.on('error', () => {});
  t.after(() => client.end(true));
  return {
    source,
    log,
    client,
    commits,
    seen,
    send: (topic, payload, qos = 1) => {
      return client.publishAsync(topic, typeof payload === 'string' ? payload : JSON.stringify(payload), { qos });
    },
  };
}

describe('what is pushed', () => {
  test('is read by its topic: DragonSync\u2019s defaults, and those that are set', async (t) => {
    const { commits, send, seen, source } = await setUp(t);
    await send('wardragon/drones', DRONE);
    await send('wardragon/drone/drone-1', DRONE);
    await send('site/drones', DRONE);
    await send('wardragon/signals', { uid: 'fpv', observed_at: 2 });
    await send('wardragon/system/wardragon-LAB0001/attrs', { id: 'wardragon-LAB0001', updated: 3 });
    assert.deepEqual(
      commits.flat().map(({ kind, pushed }) => [kind, pushed]),
      ['drone', 'drone', 'drone', 'signal', 'system'].map((kind) => [kind, true]),
    );
    assert.deepEqual(seen.kitIds, ['wardragon-LAB0001']);
    assert.deepEqual(source.counts, { messages: 5, others: 0 });
  });

  test('and is nobody\u2019s detection is confirmed, counted, and not looked at', async (t) => {
    const { commits, send, seen, source } = await setUp(t);
    await send('wardragon/service/availability', 'online');
    await send('wardragon/drone/drone-1/pilot_attrs', '{}');
    await send('wardragon/drone/drone-1', '');
    await send('homeassistant/sensor/x/config', '{}');
    await send('anything/at/all', 'x'.repeat(1_000));
    await send('wardragon/drones', { ...DRONE, sink: { v: 1 } });
    assert.deepEqual(source.counts, { messages: 0, others: 6 });
    assert.deepEqual([commits, seen.invalid], [[], []]);
  });

  test('and can\u2019t be read is counted as such, and confirmed: it blocks nothing', async (t) => {
    const { client, commits, send, seen } = await setUp(t);
    for (const junk of ['', 'junk', '[1]', '5']) await send('wardragon/drones', junk);
    // Past the library, which heeds the limit that it was told.
    const payload = JSON.stringify({ ...DRONE, text: 'x'.repeat(1_000_000) });
    const publish = { cmd: 'publish', topic: 'wardragon/drones', payload, qos: 0, dup: false, retain: false } as const;
    client.stream.write(packetBytes(publish, 5));
    await send('wardragon/drones', '{"id": "drone-1", "last_update_time": 1, "lat": NaN, "alt": Infinity}');
    assert.match(seen.invalid.shift() ?? '', /^drone: not JSON/);
    assert.deepEqual(seen.invalid, [
      'drone: a message that is no object',
      'drone: a message that is no object',
      'drone: a message larger than any detection',
    ]);
    assert.equal(commits.flat().length, 1);
  });

  test('of aircraft is left to the API while that answers', async (t) => {
    const api = { isDown: false };
    const { commits, send } = await setUp(t, { wantsAircraft: () => api.isDown });
    await send('wardragon/aircraft', { icao: 'A00001' });
    assert.equal(commits.length, 0);
    api.isDown = true;
    await send('wardragon/aircraft', { icao: 'A00001' });
    const [heard] = commits.flat();
    assert.ok(Math.abs(Number(heard?.entry['observed_at']) - Date.now() / 1_000) < 10);
  });

  test('by several kits to one broker is told apart by the name in it', async () => {
    const asked: unknown[] = [];
    const place = { host: '127.0.0.1', port: await freePort(), isShared: true };
    const source = new PushSource({
      place,
      topics: DEFAULT_TOPICS,
      take: () => new Set(),
      isOurs: (named) => asked.push(named) > 1,
      kitId: () => 'wardragon-LAB0001',
      wantsAircraft: () => false,
      onPushed: () => {},
      onKitId: () => assert.fail('the first kit on a shared broker is not ours'),
      onInvalid: () => {},
      log: new MemoryLog(),
    });
    const take = (topic: string, message: JsonObject): Promise<void> => {
      const payload = Buffer.from(JSON.stringify(message));
      return source['take']([{ topic, payload, cut: false, ack: () => {}, refuse: () => {} }]);
    };
    await take('wardragon/drones', { ...DRONE, seen_by: 'wardragon-OTHER' });
    await take('wardragon/system/x/attrs', { id: 'wardragon-LAB0001', updated: 3 });
    assert.deepEqual(asked, ['wardragon-OTHER', 'wardragon-LAB0001']);
    assert.deepEqual(source.counts, { messages: 1, others: 1 });
  });
});

describe('a commit', () => {
  test('takes all that has come, and only then anything is confirmed', async (t) => {
    const { commits, client, send } = await setUp(t);
    const burst = Array.from({ length: 200 }, (_, i) => send('wardragon/drones', { ...DRONE, id: `drone-${i}` }));
    await Promise.all(burst);
    assert.equal(commits.flat().length, 200);
    assert.ok(commits.length < 100, `${commits.length} commits`);
    assert.ok(client.connected);
  });

  test('that fails, or takes less, confirms nothing that waited for it', async (t) => {
    for (const take of [
      (heard: readonly Heard[]) => new Set(heard),
      () => {
        throw Object.assign(new Error('full'), { code: 'full' });
      },
    ]) {
      const { client, send } = await setUp(t, { take });
      await send('wardragon/drones', DRONE, 0);
      assert.ok(client.connected, 'at QoS 0 nobody waits');
      const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
      client.publish('wardragon/drones', JSON.stringify(DRONE), { qos: 1 }, () => {});
      await closed;
    }
  });
});

test('of one commit only those are refused that were not taken', async () => {
  const source = new PushSource({
    place: { host: '127.0.0.1', port: await freePort(), isShared: false },
    topics: DEFAULT_TOPICS,
    take: (heard) => new Set(heard.filter(({ entry }) => entry['id'] === 'drone-2')),
    isOurs: () => true,
    kitId: () => 'wardragon-LAB0001',
    wantsAircraft: () => false,
    onPushed: () => {},
    onKitId: () => {},
    onInvalid: () => {},
    log: new MemoryLog(),
  });
  const answers: string[] = [];
  const message = (id: string): PushedMessage => ({
    topic: 'wardragon/drones',
    payload: Buffer.from(JSON.stringify({ ...DRONE, id })),
    cut: false,
    ack: () => answers.push(`${id} confirmed`),
    refuse: () => answers.push(`${id} refused`),
  });
  await source['take'](['drone-1', 'drone-2', 'drone-3'].map(message));
  assert.deepEqual(answers, ['drone-1 confirmed', 'drone-2 refused', 'drone-3 confirmed']);
});

test('of a shared broker each kit is a client of its own, also while its id is not known', async (t) => {
  const port = await freePort();
  const clientIds: string[] = [];
  const sockets: Socket[] = [];
  const broker = createServer((socket) => {
    sockets.push(socket);
    const reader = new PacketReader();
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const { packet } of reader.read(chunk)) {
        if (packet.cmd !== 'connect') continue;
        assert.equal(packet.clean, true);
        clientIds.push(packet.clientId);
      }
    });
  });
  await once(broker.listen(port, '127.0.0.1'), 'listening');
  t.after(() => {
    broker.close();
    for (const socket of sockets) socket.destroy();
  });
  for (const kitId of [null, null, 'wardragon-LAB0001']) {
    const source = new PushSource({
      place: { host: '127.0.0.1', port, isShared: true },
      topics: DEFAULT_TOPICS,
      take: () => new Set(),
      isOurs: () => true,
      kitId: () => kitId,
      wantsAircraft: () => false,
      onPushed: () => {},
      onKitId: () => {},
      onInvalid: () => {},
      log: new MemoryLog(),
    });
    const known = clientIds.length;
    source.start();
    await eventually('a client', () => clientIds.length > known);
    t.after(() => source.stop());
  }
  const [first, second, third] = clientIds;
  assert.match(String(first), /^dragonsink-source-[0-9a-f]{12}$/);
  assert.match(String(second), /^dragonsink-source-[0-9a-f]{12}$/);
  assert.notEqual(first, second);
  assert.equal(third, 'dragonsink-source-wardragon-LAB0001');
});

test('a port that another program has is said once with what to do, and tried again', async (t) => {
  const { source, log } = await setUp(t);
  const [, port] = String(source.status()['listen']).split(':');
  const second = new PushSource({
    place: { host: '127.0.0.1', port: Number(port), isShared: false },
    topics: DEFAULT_TOPICS,
    take: () => new Set(),
    isOurs: () => true,
    kitId: () => 'wardragon-LAB0001',
    wantsAircraft: () => false,
    onPushed: () => {},
    onKitId: () => {},
    onInvalid: () => {},
    log,
  });
  second.start();
  t.after(() => second.stop());
  await eventually('the word', () => log.lines.some(({ level }) => level === 'error'));
  assert.match(String(second.status()['problem']), /can't be listened on/);
  assert.match(String(log.lines.find(({ level }) => level === 'error')?.fields['hint']), /local_mqtt_host/);
});
