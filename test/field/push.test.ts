// `source = mqtt` as it is used: Debian's paho-mqtt publishes as DragonSync does, to the kit's own endpoint or to a broker
// beside it; what it does not push comes from the API; and whoever floods the endpoint takes nothing from a real drone.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { packetBytes } from '../../src/base/mqtt-packets.js';
import type { KitStatus } from '../../src/schema/status.js';
import { freePort } from '../../src/simulate/ports.js';
import { Heard } from '../fixtures/heard.js';
import { Listener } from '../fixtures/listener.js';
import { type Broker, findBinary, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { recordedMessages } from '../fixtures/recordings.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';
const SCRIPT = `${import.meta.dirname}/../fixtures/dragonsync-push.py`;
/** DragonSync's sink: Debian's paho-mqtt in a process of its own. */
class Pusher {
  out = '';
  private readonly child: ChildProcess;

  constructor(t: TestContext, port: number, protocol?: 'MQTTv311') {
    this.child = spawn('/usr/bin/python3', [SCRIPT, '127.0.0.1', String(port), ...(protocol ? [protocol] : [])], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk.toString();
    });
    t.after(() => this.child.kill('SIGKILL'));
  }

  connected(): Promise<unknown> {
    return eventually('paho is connected', () => /^connected (0|Success)$/m.test(this.out));
  }

  push(topic: string, message: unknown, qos = 0, retain = true): void {
    const payload = typeof message === 'string' ? message : JSON.stringify(message);
    this.child.stdin?.write(`${JSON.stringify({ topic, payload, qos, retain })}\n`);
  }

  /** Aggregate and per drone, thrice each, as DragonSync does for every drone every 2 s. */
  storm(drone: { readonly id: string }, known: readonly [pilot: object, home: object] = [{}, {}]): void {
    const [pilot, home] = known;
    for (const merged of [{}, { pilot_alt: 0, ...pilot }, { pilot_alt: 0, home_alt: 0, ...pilot, ...home }]) {
      this.push('wardragon/drones', { ...drone, ...merged });
      this.push(`wardragon/drone/${drone.id}`, { ...drone, ...merged });
    }
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

interface Setup {
  readonly heard: Heard;
  /** On the broker that the kit publishes to. */
  readonly listener: Listener;
  readonly kit: Running;
  status(): Promise<KitStatus>;
}

interface SetupOptions {
  readonly dragonsync: string[];
  /** The broker that the kit publishes to; else one of its own. */
  readonly broker?: Broker;
}

async function setUp(t: TestContext, { dragonsync, broker }: SetupOptions): Promise<Setup> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const { port } = broker ?? (await startMosquitto({}, t));
  const listener = await Listener.on(port);
  t.after(() => listener.stop());
  const settings = { dragonsync: ['source = mqtt', ...dragonsync], pollS: 2 };
  const files = await kitFiles(tempFolder(t), api, port, settings);
  const kit = runDragonsink(t, ['kit', '--config', files.configFile]);
  const status = async (): Promise<KitStatus> => {
    return (await fetch(`http://127.0.0.1:${files.statusPort}/status`)).json() as Promise<KitStatus>;
  };
  await eventually('a connected kit', async () => {
    try {
      return (await status()).link.connected;
    } catch {
      return false;
    }
  });
  return { heard, listener, kit, status };
}

const RECORDED = JSON.parse(
  recordedMessages('main').find(({ topic }) => topic === 'wardragon/drones')?.payload ?? '{}',
) as Record<string, unknown>;

/** As DragonSync published it once, heard anew. */
function drone(id: string, fields: object = {}) {
  const at = Date.now() / 1_000;
  return { ...RECORDED, id, observed_at: at, last_update_time: at, ...fields };
}

function sent(listener: Listener, id: string): Record<string, unknown>[] {
  // Of thousands, those of others are not parsed. What a stock DragonSync publishes beside us has no envelope.
  return listener
    .on('wardragon/drones')
    .filter(({ payload }) => payload.includes(`"${id}"`))
    .map(({ payload }) => JSON.parse(payload) as Record<string, unknown>)
    .filter(({ sink }) => sink !== undefined);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("DragonSync's own client at the kit's endpoint", () => {
  for (const protocol of [undefined, 'MQTTv311'] as const) {
    test(`is heard at once, each observation once, by ${protocol ?? 'MQTT 5'}`, async (t) => {
      const port = await freePort();
      const { heard, listener, kit, status } = await setUp(t, { dragonsync: [`listen = 127.0.0.1:${port}`] });
      const pusher = new Pusher(t, port, protocol);
      await pusher.connected();
      const first = drone('drone-pushed');
      for (let i = 0; i < 5; i += 1) pusher.storm(first);
      await eventually('the drone', () => sent(listener, 'drone-pushed').length > 0);
      const [message] = sent(listener, 'drone-pushed');
      assert.equal(message?.['seen_by'], KIT);
      assert.equal(message?.['observed_at'], first.observed_at);
      assert.equal(message?.['rid_timestamp'], RECORDED['rid_timestamp']);
      const apart = drone('drone-merged', { pilot_lat: 0, pilot_lon: 0, home_lat: 0, home_lon: 0 });
      const pilot = { pilot_lat: 42.2, pilot_lon: -71.1 };
      const home = { home_lat: 42.3, home_lon: -71.3 };
      for (let i = 0; i < 5; i += 1) pusher.storm(apart, [pilot, home]);
      // The API shows the same observation, one that is not pushed, and an aircraft.
      heard.hear('drone-pushed', { observed_at: first.observed_at, last_update_time: first.last_update_time });
      heard.hear('drone-silenced');
      heard.aircraft('A00001');
      await eventually('what only the API shows', () => sent(listener, 'drone-silenced').length === 1);
      await eventually('the aircraft', () => listener.on('wardragon/aircraft').length === 1);
      pusher.storm(first);
      // At QoS 1 it is confirmed when it is in the spool.
      pusher.push('wardragon/drones', drone('drone-confirmed'), 1);
      await eventually('the next drone', () => sent(listener, 'drone-confirmed').length === 1);
      assert.equal(sent(listener, 'drone-pushed').length, 1);
      const merged = sent(listener, 'drone-merged');
      // What came within one commit is one row; never more than the three that differ.
      assert.ok(merged.length >= 1 && merged.length <= 3, `${merged.length} rows`);
      const last = merged.at(-1);
      assert.deepEqual([last?.['pilot_lat'], last?.['home_lat']], [42.2, 42.3]);
      assert.equal(
        new Set(merged.map((row) => JSON.stringify([row['pilot_lat'], row['home_lat']]))).size,
        merged.length,
      );
      const { source, counts } = await status();
      assert.deepEqual([source.state, source.push?.connected, source['invalid'], counts.refused], ['ok', true, 0, 0]);
      assert.equal(await kit.end('SIGTERM'), 0, kit.log());
      await eventually('paho noticed', () => pusher.out.includes('disconnected'));
    });
  }

  test('is polled when it stops pushing, which is said once, and not when it pushes again', async (t) => {
    const port = await freePort();
    const { heard, listener, kit, status } = await setUp(t, { dragonsync: [`listen = 127.0.0.1:${port}`] });
    const pusher = new Pusher(t, port);
    await pusher.connected();
    pusher.storm(drone('drone-1'));
    await eventually('pushing', () => kit.log().includes('DragonSync pushes over MQTT'));
    let shown = 0;
    const showing = setInterval(() => {
      shown = heard.hear('drone-1');
    }, 500);
    t.after(() => clearInterval(showing));
    await eventually('polling', async () => (await status()).source.state === 'polling', 30_000);
    await eventually('what is polled', () => sent(listener, 'drone-1').some((m) => Number(m['index']) >= shown - 4));
    pusher.storm(drone('drone-1'));
    await eventually('pushing again', async () => (await status()).source.state === 'ok');
    const words = kit.log().match(/DragonSync pushes (over MQTT|nothing)/g);
    assert.deepEqual(words, [
      'DragonSync pushes over MQTT',
      'DragonSync pushes nothing',
      'DragonSync pushes over MQTT',
    ]);
  });
});

describe('a broker on the kit', () => {
  test('serves its readers as before, and dragonsink reads there too, also after it was restarted', async (t) => {
    const local = await startMosquitto({}, t);
    // As the README has it.
    const reader = spawn(findBinary('mosquitto_sub'), ['-p', String(local.port), '-t', 'wardragon/drones']);
    let read = '';
    reader.stdout.on('data', (chunk: Buffer) => {
      read += chunk.toString();
    });
    t.after(() => reader.kill());
    const lines = ['local_mqtt_host = 127.0.0.1', `local_mqtt_port = ${local.port}`];
    const { listener, status } = await setUp(t, { dragonsync: lines });
    const pusher = new Pusher(t, local.port);
    await pusher.connected();
    const first = drone('drone-1');
    pusher.storm(first);
    await eventually('the drone, sent on', () => sent(listener, 'drone-1').length === 1);
    await eventually('the reader', () => read.split('"drone-1"').length === 4);
    assert.equal(JSON.parse(read.split('\n')[0] ?? '')['id'], 'drone-1');
    // Another kit's, on the same broker.
    pusher.storm(drone('drone-of-another', { seen_by: 'wardragon-OTHER' }));
    await local.restart();
    await eventually('the same again, retained or not', async () => {
      pusher.storm(drone('drone-2'));
      await pause(500);
      return sent(listener, 'drone-2').length > 0;
    });
    assert.equal(sent(listener, 'drone-1').length, 1);
    assert.deepEqual(sent(listener, 'drone-of-another'), []);
    assert.equal((await status()).source.push?.connected, true);
  });

  test('may be the one that dragonsink publishes to: it does not hear itself', async (t) => {
    const broker = await startMosquitto({}, t);
    const lines = ['local_mqtt_host = 127.0.0.1', `local_mqtt_port = ${broker.port}`];
    const { listener, status } = await setUp(t, { dragonsync: lines, broker });
    const pusher = new Pusher(t, broker.port);
    await pusher.connected();
    for (let i = 0; i < 3; i += 1) pusher.storm(drone(`drone-${i}`));
    await eventually('three', () => [0, 1, 2].every((i) => sent(listener, `drone-${i}`).length === 1));
    await pause(1_000);
    const accepted = (await status()).counts['accepted_by_kind'] as Record<string, number>;
    assert.equal(accepted['drone'], 3);
  });
});

describe('a flood at the endpoint', () => {
  /** Writes as fast as it is read, up to `perSecond` packets; tells how many were written. */
  function flood(t: TestContext, port: number, perSecond: number, packet: () => Buffer, connect = true): () => number {
    const socket = connectSocket(port, '127.0.0.1');
    socket.on('error', () => {});
    if (connect) socket.write(packetBytes({ cmd: 'connect', clientId: 'x', protocolVersion: 5, clean: true }, 5));
    let packets = 0;
    const startedAt = performance.now();
    const timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond;
      while (packets < due && socket.writable && socket.writableLength < 4e6) {
        const lot = Array.from({ length: Math.min(200, Math.ceil(due - packets)) }, packet);
        socket.write(Buffer.concat(lot));
        packets += lot.length;
      }
    }, 10);
    t.after(() => {
      clearInterval(timer);
      socket.destroy();
    });
    return () => packets;
  }

  const publish = (topic: string, payload: string | Buffer): Buffer => {
    return packetBytes({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false }, 5);
  };

  function residentMib(pid: number | undefined): number {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
  }

  test('costs no real drone its place, is bounded in memory, counted, and said once', async (t) => {
    const port = await freePort();
    const { heard, listener, kit, status } = await setUp(t, { dragonsync: [`listen = 127.0.0.1:${port}`] });
    const pusher = new Pusher(t, port);
    await pusher.connected();
    pusher.push('wardragon/drones', drone('drone-real', { index: 0 }));
    await eventually('the first', () => sent(listener, 'drone-real').length === 1);
    let spoofed = 0;
    const junk = publish('wardragon/drones', 'junk');
    const large = publish('wardragon/drones', Buffer.alloc(1_000_000, 'x'));
    const subscription = { topic: '#', qos: 0 } as const;
    const subscribe = packetBytes({ cmd: 'subscribe', messageId: 1, subscriptions: [subscription] }, 5);
    const written = flood(t, port, 50_000, () => junk);
    flood(t, port, 1_000, () => {
      spoofed += 1;
      return publish('wardragon/drones', JSON.stringify(drone(`drone-spoofed-${spoofed}`)));
    });
    flood(t, port, 20, () => large);
    flood(t, port, 100, () => subscribe);
    flood(t, port, 1, () => Buffer.from('GET / HTTP/1.1\r\n\r\n'), false);
    let peakMib = 0;
    const late: number[] = [];
    const count = 40;
    for (let i = 1; i <= count; i += 1) {
      const startedAt = performance.now();
      pusher.push('wardragon/drones', drone('drone-real', { index: i }));
      await eventually(`the real drone for the ${i}th time`, () => sent(listener, 'drone-real').length === i + 1);
      late.push(performance.now() - startedAt);
      peakMib = Math.max(peakMib, residentMib(kit.child.pid));
      await pause(100);
    }
    // A drone that appears now is as unknown as the made-up ones, whose burst is spent: the API, asked every 2 s, shows it.
    const newcomers: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const startedAt = performance.now();
      const id = `drone-newcomer-${i}`;
      heard.hear(id);
      pusher.push('wardragon/drones', drone(id));
      await eventually(`${id}, who appears in the flood`, () => sent(listener, id).length > 0);
      newcomers.push(performance.now() - startedAt);
      await pause(Math.max(0, 2_000 - (performance.now() - startedAt)));
    }
    const { source, counts } = await status();
    t.diagnostic(
      `${written()} junk messages and ${spoofed} spoofed drones; ${Math.round(peakMib)} MiB at most; ` +
        `a real drone within ${Math.round(Math.max(...late))} ms at most, ` +
        `one that appears within ${Math.round(Math.max(...newcomers))} ms`,
    );
    assert.ok(Math.max(...newcomers) < 8_000, `${newcomers.map(Math.round).join(', ')} ms`);
    assert.deepEqual(
      sent(listener, 'drone-real').map((message) => message['index']),
      Array.from({ length: count + 1 }, (_, i) => i),
    );
    assert.ok(peakMib < 140, `${peakMib} MiB`);
    assert.ok(Number(source['invalid']) > 5_000, `${String(source['invalid'])} invalid`);
    assert.ok(counts.accepted > 2_500, 'spoofed drones are detections too');
    assert.ok(Number(source['crowded']) > 100, `${String(source['crowded'])} crowded`);
    const { subscriptions, closed } = source.push as unknown as {
      subscriptions: number;
      closed: Record<string, number>;
    };
    assert.ok(subscriptions > 50);
    assert.ok(Number(closed['no-mqtt']) >= 1);
    // Each sort of nonsense has one line.
    assert.ok(kit.log().split('\n').length < 25, kit.log());
  });
});
