// How cost grows with the backlog of a kit, and with the number of kits: no targets, but a table and a plot.
import { constants, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cleanup } from '../faults/cleanup.js';
import { eventually } from '../fixtures/processes.js';
import { openCounter, rateBetween, reached, storedAfter } from './counter.js';
import { bucketsSince, quantile, readHistogram } from './metrics.js';
import { type Panel, plot } from './plot.js';
import { fillSpool, makeKit, type Program } from './program.js';
import { median, significant } from './row.js';
import { keepSample } from './samples.js';
import { Site, temporaryFolder, withCleanup, withSite } from './site.js';
import { countOf } from './sqlite-count.js';
import { markdown } from './table.js';

const BACKLOGS = [1_000, 10_000, 100_000, 1_000_000];
const KITS = [10, 30, 100, 300, 1_000];
/** So that no one thread makes all the fsyncs one after the other; whether it helps depends on the processors. */
const KITS_PER_PROCESS = 250;
const SECONDS = 10;
/** So long the server is away, and its kits gather a backlog. */
const AWAY_S = 10;
/** With the server's start. */
const DRAINED_WITHIN_S = 30;
const ROWS = 'SELECT count(*) FROM drones';
const READY_MS = 180_000;
const BACKLOG_RUNS = 5;
/** A quarter of an hour together. */
const KITS_RUNS = 3;

interface BacklogCost {
  readonly backlog: number;
  /** Of one commit of a busy poll, the median of the last 200, in milliseconds. */
  readonly intakeMs: number;
  /** On the topics, one by one. */
  readonly publishedPerSecond: number;
  /** As frames. */
  readonly drainedPerSecond: number;
  /** Of the kit, at most. */
  readonly kitMb: number;
}

interface KitsCost {
  readonly kits: number;
  readonly storedPerSecond: number;
  /** What they gathered while the server was away. */
  readonly drainedPerSecond: number;
  /** In the server, from a message to its commit. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server, at most. */
  readonly serverMb: number;
  /** Of the simulated kits: how many cores they kept busy. */
  readonly generatorCores: number;
}

export async function measureGrowth(svgFile: string): Promise<string> {
  const backlogs: BacklogCost[] = [];
  for (const backlog of BACKLOGS) {
    backlogs.push(await withCleanup((cleanup) => ofBacklog(cleanup, backlog)));
  }
  const kits: KitsCost[] = [];
  for (const count of KITS)
    kits.push(await medians('growth kits', KITS_RUNS, () => withSite({}, (site) => ofKits(site, count))));
  writeFileSync(svgFile, plot(panelsOf(backlogs, kits)));
  return `${markdown(backlogs.map(backlogRow))}\n${markdown(kits.map(kitsRow))}`;
}

function backlogRow({ backlog, intakeMs, publishedPerSecond, drainedPerSecond, kitMb }: BacklogCost): object {
  return {
    [`backlog (${BACKLOG_RUNS} runs of each)`]: backlog,
    'intake of a poll of 50, ms': intakeMs,
    'published on topics, messages/s': publishedPerSecond,
    'drained as frames, messages/s': drainedPerSecond,
    'kit, MB at most': kitMb,
  };
}

function kitsRow({
  kits,
  storedPerSecond,
  drainedPerSecond,
  p50Ms,
  p99Ms,
  serverMb,
  generatorCores,
}: KitsCost): object {
  return {
    [`kits, one drone a second each (${KITS_RUNS} runs of each)`]: kits,
    'stored, messages/s': storedPerSecond,
    'drained after an outage, messages/s': drainedPerSecond,
    'received to committed, p50, ms': p50Ms,
    'p99, ms': p99Ms,
    'server, MB at most': serverMb,
    'generator CPU, cores': generatorCores,
  };
}

/** Filled once, for that takes longest; each run has a copy. */
async function ofBacklog(cleanup: Cleanup, backlog: number): Promise<BacklogCost> {
  const folder = temporaryFolder(cleanup);
  const intakeMs = fillSpool(folder, backlog);
  const spool = join(folder, 'spool.db');
  return medians('growth backlog', BACKLOG_RUNS, async () => {
    const topics = await drain(spool, backlog, ['mqtt_replay = topics']);
    const frames = await drain(spool, backlog, []);
    return {
      backlog,
      intakeMs,
      publishedPerSecond: topics.perSecond,
      drainedPerSecond: frames.perSecond,
      kitMb: Math.max(topics.kitMb, frames.kitMb),
    };
  });
}

