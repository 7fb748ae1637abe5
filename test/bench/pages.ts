// What open pages cost the server: 200 of them, each told of 100 messages a second, beside the same messages with no page.
// Each run has a server of its own: one that has been looked at goes on for a minute as if it still were.
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import type { Cleanup } from '../faults/cleanup.js';
import { connectFast } from './broker.js';
import { droneRows } from './input.js';
import type { Program } from './program.js';
import { type Bench, type Run, significant } from './row.js';
import { Site, withCleanup } from './site.js';
import { cpuFromNow } from './waiting.js';

const PAGES = 200;
/** Of which so many read what they are told; the others only take it. */
const READERS = 10;
const EVERY_MS = 10;
const RUN_MS = 10_000;
const SETTLING_MS = 2_000;
/** While it settles and while it is measured. */
const MESSAGES = (SETTLING_MS + RUN_MS) / EVERY_MS;
const MOST_PERCENT = 10;
const MOST_P99_MS = 100;
/** What was sent last is still on its way. */
const ARRIVING_MS = 1_000;
/** What is committed within that time is told together (server/web/live/live-feed.ts). */
const TOGETHER_MS = 25;

export async function measurePages(): Promise<Bench> {
  const bodies = droneRows(100).map(({ body }) => JSON.parse(body.toString()) as object);
  const what = `server: ${PAGES} pages, ${1_000 / EVERY_MS} messages a second`;
  return {
    rows: [
      {
        name: `${what}: what they cost`,
        unit: '% of a core',
        target: `at most ${MOST_PERCENT} % of a core`,
        reaches: ({ value }) => value <= MOST_PERCENT,
        reason: 'each event is written to each page\u2019s connection',
      },
      {
        name: `${what}: from the commit to a page (p99)`,
        unit: 'ms',
        target: `below ${MOST_P99_MS} ms`,
        reaches: ({ value }) => value < MOST_P99_MS,
        reason: 'two cores, which whoever measures shares',
      },
    ],
    run: () => withCleanup((own) => lookedAt(own, bodies)),
  };
}

async function lookedAt(own: Cleanup, bodies: readonly object[]): Promise<Run> {
  const { broker, httpPort, server } = await Site.open(own);
  const client = await connectFast(own, broker.url);
  const alone = await shareOfCore(server, client, bodies);
  const pages = await Pages.open(httpPort);
  const cpuS = cpuFromNow();
  const watched = await shareOfCore(server, client, bodies);
  await delay(ARRIVING_MS);
  const { p99Ms, pushedMs, told } = pages.close();
  if (told < READERS * MESSAGES) throw new Error(`${told} of ${READERS * MESSAGES} events came`);
  const samples = [
    { ours: watched - alone, yardstick: null },
    { ours: pushedMs + TOGETHER_MS, yardstick: null },
  ];
  const note = `${significant(alone)} % without pages, ${significant(watched)} % with; p99 ${significant(p99Ms)} ms from kit to page`;
  return { samples, generatorCpuS: cpuS(), note };
}

/** In percent, while it stores what comes. */
async function shareOfCore(server: Program, client: MqttClient, bodies: readonly object[]): Promise<number> {
  const sending = send(client, bodies);
  await delay(SETTLING_MS);
  const [before, beganMs] = [server.usage().cpuS, performance.now()];
  await delay(RUN_MS);
  const share = (server.usage().cpuS - before) / ((performance.now() - beganMs) / 1_000);
  await sending;
  return share * 100;
}

/** Each with its time in its id, so that whoever hears of it knows how long that took. */
async function send(client: MqttClient, bodies: readonly object[]): Promise<void> {
  const beganMs = performance.now();
  for (let i = 0; i < MESSAGES; i += 1) {
    const waitMs = beganMs + i * EVERY_MS - performance.now();
    if (waitMs > 0) await delay(waitMs);
    const id = `bench-${performance.now().toFixed(3)}`;
    const message = {
      ...bodies[i % bodies.length],
      id,
      seen_by: `wardragon-${i % 10}`,
      observed_at: Date.now() / 1_000,
    };
    client.publish('wardragon/drones', JSON.stringify(message), { qos: 1 });
  }
}

class Pages {
  private readonly tookMs: number[] = [];
  /** From when the server made the event. */
  private readonly pushedMs: number[] = [];
  private readonly sockets: Socket[] = [];

  static async open(port: number): Promise<Pages> {
    const pages = new Pages();
    for (let i = 0; i < PAGES; i += 1) await pages.add(port, i < READERS);
    return pages;
  }

  close(): { p99Ms: number; pushedMs: number; told: number } {
    for (const socket of this.sockets) socket.destroy();
    return { p99Ms: p99(this.tookMs), pushedMs: p99(this.pushedMs), told: this.tookMs.length };
  }

  private add(port: number, reads: boolean): Promise<void> {
    const socket = connect(port, '127.0.0.1');
    this.sockets.push(socket);
    socket.write(`GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    if (reads) this.listen(socket);
    return new Promise((resolve, reject) => {
      socket.once('data', () => resolve());
      socket.once('error', reject);
      if (!reads) socket.resume();
    });
  }

  /** By whole events, which may come in several pieces. */
  private listen(socket: Socket): void {
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      const events = (rest + chunk).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) this.read(event);
    });
  }

  private read(event: string): void {
    const nowMs = performance.now();
    for (const [, sentMs] of event.matchAll(/"id":"bench-([\d.]+)"/g)) this.tookMs.push(nowMs - Number(sentMs));
    const madeMs = /\],"at":(\d+)\}$/.exec(event)?.[1];
    if (madeMs !== undefined) this.pushedMs.push(Date.now() - Number(madeMs));
  }
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}
