// What this machine can inject, found out by trying, and what is installed here.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { findBinary } from '../fixtures/mosquitto.js';
import { Cleanup } from './cleanup.js';
import { faketimeLibrary } from './fake-clock.js';
import type { Fault, Need } from './fault.js';
import { spoolDisk } from './spool-disk.js';

/** Of each need that is not met: why not, and the fix. */
export type Missing = ReadonlyMap<Need, string>;

export async function missingHere(): Promise<Missing> {
  const missing = new Map<Need, string>();
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-machine-'));
  for (const [need, probe, fix] of PROBES) {
    const cleanup = new Cleanup();
    try {
      mkdirSync(join(folder, need));
      await probe(join(folder, need), cleanup);
    } catch (error: unknown) {
      missing.set(need, `${fix} (${(error as Error).message.trim().split('\n').at(-1)})`);
    }
    await cleanup.run();
  }
  rmSync(folder, { recursive: true, force: true });
  return missing;
}

const PROBES: readonly (readonly [Need, (folder: string, cleanup: Cleanup) => Promise<void>, string])[] = [
  [
    'compiler',
    async () => void execFileSync('cc', ['--version'], { stdio: 'ignore' }),
    'apt-get install -y gcc libc6-dev',
  ],
  [
    'faketime',
    async () => {
      if (faketimeLibrary() === null) throw new Error('there is no libfaketime');
    },
    'apt-get install -y faketime',
  ],
  [
    'tmpfs',
    async (folder, cleanup) => {
      await spoolDisk({ tmpfsMb: 1 }, join(folder, 'spool'), cleanup);
    },
    'needs root: it mounts a tmpfs',
  ],
  [
    'loop',
    async (folder, cleanup) => {
      const spool = join(folder, 'spool');
      const disk = await spoolDisk('loop', spool, cleanup);
      await disk.powerOff();
      if (canWrite(join(spool, 'file'))) throw new Error('the file system lives on after the power cut');
      await disk.powerOn();
    },
    'needs root, a loop device, mkfs.ext4 and python3: it cuts the power of an ext4 in a file',
  ],
];

function canWrite(file: string): boolean {
  try {
    writeFileSync(file, 'x');
    return true;
  } catch {
    return false;
  }
}

/** Why a fault can't be injected here; null when it can. */
export function whyNot(fault: Fault, missing: Missing): string | null {
  return fault.needs.map((need) => missing.get(need)).find((reason) => reason !== undefined) ?? null;
}

export async function versions(postgresUrl: string | null): Promise<Record<string, string>> {
  const mosquitto = spawnSync(findBinary('mosquitto'), ['-h'], { encoding: 'utf8' }).stdout;
  const sqlite = new Database(':memory:');
  const found = {
    node: process.versions.node,
    mosquitto: /version (\S+)/.exec(mosquitto)?.[1] ?? 'unknown',
    sqlite: String(sqlite.prepare('SELECT sqlite_version()').pluck().get()),
    postgresql: postgresUrl === null ? 'not used' : await postgresVersion(postgresUrl),
  };
  sqlite.close();
  return found;
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  await client.end();
  return rows[0]?.server_version ?? 'unknown';
}
