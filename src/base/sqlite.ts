// better-sqlite3's door: opens a database that survives a power cut, or says why it can't.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { errorCode, toError } from './errors.js';

export type Sqlite = Database.Database;
export type Statement = Database.Statement;

/** Up to 3.51.2 two connections and a checkpoint can corrupt the WAL (https://sqlite.org/wal.html#walresetbug). */
const MIN_SQLITE_VERSION = [3, 51, 3] as const;

export interface SqliteProblem {
  /** 'full' | 'read-only' | 'missing' | 'corrupt' | 'busy' | 'version' | 'io' */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * Opens (and creates) a database with WAL and synchronous=FULL: better-sqlite3 is built with NORMAL, which loses
 * committed rows at a power cut without any error.
 *
 * @throws whatever SQLite throws; `explainSqlite` turns it into words.
 */
export function openSqlite(path: string): Sqlite {
  const db = new Database(path, { timeout: 5_000 });
  try {
    const version = db.prepare('SELECT sqlite_version()').pluck().get() as string;
    if (isOlder(version)) throw Object.assign(new Error(`SQLite ${version} is too old`), { code: 'version' });
    db.pragma('auto_vacuum = INCREMENTAL');
    if (db.pragma('journal_mode = WAL', { simple: true }) !== 'wal') throw new Error('WAL could not be switched on');
    db.pragma('synchronous = FULL');
    if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous=FULL could not be switched on');
    return db;
  } catch (error: unknown) {
    db.close();
    throw error;
  }
}

/** Opens an existing database for reading only, beside the process that owns it. */
export function readSqlite(path: string): Sqlite {
  return new Database(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, least] of MIN_SQLITE_VERSION.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}

/** What went wrong with the database at `path`, and what to do about it. */
export function explainSqlite(path: string, thrown: unknown): SqliteProblem {
  const folder = dirname(path);
  const code = errorCode(thrown);
  const message = `${path}: ${toError(thrown).message}`;
  // The last is what a full disk makes of the shared memory.
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'SQLITE_IOERR_SHMSIZE') {
    return { code: 'full', message, hint: `the disk of ${folder} is full: free some space there` };
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return { code: 'corrupt', message, hint: 'the file is not a database of ours, or it is damaged: move it away' };
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return { code: 'busy', message, hint: 'another process holds this file: stop it first' };
  }
  if (code === 'version') {
    return { code, message, hint: 'run: npm ci && npm rebuild better-sqlite3' };
  }
  if (!existsSync(folder)) {
    return { code: 'missing', message, hint: `make the folder: mkdir -p ${folder}, writable by this user` };
  }
  if (existsSync(path) && statSync(path).isDirectory()) {
    return { code: 'io', message, hint: `${path} is a folder: name a file in it` };
  }
  if (!isWritable(folder) || (existsSync(path) && !isWritable(path)) || code.startsWith('SQLITE_READONLY')) {
    return { code: 'read-only', message, hint: `make ${folder} and the files in it writable for this user` };
  }
  return { code: 'io', message, hint: `look at the disk of ${folder} (dmesg, smartctl)` };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Takes `path` as a lock for this process, until it is closed or the process dies (the kernel drops it then).
 * Readers are let in, so that a second process can say who holds it.
 *
 * @throws what SQLite throws; `SQLITE_BUSY` with `holderPid` when another process has it.
 */
export function lockFile(path: string): { release(): void } {
  const db = new Database(path, { timeout: 0 });
  try {
    db.pragma('journal_mode = MEMORY'); // on a full disk there is no room for a journal
    db.exec('CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL)');
    // In one go, or a second process could write its own name between the two.
    db.exec(`BEGIN IMMEDIATE; DELETE FROM holder; INSERT INTO holder VALUES (${process.pid}); COMMIT`);
    db.exec('BEGIN IMMEDIATE'); // RESERVED: no other writer, but readers
  } catch (error: unknown) {
    const holderPid = errorCode(error).startsWith('SQLITE_BUSY') ? readHolder(db) : undefined;
    db.close();
    throw Object.assign(toError(error), { holderPid });
  }
  return { release: () => db.close() };
}

function readHolder(db: Sqlite): number | undefined {
  // Whoever was first may be about to make the table.
  if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'holder'").get() === undefined) return undefined;
  const row = db.prepare('SELECT pid FROM holder').get() as { pid: number } | undefined;
  return row?.pid;
}
