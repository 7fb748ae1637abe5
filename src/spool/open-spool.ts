// Opens a spool, for this process or only to look into it. A damaged file is kept aside: a kit that starts without its
// backlog is better than one that does not start.
import { SpoolError } from '../base/errors.js';
import { openSqlite, readSqlite } from '../base/sqlite.js';
import { Ballast } from './ballast.js';
import { checkIntegrity } from './integrity.js';
import type { Spool, SpoolView } from './spool.js';
import { create, isThere, keepAside } from './spool-file.js';
import { type SpoolLock, takeLock } from './spool-lock.js';
import { explained } from './spool-problems.js';
import { SpoolReader } from './spool-reader.js';
import { SqliteSpool } from './sqlite-spool.js';
import type { SqliteSpoolOptions } from './sqlite-spool-options.js';
import { Statements } from './statements.js';

export interface OpenSpoolOptions extends Omit<SqliteSpoolOptions, 'lastTakenMs'> {
  /** What was there is no sound spool: it was moved to `keptAt`, and a new one begun. */
  readonly onDamaged: (problem: SpoolError, keptAt: string) => void;
}

/**
 * Opens (or makes) the spool and takes it for this process.
 *
 * @throws SpoolError `held`, `full`, `read-only`, `missing`, `version` or `io`, each with its path and the fix.
 */
export function openSpool(options: OpenSpoolOptions): Spool {
  const { path, now = Date.now, onDamaged } = options;
  const lock = withBallast(path, () => takeLock(path));
  try {
    try {
      return withBallast(path, () => open(options, lock));
    } catch (thrown: unknown) {
      if (!(thrown instanceof SpoolError && thrown.code === 'corrupt')) throw thrown;
      onDamaged(
        thrown,
        explained(path, () => keepAside(path, now())),
      );
      return withBallast(path, () => open(options, lock));
    }
  } catch (error: unknown) {
    lock.release();
    throw error;
  }
}

/** On a full disk SQLite can't even open: it needs room for its shared memory. */
function withBallast<T>(path: string, work: () => T): T {
  try {
    return explained(path, work);
  } catch (error: unknown) {
    if (!(error instanceof SpoolError && error.code === 'full' && new Ballast(path, 0).drop())) throw error;
    return explained(path, work);
  }
}

/** Rows are written once and read once: what SQLite keeps in memory beyond the upper levels of its trees helps nobody. */
const CACHE_KIB = 4_096;

function open(options: OpenSpoolOptions, lock: SpoolLock): Spool {
  const { path, classes } = options;
  if (!isThere(path)) create(path, classes);
  const db = openSqlite(path);
  try {
    db.pragma(`cache_size = -${CACHE_KIB}`);
    checkIntegrity(db, path, classes);
    return new SqliteSpool(db, { ...options, lastTakenMs: lock.lastTakenMs }, () => lock.release());
  } catch (error: unknown) {
    db.close();
    throw error;
  }
}

/**
 * Takes a spool for this process without opening it: no kit can start on it meanwhile.
 *
 * @throws SpoolError `held` when a kit runs on it, `missing` when there is none yet, and as opening does.
 */
export function holdSpool(path: string): Pick<SpoolLock, 'release'> {
  return explained(path, () => {
    if (!isThere(path)) throw noSpool(path);
    return takeLock(path);
  });
}

function noSpool(path: string): SpoolError {
  return new SpoolError(`there is no spool at ${path}`, {
    code: 'missing',
    hint: 'start dragonsink kit once, or name the right file in [SPOOL] path',
  });
}

/**
 * Looks into a spool that another process may hold.
 *
 * @throws SpoolError as opening does; `missing` also when there is no spool yet.
 */
export function viewSpool(path: string, classes: readonly number[]): SpoolView {
  return explained(path, () => {
    if (!isThere(path)) throw noSpool(path);
    const db = readSqlite(path);
    const reader = new SpoolReader(new Statements(db), path, classes);
    // In one transaction: whoever writes meanwhile must not show half of what he does.
    const look = <T>(work: () => T): T => explained(path, () => db.transaction(work)());
    return {
      kitId: () => look(() => reader.meta('kit_id') as string | null),
      storeId: () => look(() => reader.meta('store_id') as string | null),
      note: (name) => look(() => reader.note(name)),
      read: (afterId, uptoId, limit) => look(() => reader.read(afterId, uptoId, limit)),
      readEverything: (afterId, uptoId, limit) => look(() => reader.readEverything(afterId, uptoId, limit)),
      lastId: () => look(() => reader.lastId()),
      quarantined: (afterId, limit) => look(() => reader.quarantined(afterId, limit)),
      ledger: () => look(() => reader.ledger()),
      counts: () => look(() => reader.counts()),
      close: () => db.close(),
    };
  });
}
