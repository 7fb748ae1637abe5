// What the numbers were measured on.
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../src/base/sqlite.js';
import { VERSION } from '../../src/base/version.js';
import { findBinary } from '../fixtures/mosquitto.js';
import { postgresVersion } from '../fixtures/postgres.js';
import { median, significant } from './row.js';

const SYNCS = 50;
const PAGE = Buffer.alloc(4_096, 1);

/** Those whose fsync costs nothing, so that what is durable there is measured for free. */
const IN_MEMORY = ['tmpfs', 'ramfs'];

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly memory_gb: number;
  readonly os: string;
  /** Of the temporary folder, where everything is written. */
  readonly file_system: string;
  /** 4 KiB appended to a file there and fsynced, the median. */
  readonly fsync_ms: number;
  readonly node: string;
  readonly sqlite: string;
  readonly postgresql: string;
  readonly mosquitto: string;
  readonly dragonsink: string;
  /** Null outside a git checkout; `+` when files differ from it. */
  readonly commit: string | null;
}

export function machineFacts(): Machine {
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? '',
    memory_gb: Math.round(totalmem() / 1e9),
    os: `${/^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]}, Linux ${release()}`,
    file_system: fileSystem(),
    fsync_ms: fsyncMs(),
    node: process.version,
    sqlite: sqliteVersion(),
    postgresql: postgresVersion(),
    mosquitto: /version (\S+)/.exec(said(findBinary('mosquitto'), '-h'))?.[1] ?? '',
    dragonsink: VERSION,
    commit: commit(),
  };
}

export function isInMemory(fileSystem: string): boolean {
  return IN_MEMORY.includes(fileSystem);
}

export function fileSystem(): string {
  return said('df', '--output=fstype', tmpdir()).split('\n')[1]?.trim() ?? '';
}

function fsyncMs(): number {
  const path = join(tmpdir(), `dragonsink-fsync-${process.pid}`);
  const file = openSync(path, 'w');
  const took = Array.from({ length: SYNCS }, () => {
    const startedMs = performance.now();
    writeSync(file, PAGE);
    fsyncSync(file);
    return performance.now() - startedMs;
  });
  closeSync(file);
  rmSync(path);
  return significant(median(took));
}

function sqliteVersion(): string {
  const path = join(tmpdir(), `dragonsink-sqlite-${process.pid}.db`);
  const db = openSqlite(path);
  try {
    return db.prepare('SELECT sqlite_version()').pluck().get() as string;
  } finally {
    db.close();
    rmSync(path);
  }
}

function commit(): string | null {
  const id = said('git', 'rev-parse', '--short', 'HEAD').trim();
  if (id === '') return null;
  return said('git', 'status', '--porcelain', '--untracked-files=no') === '' ? id : `${id}+`;
}

function said(program: string, ...args: string[]): string {
  return spawnSync(program, args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout ?? '';
}
