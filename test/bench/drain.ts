// How fast a kit drains its backlog in frames, to a server that acknowledges at once, against a mosquitto bridge draining
// the same messages, each at QoS 1 and none lost, at the best of three windows.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import type { Ack } from '../../src/schema/ack.js';
import { seal } from '../../src/schema/envelope.js';
import type { Hello } from '../../src/schema/hello.js';
import { STREAM_WIRE } from '../../src/schema/stream-frame.js';
import { ackTopic, helloTopic, streamTopic } from '../../src/schema/topics.js';
import { freePort } from '../../src/simulate/ports.js';
import { openSpool } from '../../src/spool/open-spool.js';
import type { SpoolRow } from '../../src/spool/spool.js';
import type { Cleanup } from '../faults/cleanup.js';
import { connectFast, HOLDING, publishAll, startBridge, startBroker } from './broker.js';
import { droneRows } from './input.js';
import { makeKit, Program } from './program.js';
import { atLeast, type Bench } from './row.js';
import { temporaryFolder, withCleanup } from './site.js';
import { cpuFromNow, within } from './waiting.js';

const MESSAGES = 200_000;
const PER_TRANSACTION = 1_000;
const KIT = 'wardragon-BENCH';
const TOPIC = 'wardragon/drones';
/** 0 is as many as MQTT allows. */
const BRIDGE_WINDOWS = [20, 100, 1_000, 0];
const DEADLINE_S = 300;
/** Of a frame's header (src/schema/stream-frame.ts). */
const COUNT_AT = 5;

export async function measureDrain(cleanup: Cleanup): Promise<Bench> {
  const full = join(temporaryFolder(cleanup), 'full.db');
  const rows = fill(full);
  let window: number | null = null;
  return {
    rows: [
      {
        name: 'kit: drain 200,000 messages as frames, to a server that acknowledges at once',
        unit: 'messages/s',
        ...atLeast(1, 'a mosquitto bridge draining the same messages, its best in-flight setting'),
        reason:
          'half is parsing, spelling and compressing rows, a fifth garbage collection, the rest reading and deleting them',
      },
    ],
    run: async () => {
      const { rate, generatorCpuS } = await withCleanup((own) => kitRate(own, full, rows[0]?.epoch ?? ''));
      // Which window is best is found out in the run that warms up.
      window ??= await bestWindow(rows);
      const yardstick = await bridgeRate(rows, window);
      return { samples: [{ ours: rate, yardstick }], generatorCpuS, note: `bridge window ${window}` };
    },
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

async function kitRate(
  cleanup: Cleanup,
  full: string,
  epoch: string,
): Promise<{ rate: number; generatorCpuS: number }> {
  const folder = join(temporaryFolder(cleanup), 'kit');
  mkdirSync(folder);
  copyFileSync(full, join(folder, 'spool.db'));
  const broker = await startBroker(cleanup);
  const server = await connectFast(cleanup, broker.url);
  const received = counted(server, (topic, payload) => {
    if (topic !== streamTopic(KIT)) return 0;
    return payload.readUInt16BE(COUNT_AT);
  });
  // The kit sends a backlog in its order: what has come are the first so many.
  server.on('message', () => acknowledge(server, epoch, received.count()));
  await server.subscribeAsync(streamTopic(KIT), { qos: 1 });
  await server.publishAsync(helloTopic('bench'), JSON.stringify(HELLO), { qos: 1, retain: true });
  const cpuS = cpuFromNow();
  // There is nothing new to hear.
  const kit = new Program(['kit', '--config', makeKit(folder, 'http://127.0.0.1:9', broker.port, [], { kitId: KIT })]);
  cleanup.add(() => kit.end());
  const rate = await within('the kit has sent all', DEADLINE_S, received.rate);
  return { rate, generatorCpuS: cpuS() };
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

async function bestWindow(rows: readonly SpoolRow[]): Promise<number> {
  let best = { window: 0, rate: 0 };
  for (const window of BRIDGE_WINDOWS) {
    const rate = await bridgeRate(rows, window);
    if (rate > best.rate) best = { window, rate };
  }
  return best.window;
}

/** Filled while the other side is away, then let go. */
function bridgeRate(rows: readonly SpoolRow[], window: number): Promise<number> {
  return withCleanup(async (cleanup) => {
    const farPort = await freePort();
    const near = await startBridge(cleanup, { farPort, topic: TOPIC, window });
    await publishAll(await connectFast(cleanup, near.url), messagesOf(rows));
    const far = await startBroker(cleanup, { port: farPort, lines: HOLDING });
    const client = await connectFast(cleanup, far.url);
    const received = counted(client, (topic) => (topic === TOPIC ? 1 : 0));
    await client.subscribeAsync(TOPIC, { qos: 1 });
    return within('the bridge has sent all', DEADLINE_S, received.rate);
  });
}

function* messagesOf(rows: readonly SpoolRow[]): Generator<{ topic: string; payload: string }> {
  for (const { body, epoch, seq } of rows) {
    yield { topic: TOPIC, payload: seal(body, KIT, { v: 1, epoch, seq, replay: true }) };
  }
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
