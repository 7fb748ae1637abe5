// How cost grows with the backlog of a kit, and with the number of kits: no targets, but a table and a plot.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readSqlite } from '../../src/base/sqlite.js';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort } from '../../src/simulate/ports.js';
import { createWorld } from '../../src/simulate/world.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { bucketsSince, quantile, readHistogram } from './metrics.js';
import { type Panel, plot } from './plot.js';
import { fillSpool, makeKit, Program, startServer } from './program.js';
import { median, significant } from './row.js';
import { markdown } from './table.js';

const BACKLOGS = [1_000, 10_000, 100_000, 1_000_000];
const KITS = [10, 30, 100, 300, 1_000];
const SECONDS = 20;
const RUNS = 3;

interface BacklogCost {
  readonly backlog: number;
  /** Of one commit of a busy poll, the median, in milliseconds. */
  readonly intakeMs: number;
  readonly drainPerSecond: number;
  readonly peakMib: number;
}

interface KitsCost {
  readonly kits: number;
  readonly storedPerSecond: number;
  /** From the observation to the commit. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverMib: number;
}

export async function measureGrowth(svgFile: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  try {
    const backlogs = [];
    for (const backlog of BACKLOGS)
      backlogs.push(await medians(() => ofBacklog(join(folder, String(backlog)), backlog)));
    const kits = [];
    for (const count of KITS) kits.push(await medians(() => ofKits(join(folder, `kits-${count}`), count)));
    writeFileSync(svgFile, plot(panelsOf(backlogs, kits)));
    return `${markdown(backlogs)}\n${markdown(kits)}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function ofBacklog(folder: string, backlog: number): Promise<BacklogCost> {
  mkdirSync(folder);
  const intakeMs = fillSpool(folder, backlog);
  const world = { ...createWorld({ nowS: () => Date.now() / 1_000 }), drones: () => [], signals: () => [] };
  const api = new SimulatedDragonSync({ world });
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const configFile = makeKit(folder, await api.start(), broker.port);
  const database = join(folder, 'server.db');
  const server = await startServer(`sqlite:${database}`, broker.port);
  const kit = new Program(['kit', '--config', configFile]);
  const drainPerSecond = await drainRate(database, backlog);
  const { peakMib } = kit;
  await kit.end();
  await server.end();
  await broker.stop();
  await api.stop();
  rmSync(folder, { recursive: true });
  return { backlog, intakeMs, drainPerSecond, peakMib };
}

/** Each hears one drone a second. */
async function ofKits(folder: string, kits: number): Promise<KitsCost> {
  mkdirSync(folder);
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const database = join(folder, 'server.db');
  const httpPort = await freePort();
  const server = await startServer(`sqlite:${database}`, broker.port, httpPort);
  const configFile = makeKit(folder, 'http://127.0.0.1:1', broker.port);
  const simulated = new Program(['simulate', '--kits', String(kits), '--rate', '1', '--config', configFile]);
  while (count(database, 'SELECT count(DISTINCT kit_id) FROM drones') < kits) await delay(200);
  const before = {
    rows: count(database, 'SELECT count(*) FROM drones'),
    waits: await readHistogram(httpPort, 'dragonsink_receive_to_commit_seconds'),
  };
  await delay(SECONDS * 1_000);
  const after = {
    rows: count(database, 'SELECT count(*) FROM drones'),
    waits: await readHistogram(httpPort, 'dragonsink_receive_to_commit_seconds'),
  };
  const waits = bucketsSince(before.waits, after.waits);
  const serverMib = server.peakMib;
  await simulated.end();
  await server.end();
  await broker.stop();
  rmSync(folder, { recursive: true });
  return {
    kits,
    storedPerSecond: (after.rows - before.rows) / SECONDS,
    p50Ms: quantile(waits, 0.5) * 1_000,
    p99Ms: quantile(waits, 0.99) * 1_000,
    serverMib,
  };
}

/** Over the whole backlog, or over as much of it as is sent in the time there is. */
async function drainRate(database: string, backlog: number): Promise<number> {
  const received = (): number => count(database, 'SELECT count(*) FROM ingest_keys');
  while (received() === 0) await delay(10);
  const startedMs = performance.now();
  const before = received();
  let now = before;
  while (now < backlog && performance.now() - startedMs < SECONDS * 1_000) {
    await delay(20);
    now = received();
  }
  return (now - before) / ((performance.now() - startedMs) / 1_000);
}

function count(database: string, sql: string): number {
  const db = readSqlite(database);
  try {
    return db.prepare(sql).pluck().get() as number;
  } finally {
    db.close();
  }
}

async function medians<T extends Readonly<Record<keyof T, number>>>(run: () => Promise<T>): Promise<T> {
  const runs: T[] = [];
  for (let i = 0; i < RUNS; i += 1) runs.push(await run());
  const names = Object.keys(runs[0] ?? {}) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, significant(median(runs.map((one) => one[name])))])) as T;
}

function panelsOf(backlogs: readonly BacklogCost[], kits: readonly KitsCost[]): Panel[] {
  const byBacklog = (title: string, of: (cost: BacklogCost) => number): Panel => ({
    title,
    along: 'messages in the spool',
    points: backlogs.map((cost) => [cost.backlog, of(cost)]),
  });
  const byKits = (title: string, of: (cost: KitsCost) => number): Panel => ({
    title,
    along: 'kits',
    points: kits.map((cost) => [cost.kits, of(cost)]),
  });
  return [
    byBacklog('drained, messages/s', ({ drainPerSecond }) => drainPerSecond),
    byBacklog('one commit of 50, ms', ({ intakeMs }) => intakeMs),
    byBacklog('kit, MiB at most', ({ peakMib }) => peakMib),
    byKits('stored, messages/s', ({ storedPerSecond }) => storedPerSecond),
    byKits('received to committed, ms (p99)', ({ p99Ms }) => p99Ms),
    byKits('server, MiB at most', ({ serverMib }) => serverMib),
  ];
}
