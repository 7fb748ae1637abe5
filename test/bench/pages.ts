// What open pages cost the server: 200 of them, each told of 100 messages a second, beside the same messages with no page.
// Each run has a server of its own: one that has been looked at goes on for a minute as if it still were.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { freePort } from '../../src/simulate/ports.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { droneRows } from './input.js';
import { type Program, startServer } from './program.js';
import { type Bench, median, type Sample, significant } from './row.js';

const PAGES = 200;
/** Of which so many read what they are told; the others only take it. */
const READERS = 10;
const EVERY_MS = 10;
const RUN_MS = 20_000;
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
  const broker = await startMosquitto();
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const client = await connectAsync(broker.url, { protocolVersion: 5 });
  const bodies = droneRows(100).map(({ body }) => JSON.parse(body.toString()) as object);
  const p99sMs: number[] = [];
  let databases = 0;
  let missed = 0;
  return {
    name: `server: ${PAGES} pages, ${1_000 / EVERY_MS} messages a second`,
    unit: '% of a core',
    yardstick: 'allowed',
    target: `at most ${MOST_PERCENT} % of a core, p99 from commit to page below ${MOST_P99_MS} ms`,
    runs: 3,
    // The first run only warms up.
    reaches: ({ ours }) => ours <= MOST_PERCENT && median(p99sMs.slice(1)) < MOST_P99_MS && missed === 0,
    run: async (): Promise<Sample> => {
      databases += 1;
      const port = await freePort();
      const server = await startServer(`sqlite:${join(folder, `${databases}.db`)}`, broker.port, port);
      try {
        const alone = await shareOfCore(server, client, bodies);
        const pages = await Pages.open(port);
        const watched = await shareOfCore(server, client, bodies);
        await delay(ARRIVING_MS);
        const { p99Ms, pushedMs, told } = pages.close();
        p99sMs.push(pushedMs + TOGETHER_MS);
        missed += READERS * MESSAGES - told;
        const note = `${significant(alone)} % without pages, ${significant(watched)} % with; p99 ${significant(p99Ms)} ms from kit to page, the last ${significant(pushedMs)} ms of it from the event on; ${told} of ${READERS * MESSAGES} heard`;
        return { ours: watched - alone, yardstick: MOST_PERCENT, note };
      } finally {
        await server.end();
      }
    },
    end: async () => {
      await client.endAsync();
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
