// How fast a kit drains its backlog in frames, to a server that acknowledges at once, against a mosquitto bridge draining
// the same messages, each at QoS 1 and none lost, at the best of three windows.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Ack } from '../../src/schema/ack.js';
import { seal } from '../../src/schema/envelope.js';
import type { Hello } from '../../src/schema/hello.js';
import { STREAM_WIRE } from '../../src/schema/stream-frame.js';
import { ackTopic, helloTopic, streamTopic } from '../../src/schema/topics.js';
import { freePort } from '../../src/simulate/ports.js';
import { openSpool } from '../../src/spool/open-spool.js';
import type { SpoolRow } from '../../src/spool/spool.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { MAIN } from '../fixtures/processes.js';
import { droneRows } from './input.js';
import { atLeast, type Bench } from './row.js';

const MESSAGES = 200_000;
const PER_TRANSACTION = 1_000;
const KIT = 'wardragon-BENCH';
const TOPIC = 'wardragon/drones';
const BRIDGE_WINDOWS = [20, 100, 1_000];
/** Of a frame's header (src/schema/stream-frame.ts). */
const COUNT_AT = 5;

export async function measureDrain(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const full = join(folder, 'full.db');
  const rows = fill(full);
  let run = 0;
  let window: number | null = null;
  return {
    name: 'kit: drain 200,000 messages as frames, acknowledged at once',
    unit: 'messages/s',
    yardstick: 'a mosquitto bridge, its best window',
    ...atLeast(1),
    reason:
      'half is parsing, spelling and compressing rows, a fifth garbage collection, the rest reading and deleting them',
    run: async () => {
      run += 1;
      const path = join(folder, `spool-${run}.db`);
      copyFileSync(full, path);
      const ours = await kitRate(folder, path, rows[0]?.epoch ?? '');
      rmSync(path);
      // Which window is best is found out in the run that warms up.
      window ??= await bestWindow(rows);
      return { ours, yardstick: await bridgeRate(rows, window) };
    },
    end: async () => rmSync(folder, { recursive: true }),
  };
}

function fill(path: string): SpoolRow[] {
  const limits = { maxBytes: 2 ** 31, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } as const;
  const spool = openSpool({ path, classes: [0, 1, 2, 3], limits, onDamaged: () => {} });
  const rows = droneRows(MESSAGES);
  const accepted: SpoolRow[] = [];
  for (let i = 0; i < MESSAGES; i += PER_TRANSACTION)
    accepted.push(...spool.accept(rows.slice(i, i + PER_TRANSACTION)));
  spool.close();
  return accepted;
}

async function kitRate(folder: string, spoolPath: string, epoch: string): Promise<number> {
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const server = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  const received = counted(server, (topic, payload) => {
    if (topic !== streamTopic(KIT)) return 0;
    return payload.readUInt16BE(COUNT_AT);
  });
  // The kit sends a backlog in its order: what has come are the first so many.
  server.on('message', () => acknowledge(server, epoch, received.count()));
  await server.subscribeAsync(streamTopic(KIT), { qos: 1 });
  await server.publishAsync(helloTopic('bench'), JSON.stringify(HELLO), { qos: 1, retain: true });
  const kit = startKit(folder, spoolPath, broker);
  const rate = await received.rate;
  kit.kill();
  await once(kit, 'exit');
  await server.endAsync();
  await broker.stop();
  return rate;
}

const HELLO: Hello = {
  v: 1,
  server_id: 'bench',
  store_id: 'bench',
  boot_id: 'bench',
  session: 1,
  wire: ['topics', STREAM_WIRE],
  credit: 1_500,
  store: 'ok',
  online: true,
};

function acknowledge(server: MqttClient, epoch: string, upto: number): void {
  const ack: Ack = { v: 1, store_id: 'bench', acks: [{ epoch, kind: 'drone', upto }], time: '' };
  server.publish(ackTopic(KIT), JSON.stringify(ack), { qos: 1 });
}

function startKit(folder: string, spoolPath: string, broker: Broker): ChildProcess {
  const config = join(folder, 'config.ini');
  const lines = [
    ...['[MQTT]', 'mqtt_host = 127.0.0.1', `mqtt_port = ${broker.port}`],
    // There is nothing new to hear.
    ...['[DRAGONSYNC]', 'api_url = http://127.0.0.1:9'],
    ...['[SPOOL]', `path = ${spoolPath}`, '[KIT]', `kit_id = ${KIT}`, 'status_port = 0'],
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return spawn(process.execPath, [MAIN, 'kit', '--config', config], { stdio: 'ignore' });
}

async function bestWindow(rows: readonly SpoolRow[]): Promise<number> {
  let best = { window: 0, rate: 0 };
  for (const window of BRIDGE_WINDOWS) {
    const rate = await bridgeRate(rows, window);
    if (rate > best.rate) best = { window, rate };
  }
  return best.window;
}

/** Filled while the other side is away, then let go. */
async function bridgeRate(rows: readonly SpoolRow[], window: number): Promise<number> {
  const port = await freePort();
  const near = await startMosquitto({
    config: [
      ...['max_queued_messages 0', `max_inflight_messages ${window}`, 'connection bench', `address 127.0.0.1:${port}`],
      ...[`topic ${TOPIC} out 1`, 'cleansession false', 'restart_timeout 1', 'bridge_protocol_version mqttv50'],
      ...['try_private false', 'notifications false'],
    ],
  });
  await publishAll(near, rows);
  const far = await startMosquitto({ port, config: ['max_inflight_messages 0', 'max_queued_messages 0'] });
  const client = await connectAsync(far.url, { protocolVersion: 5 }, false);
  const received = counted(client, (topic) => (topic === TOPIC ? 1 : 0));
  await client.subscribeAsync(TOPIC, { qos: 1 });
  const rate = await received.rate;
  await client.endAsync();
  await near.stop();
  await far.stop();
  return rate;
}

async function publishAll(broker: Broker, rows: readonly SpoolRow[]): Promise<void> {
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  for (let i = 0; i < rows.length; i += PER_TRANSACTION) {
    const some = rows.slice(i, i + PER_TRANSACTION);
    const payloads = some.map(({ body, epoch, seq }) => seal(body, KIT, { v: 1, epoch, seq, replay: true }));
    await Promise.all(payloads.map((payload) => client.publishAsync(TOPIC, payload, { qos: 1 })));
  }
  await client.endAsync();
}

/** From the first message to the last, by what each MQTT message counts for. */
function counted(
  client: MqttClient,
  countOf: (topic: string, payload: Buffer) => number,
): { count(): number; rate: Promise<number> } {
  let count = 0;
  let startedAt: number | null = null;
  const rate = new Promise<number>((resolve) => {
    client.on('message', (topic, payload) => {
      startedAt ??= performance.now();
      count += countOf(topic, payload);
      if (count >= MESSAGES) resolve(MESSAGES / ((performance.now() - startedAt) / 1_000));
    });
  });
  return { count: () => count, rate };
}
