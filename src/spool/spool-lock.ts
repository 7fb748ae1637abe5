// One process per spool: a lock beside it, which the kernel drops when the process dies.
import { renameSync, statSync } from 'node:fs';
import { errorCode } from '../base/errors.js';
import { lockFile } from '../base/sqlite.js';

export interface SpoolLock {
  /** When the spool was last taken, by the clock of that time; null for never. */
  readonly lastTakenMs: number | null;
  release(): void;
}

/** What SQLite says of a lock file that is none; it holds nothing, so another takes its place. */
const NO_LOCK_FILE = new Set(['SQLITE_NOTADB', 'SQLITE_CORRUPT', 'SQLITE_CANTOPEN_ISDIR', 'SQLITE_ERROR']);

/** @throws what SQLite throws; `SQLITE_BUSY` with `holderPid` when another process has it. */
export function takeLock(spoolPath: string): SpoolLock {
  const file = `${spoolPath}.lock`;
  const before = statSync(file, { throwIfNoEntry: false });
  const lastTakenMs = before?.isFile() === true ? before.mtimeMs : null;
  try {
    return { lastTakenMs, ...lockFile(file) };
  } catch (thrown: unknown) {
    const isNone = before?.isDirectory() === true || NO_LOCK_FILE.has(errorCode(thrown));
    // Another process may have put a good one there by now.
    if (!isNone || statSync(file, { throwIfNoEntry: false })?.ino !== before?.ino) throw thrown;
    renameSync(file, `${file}.damaged`);
    return { lastTakenMs, ...lockFile(file) };
  }
}
