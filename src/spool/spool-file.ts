// The spool's file as such: what lies at its path, how a new one comes to be, and how a bad one is kept aside.
import { chownSync, closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SpoolError } from '../base/errors.js';
import { openSqlite } from '../base/sqlite.js';
import * as plans from './plans.js';
import { bytesOf, SIDE_FILES } from './spool-reader.js';

/** SQLite's file format: https://sqlite.org/fileformat2.html#the_database_header */
const HEADER_BYTES = 100;
const MAGIC = 'SQLite format 3\0';
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/** Left by a process that met damage while it worked. */
const DAMAGE_NOTE = '.corrupt';

/**
 * True when a spool of ours lies there, false when nothing does.
 *
 * @throws SpoolError `corrupt` for anything else, `version` for the spool of a newer dragonsink.
 */
export function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    // SQLite would throw a WAL without its database away.
    if (bytesOf(path + SIDE_FILES.wal) > 0) throw bad(`${path} is gone, its WAL is not`);
    return false;
  }
  if (found.isDirectory()) throw bad(`${path} is a folder`);
  const header = headerOf(path);
  if (header.length === 0) throw bad(`${path} is empty`);
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC) throw bad(`${path} is not a database`);
  if (header.readUInt32BE(APPLICATION_ID_AT) !== plans.APPLICATION_ID) throw bad(`${path} is not a spool`);
  const version = header.readUInt32BE(USER_VERSION_AT);
  if (version > plans.FORMAT_VERSION) {
    throw new SpoolError(`${path}: a newer dragonsink wrote it (format ${version})`, {
      code: 'version',
      hint: 'install that version again, or name another file in [SPOOL] path',
    });
  }
  if (existsSync(path + DAMAGE_NOTE)) throw bad(`${path} was found damaged while it was in use`);
  return true;
}

function headerOf(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const read = readSync(fd, header, 0, HEADER_BYTES, 0);
    return read === 0 ? Buffer.alloc(0) : header;
  } finally {
    closeSync(fd);
  }
}

function bad(message: string): SpoolError {
  const hint = 'the next start of dragonsink kit keeps it aside and begins a new spool';
  return new SpoolError(message, { code: 'corrupt', hint });
}

/** Made under another name and then put in place: there is never half a spool. */
export function create(path: string, classes: readonly number[]): void {
  const fresh = `${path}.new`;
  removeAll(fresh);
  try {
    const db = openSqlite(fresh);
    try {
      db.pragma(`application_id = ${plans.APPLICATION_ID}`);
      db.pragma(`user_version = ${plans.FORMAT_VERSION}`);
      db.exec(plans.CREATE_SHARED);
      for (const c of classes) db.exec(plans.createClass(c));
      db.exec(plans.MAKE_ROOM);
    } finally {
      db.close();
    }
    giveToFolderOwner(fresh);
    renameSync(fresh, path);
  } catch (error: unknown) {
    removeAll(fresh);
    throw error;
  }
  syncFolder(path);
}

function removeAll(path: string): void {
  for (const suffix of ['', SIDE_FILES.wal, SIDE_FILES.sharedMemory]) rmSync(path + suffix, { force: true });
}

/** An administrator's command must not leave a spool that the kit's user can't open. */
function giveToFolderOwner(file: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(file));
  chownSync(file, uid, gid);
}

function syncFolder(path: string): void {
  const fd = openSync(dirname(path), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Moves the database with its WAL: either without the other is worth less. Nothing is deleted. */
export function keepAside(path: string, nowMs: number): string {
  let keptAt = `${path}.damaged-${nowMs}`;
  // A clock that begins in 1970 at every boot comes to the same name again.
  for (let n = 2; existsSync(keptAt) || existsSync(keptAt + SIDE_FILES.wal); n += 1)
    keptAt = `${path}.damaged-${nowMs}-${n}`;
  for (const suffix of ['', SIDE_FILES.wal, SIDE_FILES.sharedMemory, DAMAGE_NOTE]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, keptAt + suffix);
  }
  return keptAt;
}

/** So that the next start keeps it aside without looking for the damage again. */
export function noteDamage(path: string): void {
  try {
    closeSync(openSync(path + DAMAGE_NOTE, 'w', 0o600));
  } catch {
    // On a full or read-only disk: the next start looks for itself.
  }
}
