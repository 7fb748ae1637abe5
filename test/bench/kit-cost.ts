// What a kit costs the machine it runs on, beside DragonSync on a busy site: processor, memory, what it writes to flash.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort } from '../../src/simulate/ports.js';
import { createWorld, type WorldOptions } from '../../src/simulate/world.js';
import { happened, ioShim } from '../faults/io-shim.js';
import { Link } from '../faults/link.js';
import { PUBLISH, packetType, publishOf } from '../faults/mqtt-packets.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually } from '../fixtures/processes.js';
import { makeKit, Program, startServer } from './program.js';
import { significant } from './row.js';
import { markdown } from './table.js';

const BUSY = { drones: 20, aircraft: 100, signals: 3 };
const QUIET = { drones: 0, aircraft: 0, signals: 0 };
/** So many that a poll a second has more than a slow disk need take. */
const CROWD = { drones: 700, aircraft: 0, signals: 0 };
const SETTLING_MS = 10_000;
const BUSY_MS = 600_000;
const QUIET_MS = 60_000;
const SLOW_SYNC_MS = 20;
/** Its pages are no file's: what is counted there is not counted as written. */
const MEMORY_FOLDER = '/dev/shm';

interface Cost {
  readonly what: string;
  readonly here: string;
  readonly target: string;
  readonly reached: string;
}

export async function measureKitCost(): Promise<string> {
  return markdown([...(await busy()), await idle(), await slowDisk()]);
}

async function busy(): Promise<Cost[]> {
  const site = await Site.open(BUSY);
  const report = join(MEMORY_FOLDER, `dragonsink-syncs-${process.pid}`);
  const count = { call: 'sync', file: '*', action: 'COUNT', first: 1, times: 1_000_000_000 } as const;
  const { kit, startedMs } = await site.startKit(ioShim(count, report));
  await delay(SETTLING_MS);
  const before = { ...kit.usage(), payload: site.payloadBytes, messages: site.messages, syncs: happened(report) };
  await delay(BUSY_MS);
  const after = { ...kit.usage(), payload: site.payloadBytes, messages: site.messages, syncs: happened(report) };
  const { peakMib } = kit;
  await kit.end();
  await site.close();
  if (existsSync(report)) rmSync(report);
  const hours = BUSY_MS / 3_600_000;
  const cpuShare = (after.cpuS - before.cpuS) / (BUSY_MS / 1_000);
  const written = after.writtenBytes - before.writtenBytes;
  const payload = after.payload - before.payload;
  const perHour = (n: number): number => significant(n / hours);
  return [
    cost(
      'processor',
      `${significant(cpuShare * 100)} % of a core, ${significant(cpuShare * 3_600)} s an hour`,
      '1.5 %',
      cpuShare <= 0.015,
    ),
    cost('memory', `${significant(peakMib)} MiB at most`, '120 MB', peakMib * 1.048_576 <= 120),
    cost(
      'written',
      `${significant(written / payload)} x the payload of ${significant(payload / (after.messages - before.messages))} bytes a message`,
      '3 x',
      written <= 3 * payload,
    ),
    cost(
      'fsyncs',
      `${perHour(after.syncs - before.syncs)} an hour, for ${perHour(after.messages - before.messages)} messages`,
    ),
    cost('start', `${significant(startedMs)} ms until it is online`),
  ];
}

async function idle(): Promise<Cost> {
  const site = await Site.open(QUIET);
  const { kit } = await site.startKit();
  await delay(SETTLING_MS);
  const before = kit.usage();
  await delay(QUIET_MS);
  const wakeups = (kit.usage().wakeups - before.wakeups) / (QUIET_MS / 1_000);
  await kit.end();
  await site.close();
  return cost('wakeups with nothing to hear', `${significant(wakeups)} a second`);
}

async function slowDisk(): Promise<Cost> {
  const site = await Site.open(CROWD);
  const slow = { call: 'sync', file: '*', action: { slowMs: SLOW_SYNC_MS }, first: 1, times: 1_000_000_000 } as const;
  const { kit } = await site.startKit(ioShim(slow, '/dev/null'), 1);
  await delay(SETTLING_MS);
  const before = await site.accepted();
  await delay(QUIET_MS);
  const perSecond = ((await site.accepted()) - before) / (QUIET_MS / 1_000);
  await kit.end();
  await site.close();
  return cost(
    `intake with ${SLOW_SYNC_MS} ms an fsync`,
    `${significant(perSecond)} messages/s`,
    '500',
    perSecond >= 500,
  );
}

function cost(what: string, here: string, target = '', reached: boolean | null = null): Cost {
  return { what, here, target, reached: reached === null ? '' : reached ? 'yes' : 'no' };
}

/** A kit's surroundings: DragonSync, a link on which its messages are counted, a broker and a server. */
class Site {
  messages = 0;
  payloadBytes = 0;

  private constructor(
    private readonly folder: string,
    private readonly api: SimulatedDragonSync,
    private readonly apiUrl: string,
    private readonly broker: Awaited<ReturnType<typeof startMosquitto>>,
    private readonly server: Program,
    private readonly link: Link,
    private readonly statusPort: number,
  ) {
    link.onPacket = (packet) => this.take(packet);
  }

  static async open(things: Pick<WorldOptions, 'drones' | 'aircraft' | 'signals'>): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
    mkdirSync(join(folder, 'kit'));
    const api = new SimulatedDragonSync({ world: createWorld({ ...things, nowS: () => Date.now() / 1_000 }) });
    const apiUrl = await api.start();
    const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
    const server = await startServer(`sqlite:${join(folder, 'server.db')}`, broker.port);
    const link = await new Link(broker.port, 'mqtt').start();
    return new Site(folder, api, apiUrl, broker, server, link, await freePort());
  }

  /** With the time until it says that it is there. */
  async startKit(env: NodeJS.ProcessEnv = {}, pollS = 2): Promise<{ kit: Program; startedMs: number }> {
    const configFile = makeKit(join(this.folder, 'kit'), this.apiUrl, this.link.port, [], {
      statusPort: this.statusPort,
      pollS,
    });
    const client = await connectAsync(this.broker.url, { protocolVersion: 5 }, false);
    const online = new Promise<void>((resolve) => client.once('message', () => resolve()));
    await client.subscribeAsync('wardragon/service/+/availability', { qos: 1 });
    const begunMs = performance.now();
    const kit = new Program(['kit', '--config', configFile], env);
    await online;
    const startedMs = performance.now() - begunMs;
    await client.endAsync();
    return { kit, startedMs };
  }

  async accepted(): Promise<number> {
    return eventually('the kit answers', async () => {
      const answer = await fetch(`http://127.0.0.1:${this.statusPort}/status`).catch(() => null);
      return answer && ((await answer.json()) as { counts: { accepted: number } }).counts.accepted;
    });
  }

  async close(): Promise<void> {
    await this.server.end();
    await this.link.stop();
    await this.broker.stop();
    await this.api.stop();
    rmSync(this.folder, { recursive: true });
  }

  private take(packet: Buffer): void {
    if (packetType(packet) !== PUBLISH) return;
    const { topic, payload } = publishOf(packet);
    if (!/^wardragon\/(drones|aircraft|signals|system)/.test(topic)) return;
    this.messages += 1;
    this.payloadBytes += payload.length;
  }
}
