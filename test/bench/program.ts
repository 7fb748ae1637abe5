// The built program under measurement, as processes of its own, and what they take of the machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { EVICTION_ORDER } from '../../src/kit/classes.js';
import { openSpool } from '../../src/spool/open-spool.js';
import type { NewRow } from '../../src/spool/spool.js';
import type { Cleanup } from '../faults/cleanup.js';
import { MAIN } from '../fixtures/processes.js';
import { historyRows } from './input.js';
import { median } from './row.js';
import { within } from './waiting.js';

/** Linux' USER_HZ. */
const TICKS_PER_S = 100;
const START_S = 60;

export class Program {
  private readonly child: ChildProcess;

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [MAIN, ...argv], { env: { ...process.env, ...env }, stdio: 'ignore' });
  }

  /** Also when it has ended by itself. */
  async end(): Promise<void> {
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill();
    await ended;
  }

  /** Resident, now, in MB (10^6 bytes, as the design counts). */
  get memoryMb(): number {
    return this.statusMb('VmRSS');
  }

  /** The most that was ever resident, in MB. */
  get peakMb(): number {
    return this.statusMb('VmHWM');
  }

  /** Since it was started: processor time, what it gave to the disk, and how often its main thread went to sleep. */
  usage(): { cpuS: number; writtenBytes: number; wakeups: number } {
    const ticks = this.proc('stat').split(') ')[1]?.split(' ') ?? [];
    return {
      cpuS: (Number(ticks[11]) + Number(ticks[12])) / TICKS_PER_S,
      writtenBytes: Number(/^write_bytes: (\d+)$/m.exec(this.proc('io'))?.[1]),
      wakeups: Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(this.proc('status'))?.[1]),
    };
  }

  /** What /proc calls kB are 1,024 bytes. */
  private statusMb(field: string): number {
    return (Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(this.proc('status'))?.[1]) * 1_024) / 1e6;
  }

  private proc(file: string): string {
    return readFileSync(`/proc/${this.child.pid}/${file}`, 'utf8');
  }
}

/** Resolves when it has subscribed, for it says hello after that. */
export async function startServer(
  cleanup: Cleanup,
  databaseUrl: string,
  brokerPort: number,
  httpPort = 0,
): Promise<Program> {
  const env = {
    DATABASE_URL: databaseUrl,
    MQTT_BROKER_PORT: String(brokerPort),
    SERVER_ID: 'bench',
    HTTP_PORT: String(httpPort),
  };
  const client = await connectAsync(`mqtt://127.0.0.1:${brokerPort}`, { protocolVersion: 5 });
  const hello = new Promise<void>((resolve) => {
    client.on('message', (_, payload, { retain }) => {
      if (!retain && payload.toString().includes('"online":true')) resolve();
    });
  });
  try {
    await client.subscribeAsync('wardragon/ingest/+/hello', { qos: 1 });
    const server = new Program(['server'], env);
    cleanup.add(() => server.end());
    await within('the server says hello', START_S, hello);
    return server;
  } finally {
    client.end(true);
  }
}

export interface KitFile {
  readonly statusPort?: number;
  readonly pollS?: number;
  /** Found by itself, unless it is said. */
  readonly kitId?: string;
  /** Further lines of `[DRAGONSYNC]`. */
  readonly dragonsync?: readonly string[];
}

/** The configuration of a kit in that folder; `settings` are further lines of `[MQTT]`. */
export function makeKit(
  folder: string,
  apiUrl: string,
  brokerPort: number,
  settings: readonly string[] = [],
  { statusPort = 0, pollS = 2, kitId, dragonsync = [] }: KitFile = {},
): string {
  const configFile = join(folder, 'config.ini');
  const lines = [
    '[MQTT]',
    'mqtt_host = 127.0.0.1',
    `mqtt_port = ${brokerPort}`,
    ...settings,
    '[DRAGONSYNC]',
    `api_url = ${apiUrl}`,
    `api_poll_s = ${pollS}`,
    ...dragonsync,
    '[SPOOL]',
    `path = ${join(folder, 'spool.db')}`,
    'max_mb = 8192',
    'min_free_mb = 0',
    '[KIT]',
    `status_port = ${statusPort}`,
    ...(kitId === undefined ? [] : [`kit_id = ${kitId}`]),
  ];
  writeFileSync(configFile, `${lines.join('\n')}\n`);
  return configFile;
}

/** A busy poll. */
const ROWS_PER_ACCEPT = 50;
/** Commits at the end of which the time is taken. */
const TIMED = 200;

/** What `count` observations leave in the spool of a kit that had no network; the median time of the last commits, in ms. */
export function fillSpool(folder: string, count: number): number {
  const limits = { maxBytes: 8 * 2 ** 30, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } as const;
  const spool = openSpool({ path: join(folder, 'spool.db'), classes: EVICTION_ORDER, limits, onDamaged: () => {} });
  const times: number[] = [];
  let rows: NewRow[] = [];
  for (const row of historyRows(count)) {
    rows.push(row);
    if (rows.length < ROWS_PER_ACCEPT) continue;
    const startedMs = performance.now();
    spool.accept(rows);
    times.push(performance.now() - startedMs);
    rows = [];
  }
  if (rows.length > 0) spool.accept(rows);
  spool.close();
  return median(times.slice(-TIMED));
}