/** The whole backlog, or as much of it as goes in the time there is. */
function drain(spool: string, backlog: number, mqtt: readonly string[]): Promise<{ perSecond: number; kitMb: number }> {
  return withCleanup(async (cleanup) => {
    const site = await Site.open(cleanup);
    copyFileSync(spool, join(site.kitFolder, 'spool.db'), constants.COPYFILE_FICLONE);
    const counter = await openCounter(cleanup, site.databaseUrl);
    const kit = site.startKit({ mqtt });
    const perSecond = rateBetween(await reached(counter, 1), await storedAfter(counter, SECONDS, backlog));
    return { perSecond, kitMb: kit.peakMb };
  });
}

/** Each hears one drone a second. */
async function ofKits(site: Site, kits: number): Promise<KitsCost> {
  const configFile = makeKit(site.kitFolder, 'http://127.0.0.1:1', site.broker.port);
  const simulated: Program[] = [];
  for (let first = 1; first <= kits; first += KITS_PER_PROCESS) {
    const some = Math.min(KITS_PER_PROCESS, kits - first + 1);
    const argv = ['--kits', String(some), '--first', String(first), '--rate', '1', '--config', configFile];
    simulated.push(site.start(['simulate', ...argv]));
  }
  const url = site.databaseUrl;
  const heard = (): boolean => countOf(url, 'SELECT count(DISTINCT kit_id) FROM drones') >= kits;
  await eventually('every kit is heard', heard, READY_MS);
  const take = async () => ({
    rows: countOf(url, ROWS),
    waits: await readHistogram(site.httpPort, 'dragonsink_receive_to_commit_seconds'),
    cpuS: simulated.reduce((sum, program) => sum + program.usage().cpuS, 0),
  });
  const before = await take();
  await delay(SECONDS * 1_000);
  const after = await take();
  const waits = bucketsSince(before.waits, after.waits);
  const serverMb = site.server.peakMb;
  return {
    kits,
    storedPerSecond: (after.rows - before.rows) / SECONDS,
    drainedPerSecond: await drainAfterOutage(site, kits),
    p50Ms: quantile(waits, 0.5) * 1_000,
    p99Ms: quantile(waits, 0.99) * 1_000,
    serverMb,
    generatorCores: (after.cpuS - before.cpuS) / SECONDS,
  };
}

async function drainAfterOutage(site: Site, perSecond: number): Promise<number> {
  await site.server.end();
  const before = countOf(site.databaseUrl, ROWS);
  await delay(AWAY_S * 1_000);
  const [rate] = await Promise.all([watchDrain(site, before, AWAY_S * perSecond), site.startServerAgain()]);
  return rate;
}

/** From the last look that found nothing new until as many are there as were heard meanwhile, or until the time is over. */
async function watchDrain(site: Site, before: number, gathered: number): Promise<number> {
  const endsAtMs = performance.now() + DRAINED_WITHIN_S * 1_000;
  let begunMs = performance.now();
  for (;;) {
    const stored = countOf(site.databaseUrl, ROWS) - before;
    const nowMs = performance.now();
    if (stored >= gathered || nowMs > endsAtMs) return stored / ((nowMs - begunMs) / 1_000);
    if (stored === 0) begunMs = nowMs;
    await delay(20);
  }
}

async function medians<T extends Readonly<Record<keyof T, number>>>(
  what: string,
  count: number,
  run: () => Promise<T>,
): Promise<T> {
  const runs: T[] = [];
  for (let i = 0; i < count; i += 1) {
    const one = await run();
    keepSample(what, one);
    runs.push(one);
  }
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
    byBacklog('drained as frames, messages/s', ({ drainedPerSecond }) => drainedPerSecond),
    byBacklog('published on topics, messages/s', ({ publishedPerSecond }) => publishedPerSecond),
    byBacklog('intake of a poll of 50, ms', ({ intakeMs }) => intakeMs),
    byBacklog('kit, MB at most', ({ kitMb }) => kitMb),
    byKits('stored, messages/s', ({ storedPerSecond }) => storedPerSecond),
    byKits('drained after an outage, messages/s', ({ drainedPerSecond }) => drainedPerSecond),
    byKits('received to committed, p99, ms', ({ p99Ms }) => p99Ms),
    byKits('server, MB at most', ({ serverMb }) => serverMb),
  ];
}
