// From a detection that DragonSync pushes to its row in PostgreSQL, as another client of the database sees it: 200 a second,
// into the kit's own endpoint, over topics; alone, and while a backlog drains.
import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { Client } from 'pg';
import type { Cleanup } from '../faults/cleanup.js';
import { recordedMessages } from '../fixtures/recordings.js';
import { type Counter, openCounter, reached } from './counter.js';
import { openPostgres } from './ingest.js';
import { fillSpool } from './program.js';
import { type Bench, type Medians, type Run, significant } from './row.js';
import { Site, withCleanup } from './site.js';
import { cpuFromNow } from './waiting.js';

const PER_SECOND = 200;
const MEASURED_S = 20;
const WARM_UP_S = 3;
const BACKLOG = 100_000;
/** How often the database is asked: so much later than it is there a row may be seen. */
const LOOK_MS = 2;

export function measureLatency(cleanup: Cleanup): Promise<Bench> {
  return measureWith(cleanup, 0);
}

export function measureLatencyInBacklog(cleanup: Cleanup): Promise<Bench> {
  return measureWith(cleanup, BACKLOG);
}

async function measureWith(cleanup: Cleanup, backlog: number): Promise<Bench> {
  const postgres = await openPostgres(cleanup);
  const what = `end to end, live, ${PER_SECOND} msg/s, local MQTT source, topics: detection -> row${backlog > 0 ? `, while ${backlog} drain` : ''}`;
  const reason =
    backlog > 0
      ? 'a live message waits in the kit for a frame to be made, in the server for the commit under way, and shares the next'
      : 'two cores for the kit, the broker, the server, PostgreSQL and whoever measures';
  const below = (most: number) => ({
    unit: 'ms',
    target: `below ${most} ms`,
    reaches: ({ value }: Medians) => value < most,
    reason,
  });
  return {
    rows: [
      { name: `${what} (p50)`, ...below(30) },
      { name: `${what} (p99)`, ...below(150) },
    ],
    run: () => withCleanup((own) => latencies(own, postgres.createDatabase(), backlog)),
  };
}

async function latencies(cleanup: Cleanup, databaseUrl: string, backlog: number): Promise<Run> {
  const site = await Site.open(cleanup, { databaseUrl });
  if (backlog > 0) fillSpool(site.kitFolder, backlog);
  const counter = await openCounter(cleanup, databaseUrl);
  // What DragonSync's own side of the connection holds back (40 ms, with a paho that leaves Nagle on) is not ours.
  const dragonSync = await site.startPushedKit();
  const watch = await RowWatch.open(databaseUrl);
  cleanup.add(() => watch.close());
  // The backlog drains from when the kit has found its server.
  await reached(counter, Math.max(1, backlog / 20));
  const cpuS = cpuFromNow();
  const sentAt = await push(dragonSync, watch, backlog > 0 ? () => drained(counter, backlog) : async () => false);
  const generatorCpuS = cpuS();
  const ms = [...watch.seenAt].map(([id, at]) => at - (sentAt.get(id) ?? Number.NaN)).filter(Number.isFinite);
  if (ms.length < sentAt.size) throw new Error(`${sentAt.size - ms.length} of ${sentAt.size} never came`);
  ms.sort((a, b) => a - b);
  const quantile = (share: number): number => ms[Math.floor(ms.length * share)] ?? Number.NaN;
  const samples = [0.5, 0.99].map((share) => ({ ours: quantile(share), yardstick: null }));
  const note = `${ms.length} messages, the last after ${significant(ms.at(-1) ?? Number.NaN)} ms`;
  return { samples, generatorCpuS, note };
}

async function drained(counter: Counter, backlog: number): Promise<boolean> {
  return (await counter.stored()) >= backlog;
}

/** Of what was sent after the beginning and before `isOver`, when; resolves when all of it has been seen. */
async function push(client: MqttClient, watch: RowWatch, isOver: () => Promise<boolean>): Promise<Map<string, number>> {
  const [recorded] = recordedMessages('main').filter(({ topic }) => topic === 'wardragon/drones');
  const message = JSON.parse(recorded?.payload ?? '{}') as Record<string, unknown>;
  const all: string[] = [];
  const sentAt = new Map<string, number>();
  const startedAt = performance.now();
  let over = false;
  const look = async (): Promise<void> => {
    if (await isOver()) over = true;
  };
  const looking = setInterval(() => void look(), 250);
  while (!over && performance.now() - startedAt < (WARM_UP_S + MEASURED_S) * 1_000) {
    const due = ((performance.now() - startedAt) / 1_000) * PER_SECOND;
    for (; all.length < due; ) {
      const id = `live-${String(all.length).padStart(6, '0')}`;
      const time = Date.now() / 1_000 + all.length / 1e6;
      all.push(id);
      if (all.length > WARM_UP_S * PER_SECOND) sentAt.set(id, performance.now());
      client.publish('wardragon/drones', JSON.stringify({ ...message, id, observed_at: time, last_update_time: time }));
    }
    await delay(1);
  }
  clearInterval(looking);
  await watch.until(all.length);
  return sentAt;
}

/** Asks the database for rows of live detections, again and again, on a connection of its own. */
class RowWatch {
  readonly seenAt = new Map<string, number>();
  private next = 0;
  private isOpen = true;
  private readonly running: Promise<void>;

  private constructor(private readonly client: Client) {
    this.running = this.run();
  }

  static async open(databaseUrl: string): Promise<RowWatch> {
    const client = new Client(databaseUrl);
    await client.connect();
    return new RowWatch(client);
  }

  async until(count: number): Promise<void> {
    const deadline = performance.now() + 120_000; // a machine that is too slow misses the target, and is no error
    while (this.seenAt.size < count && performance.now() < deadline) await delay(LOOK_MS);
  }

  async close(): Promise<void> {
    this.isOpen = false;
    await this.running;
    await this.client.end();
  }

  private async run(): Promise<void> {
    const sql = "SELECT drone_id FROM drones WHERE drone_id >= $1 AND drone_id < 'live~'";
    while (this.isOpen) {
      const { rows } = await this.client.query<{ drone_id: string }>({
        name: 'live',
        text: sql,
        values: [`live-${String(this.next).padStart(6, '0')}`],
      });
      const now = performance.now();
      for (const { drone_id } of rows) if (!this.seenAt.has(drone_id)) this.seenAt.set(drone_id, now);
      while (this.seenAt.has(`live-${String(this.next).padStart(6, '0')}`)) this.next += 1;
      await delay(LOOK_MS);
    }
  }
}
