// From DATABASE_URL to a store; a server on SQLite never loads pg.
import { StoreError } from '../../base/errors.js';
import type { Clock, Store } from '../store.js';
import type { Migrated, OpenOptions } from './migrations.js';

export interface StoreOptions {
  readonly nowUs?: Clock | undefined;
  /**
   * In PostgreSQL, how to log in as the owner of the tables: for whatever changes them or deletes from them. Unless given,
   * that too goes by the first URL.
   */
  readonly maintainUrl?: string | undefined;
}

/**
 * `sqlite:/path/to/file`, `sqlite:relative/file`, `postgres://user:password@host:5432/name`. The database is made (in
 * PostgreSQL: its tables) or brought to this version.
 *
 * @throws StoreError with what to do; retryable when the database is only away.
 */
export async function openStore(databaseUrl: string, options: StoreOptions = {}): Promise<Store> {
  return open(databaseUrl, options, false);
}

/**
 * The same for a database that a server has made, for whoever only looks at it: its schema stays as it is.
 *
 * @throws StoreError `missing` when there is none, `version` when it is an older one, and as above.
 */
export async function openExistingStore(databaseUrl: string, options: StoreOptions = {}): Promise<Store> {
  return open(databaseUrl, options, true);
}

/**
 * Makes the database, or brings it to this version, and does nothing else.
 *
 * @throws StoreError as `migrate` does.
 */
export async function migrateStore(databaseUrl: string, maintainUrl?: string): Promise<Migrated> {
  if (schemeOf(databaseUrl) === 'sqlite') {
    const { migrateSqlite } = await import('./sqlite-store.js');
    return migrateSqlite(sqlitePath(databaseUrl));
  }
  const { migratePostgres } = await import('./postgres-store.js');
  return migratePostgres(databaseUrl, maintainUrl);
}

async function open(
  databaseUrl: string,
  { nowUs = wallClockUs, maintainUrl }: StoreOptions,
  mustExist: boolean,
): Promise<Store> {
  const options: OpenOptions = { nowUs, maintainUrl, mustExist };
  if (schemeOf(databaseUrl) === 'sqlite') {
    const { openSqliteStore } = await import('./sqlite-store.js');
    return openSqliteStore(sqlitePath(databaseUrl), options);
  }
  const { openPostgresStore } = await import('./postgres-store.js');
  return openPostgresStore(databaseUrl, options);
}

function schemeOf(databaseUrl: string): 'sqlite' | 'postgres' {
  const scheme = databaseUrl.slice(0, databaseUrl.indexOf(':'));
  if (scheme === 'sqlite') return scheme;
  if (scheme === 'postgres' || scheme === 'postgresql') return 'postgres';
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
