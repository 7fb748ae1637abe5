// From DATABASE_URL to a store; a server on SQLite never loads pg.
import { StoreError } from '../../base/errors.js';
import type { Clock, Store } from '../store.js';
import type { OpenOptions } from './migrations.js';

/**
 * `sqlite:/path/to/file`, `sqlite:relative/file`, `postgres://user:password@host:5432/name`. The database is made (in
 * PostgreSQL: its tables) or brought to this version.
 *
 * @throws StoreError with what to do; retryable when the database is only away.
 */
export async function openStore(databaseUrl: string, nowUs: Clock = wallClockUs): Promise<Store> {
  return open(databaseUrl, { nowUs, mustExist: false });
}

/**
 * The same for a database that a server has made.
 *
 * @throws StoreError `missing` when there is none, and as above.
 */
export async function openExistingStore(databaseUrl: string): Promise<Store> {
  return open(databaseUrl, { nowUs: wallClockUs, mustExist: true });
}

async function open(databaseUrl: string, options: OpenOptions): Promise<Store> {
  const scheme = databaseUrl.slice(0, databaseUrl.indexOf(':'));
  if (scheme === 'sqlite') {
    const { openSqliteStore } = await import('./sqlite-store.js');
    return openSqliteStore(sqlitePath(databaseUrl), options);
  }
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const { openPostgresStore } = await import('./postgres-store.js');
    return openPostgresStore(databaseUrl, options);
  }
  throw new StoreError(`DATABASE_URL begins with neither sqlite: nor postgres:`, { code: 'url', hint: URL_HINT });
}

function wallClockUs(): number {
  return Date.now() * 1000;
}

const URL_HINT = 'write sqlite:/var/lib/dragonsink/server.db, or postgres://user:password@host:5432/name';

/** `sqlite:///path` too, as other programs write it. */
function sqlitePath(databaseUrl: string): string {
  const path = databaseUrl.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '') throw new StoreError('DATABASE_URL names no file', { code: 'url', hint: URL_HINT });
  return path;
}
