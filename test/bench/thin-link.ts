// What a thin link carries while a backlog drains and live detections go on: frames, topics, and a mosquitto bridge. The
// cases run at the same time, for none of them needs much of the machine.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { readSqlite } from '../../src/base/sqlite.js';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort } from '../../src/simulate/ports.js';
import { createWorld } from '../../src/simulate/world.js';
import { Link } from '../faults/link.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { historyMessages } from './input.js';
import { bucketsSince, quantile, readHistogram } from './metrics.js';
import { fillSpool, makeKit, Program, startServer } from './program.js';
import { markdown } from './table.js';

interface Case {
  readonly link: string;
  readonly bytesPerS: number;
  readonly way: 'stream' | 'topics' | 'mosquitto bridge';
  readonly drones: number;
  readonly aircraft: number;
  /** More than drains in the time. */
  readonly backlog: number;
}

const BUSY = { drones: 20, aircraft: 100 };
const CASES: readonly Case[] = [
  { link: '128 kbit/s', bytesPerS: 16_000, way: 'stream', drones: 5, aircraft: 20, backlog: 200_000 },
  { link: '1 Mbit/s', bytesPerS: 125_000, way: 'stream', ...BUSY, backlog: 900_000 },
  { link: '1 Mbit/s', bytesPerS: 125_000, way: 'topics', ...BUSY, backlog: 60_000 },
  { link: '1 Mbit/s', bytesPerS: 125_000, way: 'mosquitto bridge', ...BUSY, backlog: 60_000 },
];
const SETTLING_MS = 15_000;
const MEASURED_MS = 300_000;
/** Of each aircraft one message (the kit's aircraft_interval_s), of each drone one a second. */
const AIRCRAFT_EVERY_S = 5;
const HOURS = 12;

interface Measured {
  readonly messages: number;
  readonly live: number;
  readonly bytes: number;
  /** From the observation to the row; of the bridge, to the subscriber. */
  readonly p99S: number;
}

export async function measureThinLink(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  try {
    const rows = CASES.map(async (one, i) => {
      const own = join(folder, String(i));
      mkdirSync(own);
      return rowOf(one, await (one.way === 'mosquitto bridge' ? ofBridge(one) : ofKit(own, one)));
    });
    return markdown(await Promise.all(rows));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function ofKit(folder: string, { bytesPerS, way, drones, aircraft, backlog }: Case): Promise<Measured> {
  fillSpool(folder, backlog);
  const world = createWorld({ drones, aircraft, signals: 0, nowS: () => Date.now() / 1_000 });
  const api = new SimulatedDragonSync({ world });
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const link = await new Link(broker.port, 'mqtt').start();
  link.set({ name: 'throttle', bytesPerS });
  const wire = way === 'stream' ? ['mqtt_wire = stream'] : ['mqtt_replay = topics'];
  const configFile = makeKit(folder, await api.start(), link.port, wire);
  const database = join(folder, 'server.db');
  const httpPort = await freePort();
  const server = await startServer(`sqlite:${database}`, broker.port, httpPort);
  const kit = new Program(['kit', '--config', configFile]);
  await delay(SETTLING_MS);
  const take = async () => ({
    bytes: link.bytes.up + link.bytes.down,
    messages: count(database, 'SELECT count(*) FROM ingest_keys'),
    ages: await readHistogram(httpPort, 'dragonsink_observation_age_seconds'),
  });
  const startedAt = new Date().toISOString();
  const before = await take();
  await delay(MEASURED_MS);
  const after = await take();
  const live = count(database, `SELECT count(*) FROM drones WHERE time >= '${startedAt}'`);
  await kit.end();
  await server.end();
  await link.stop();
  await broker.stop();
  await api.stop();
  return {
    messages: after.messages - before.messages,
    live,
    bytes: after.bytes - before.bytes,
    p99S: quantile(bucketsSince(before.ages, after.ages), 0.99),
  };
}

/** Its queue is one: what is heard now stands behind what was heard before. */
async function ofBridge({ bytesPerS, drones, aircraft, backlog }: Case): Promise<Measured> {
  const far = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const link = await new Link(far.port, 'mqtt').start();
  link.set({ name: 'cut' });
  const near = await startMosquitto({
    config: [
      ...['max_queued_messages 0', 'max_inflight_messages 100', 'connection bench', `address 127.0.0.1:${link.port}`],
      ...['topic wardragon/# out 1', 'cleansession false', 'restart_timeout 1', 'bridge_protocol_version mqttv50'],
      ...['try_private false', 'notifications false'],
    ],
  });
  const publisher = await connectAsync(near.url, { protocolVersion: 5 }, false);
  for (const { topic, payload } of historyMessages(backlog, 1))
    await publisher.publishAsync(topic, payload, { qos: 1 });
  const subscriber = await connectAsync(far.url, { protocolVersion: 5 }, false);
  let messages = 0;
  let startedMs = Number.POSITIVE_INFINITY;
  const agesS: number[] = [];
  subscriber.on('message', (_, payload) => {
    messages += 1;
    const observedS = Number((JSON.parse(payload.toString()) as { observed_at: number }).observed_at);
    if (observedS * 1_000 >= startedMs) agesS.push(Date.now() / 1_000 - observedS);
  });
  await subscriber.subscribeAsync('wardragon/#', { qos: 1 });
  link.set({ name: 'throttle', bytesPerS });
  const perSecond = drones + aircraft / AIRCRAFT_EVERY_S;
  const heard = setInterval(() => {
    for (const { topic, payload } of historyMessages(perSecond, 1)) publisher.publish(topic, payload, { qos: 1 });
  }, 1_000);
  await delay(SETTLING_MS);
  startedMs = Date.now();
  const before = { messages, bytes: link.bytes.up + link.bytes.down };
  await delay(MEASURED_MS);
  clearInterval(heard);
  const result = {
    messages: messages - before.messages,
    live: agesS.length,
    bytes: link.bytes.up + link.bytes.down - before.bytes,
    p99S: agesS.sort((a, b) => a - b)[Math.floor(agesS.length * 0.99)] ?? Number.POSITIVE_INFINITY,
  };
  publisher.end(true);
  subscriber.end(true);
  await near.stop();
  await link.stop();
  await far.stop();
  return result;
}

function rowOf({ link, bytesPerS, way, drones, aircraft }: Case, measured: Measured): Record<string, string> {
  const seconds = MEASURED_MS / 1_000;
  const { messages, live, bytes, p99S } = measured;
  const bytesEach = bytes / messages;
  const heardPerS = drones + aircraft / AIRCRAFT_EVERY_S;
  const spare = bytesPerS / bytesEach - heardPerS;
  const hours = (heardPerS * HOURS * 3_600) / spare / 3_600;
  return {
    link,
    way,
    heard: `${drones} drones, ${aircraft} aircraft`,
    'messages/s': (messages / seconds).toFixed(0),
    'of them live': (live / seconds).toFixed(1),
    'bytes a message': bytesEach.toFixed(0),
    'live p99': live === 0 ? `none came in ${seconds} s` : `${p99S} s`,
    [`${HOURS} h of it would take (computed)`]: spare > 0 ? `${hours.toFixed(1)} h` : 'live alone exceeds the link',
  };
}

function count(database: string, sql: string): number {
  const db = readSqlite(database);
  try {
    return db.prepare(sql).pluck().get() as number;
  } finally {
    db.close();
  }
}
