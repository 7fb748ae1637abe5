// What open pages cost the server: 200 of them, each told of 100 messages a second, beside the same messages with no page.
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
const MOST_PERCENT = 10;
const MOST_P99_MS = 100;
/** What is committed within that time is told together (server/web/live/live-feed.ts). */
const TOGETHER_MS = 25;

export async function measurePages(): Promise<Bench> {
  const broker = await startMosquitto();
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const port = await freePort();
  const server = await startServer(`sqlite:${join(folder, 'server.db')}`, broker.port, port);
  const client = await connectAsync(broker.url, { protocolVersion: 5 });
  const bodies = droneRows(100).map(({ body }) => JSON.parse(body.toString()) as object);
  const p99sMs: number[] = [];
  return {
    name: `server: ${PAGES} pages, ${1_000 / EVERY_MS} messages a second`,
    unit: '% of a core',
    yardstick: 'allowed',
    target: `at most ${MOST_PERCENT} % of a core, p99 from commit to page below ${MOST_P99_MS} ms`,
    runs: 3,
    reaches: ({ ours }) => ours <= MOST_PERCENT && median(p99sMs) < MOST_P99_MS,
    run: async (): Promise<Sample> => {
      const alone = await shareOfCore(server, client, bodies);
      const pages = await Pages.open(port);
      const watched = await shareOfCore(server, client, bodies);
      const { p99Ms, pushedMs, told } = pages.close();
      p99sMs.push(pushedMs + TOGETHER_MS);
      const note = `${significant(alone)} % without pages, ${significant(watched)} % with; p99 ${significant(p99Ms)} ms from kit to page, the last ${significant(pushedMs)} ms of it from the event on; ${told} heard`;
      return { ours: watched - alone, yardstick: MOST_PERCENT, note };
    },
    end: async () => {
      await client.endAsync();
      await server.end();
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** In percent, while it stores what comes. */
async function shareOfCore(server: Program, client: MqttClient, bodies: readonly object[]): Promise<number> {
  const sending = send(client, bodies, SETTLING_MS + RUN_MS);
  await delay(SETTLING_MS);
  const [before, beganMs] = [server.usage().cpuS, performance.now()];
  await delay(RUN_MS);
  const share = (server.usage().cpuS - before) / ((performance.now() - beganMs) / 1_000);
  await sending;
  return share * 100;
}

/** Each with its time in its id, so that whoever hears of it knows how long that took. */
async function send(client: MqttClient, bodies: readonly object[], forMs: number): Promise<void> {
  const count = forMs / EVERY_MS;
  const beganMs = performance.now();
  for (let i = 0; i < count; i += 1) {
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
    if (reads) socket.on('data', (chunk) => this.read(chunk.toString()));
    return new Promise((resolve, reject) => {
      socket.once('data', () => resolve());
      socket.once('error', reject);
      if (!reads) socket.resume();
    });
  }

  private read(text: string): void {
    const nowMs = performance.now();
    for (const [, sentMs] of text.matchAll(/"id":"bench-([\d.]+)"/g)) this.tookMs.push(nowMs - Number(sentMs));
    for (const [, madeMs] of text.matchAll(/\],"at":(\d+)\}\n\n/g)) this.pushedMs.push(Date.now() - Number(madeMs));
  }
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}
