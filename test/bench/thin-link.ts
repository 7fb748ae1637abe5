// What a thin link carries while a backlog drains and live detections go on: frames, topics, and a mosquitto bridge. The
// cases run at the same time, for none of them needs much of the machine.
import { setTimeout as delay } from 'node:timers/promises';
import { createWorld } from '../../src/simulate/world.js';
import type { Cleanup } from '../faults/cleanup.js';
import { Link } from '../faults/link.js';
import { connectFast, publishAll, startBridge, startBroker } from './broker.js';
import { openCounter } from './counter.js';
import { historyMessages } from './input.js';
import { bucketsSince, quantile, readHistogram } from './metrics.js';
import { fillSpool } from './program.js';
import { median, significant } from './row.js';
import { keepSample } from './samples.js';
import { Site, withCleanup } from './site.js';
import { countOf } from './sqlite-count.js';
import { markdown } from './table.js';
import { cpuFromNow } from './waiting.js';

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
  { link: '128 kbit/s', bytesPerS: 16_000, way: 'stream', drones: 5, aircraft: 20, backlog: 250_000 },
  { link: '1 Mbit/s', bytesPerS: 125_000, way: 'stream', ...BUSY, backlog: 1_500_000 },
  { link: '1 Mbit/s', bytesPerS: 125_000, way: 'topics', ...BUSY, backlog: 60_000 },
  { link: '1 Mbit/s', bytesPerS: 125_000, way: 'mosquitto bridge', ...BUSY, backlog: 60_000 },
];
const SETTLING_MS = 15_000;
const PARTS = 5;
const PART_S = 60;
/** What a kit hears at its defaults: each drone at each poll, each aircraft at the first poll after 5 s. */
const DRONE_EVERY_S = 2;
const AIRCRAFT_EVERY_S = 6;
const HOURS = 12;

/** Of one minute. */
interface Minute {
  readonly messages: number;
  readonly bytes: number;
}

interface Measured {
  readonly minutes: readonly Minute[];
  /** How many a second were heard in that time, and sent live or queued. */
  readonly heardPerS: number;
  /** How many of them arrived. */
  readonly live: number;
  /** From the observation to the row; of the bridge, to the subscriber. */
  readonly p99S: number;
}

export async function measureThinLink(): Promise<string> {
  const cpuS = cpuFromNow();
  const rows = await Promise.all(
    CASES.map(async (one) => {
      const measured = await withCleanup((cleanup) =>
        one.way === 'mosquitto bridge' ? ofBridge(cleanup, one) : ofKit(cleanup, one),
      );
      keepSample('thin-link', { ...one, ...measured });
      return rowOf(one, measured);
    }),
  );
  const generator = `one run of ${(PARTS * PART_S) / 60} minutes for each, together; generator and links: ${significant(cpuS())} s of CPU`;
  return `${markdown(rows)}\n${generator}\n`;
}

async function ofKit(cleanup: Cleanup, { bytesPerS, way, drones, aircraft, backlog }: Case): Promise<Measured> {
  const world = createWorld({ drones, aircraft, signals: 0, nowS: () => Date.now() / 1_000 });
  const site = await Site.open(cleanup, { world });
  fillSpool(site.kitFolder, backlog);
  const link = await site.startLink();
  link.set({ name: 'throttle', bytesPerS });
  const counter = await openCounter(cleanup, site.databaseUrl);
  site.startKit({ port: link.port, mqtt: way === 'stream' ? ['mqtt_wire = stream'] : ['mqtt_replay = topics'] });
  await delay(SETTLING_MS);
  const startedAt = new Date().toISOString();
  const ages = () => readHistogram(site.httpPort, 'dragonsink_observation_age_seconds');
  const before = await ages();
  const minutes = await eachMinute(link, () => counter.stored());
  const live = countOf(site.databaseUrl, `SELECT count(*) FROM drones WHERE time >= '${startedAt}'`);
  if ((await counter.stored()) >= backlog) throw new Error(`the backlog of ${backlog} ran dry`);
  return {
    minutes,
    heardPerS: live / (PARTS * PART_S),
    live,
    p99S: quantile(bucketsSince(before, await ages()), 0.99),
  };
}

/** Its queue is one: what is heard now stands behind what was heard before. */
async function ofBridge(cleanup: Cleanup, { bytesPerS, drones, aircraft, backlog }: Case): Promise<Measured> {
  const far = await startBroker(cleanup);
  const link = await new Link(far.port, 'mqtt').start();
  cleanup.add(() => link.stop());
  link.set({ name: 'cut' });
  const near = await startBridge(cleanup, { farPort: link.port, topic: 'wardragon/#', window: 100 });
  const publisher = await connectFast(cleanup, near.url);
  await publishAll(publisher, historyMessages(backlog, 1));
  const subscriber = await connectFast(cleanup, far.url);
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
  const heardPerS = drones / DRONE_EVERY_S + aircraft / AIRCRAFT_EVERY_S;
  const heard = setInterval(() => {
    for (const { topic, payload } of historyMessages(Math.round(heardPerS), 1)) {
      publisher.publish(topic, payload, { qos: 1 });
    }
  }, 1_000);
  cleanup.add(() => clearInterval(heard));
  await delay(SETTLING_MS);
  startedMs = Date.now();
  const minutes = await eachMinute(link, async () => messages);
  if (messages >= backlog) throw new Error(`the backlog of ${backlog} ran dry`);
  agesS.sort((a, b) => a - b);
  return {
    minutes,
    heardPerS,
    live: agesS.length,
    p99S: agesS[Math.floor(agesS.length * 0.99)] ?? Number.POSITIVE_INFINITY,
  };
}

async function eachMinute(link: Link, count: () => Promise<number>): Promise<Minute[]> {
  const take = async (): Promise<Minute> => ({ messages: await count(), bytes: link.bytes.up + link.bytes.down });
  const minutes: Minute[] = [];
  let before = await take();
  for (let i = 0; i < PARTS; i += 1) {
    await delay(PART_S * 1_000);
    const after = await take();
    minutes.push({ messages: after.messages - before.messages, bytes: after.bytes - before.bytes });
    before = after;
  }
  return minutes;
}

function rowOf({ link, bytesPerS, way, drones, aircraft }: Case, measured: Measured): Record<string, string> {
  const { minutes, heardPerS, live, p99S } = measured;
  const seconds = PARTS * PART_S;
  const rates = minutes.map(({ messages }) => Math.round(messages / PART_S));
  const sum = (of: keyof Minute): number => minutes.reduce((all, minute) => all + minute[of], 0);
  // What the link carried of the backlog while all that was heard meanwhile went through it too, or queued behind it.
  const sparePerS = sum('messages') / seconds - heardPerS;
  const hours = (heardPerS * HOURS) / sparePerS;
  return {
    link,
    way,
    heard: `${drones} drones, ${aircraft} aircraft: ${heardPerS.toFixed(1)} messages/s`,
    'messages/s (least to most in a minute)': `${median(rates)} (${Math.min(...rates)} to ${Math.max(...rates)})`,
    'of them live': (live / seconds).toFixed(1),
    'link used': `${((sum('bytes') / (bytesPerS * seconds)) * 100).toFixed(0)} %`,
    'bytes a message': (sum('bytes') / sum('messages')).toFixed(0),
    'live p99': live === 0 ? `none came in ${seconds} s` : `at most ${significant(p99S)} s`,
    [`${HOURS} h of it would take (computed)`]: sparePerS > 0 ? `${hours.toFixed(2)} h` : 'live alone exceeds the link',
  };
}
