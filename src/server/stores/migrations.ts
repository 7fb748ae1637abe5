// The versions of the database, oldest first. A step runs in one transaction with the note that it is done, and may be
// begun again; a database that WarDragon Analytics made is given only what it lacks.
import { randomBytes } from 'node:crypto';
import { StoreError } from '../../base/errors.js';
import type { Clock } from '../store.js';
import type { Query } from './postgres-pool.js';
import { makePostgresRefresh, makePostgresReports, makePostgresTables } from './postgres-schema.js';
import { sqliteReports, sqliteTables } from './sqlite-schema.js';

export interface Migration {
  readonly version: number;
  readonly name: string;
  postgres(query: Query): Promise<void>;
  /** The statements that do the same in SQLite. */
  sqlite(): readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "WarDragon Analytics' tables and the ledger",
    postgres: makePostgresTables,
    sqlite: sqliteTables,
  },
  {
    version: 2,
    name: "the kits' half of the ledger",
    postgres: makePostgresReports,
    sqlite: sqliteReports,
  },
  {
    version: 3,
    name: 'the hours that TimescaleDB has to aggregate again',
    postgres: makePostgresRefresh,
    sqlite: () => [],
  },
];

export interface OpenOptions {
  readonly nowUs: Clock;
  /** A command that only looks, or adds to what is there, makes no database: a mistyped name would give it an empty one. */
  readonly mustExist: boolean;
}

export interface MigrationTarget {
  /** For messages: which database this is. */
  readonly where: string;
  readonly mustExist: boolean;
  /** 0 when it is not ours yet. */
  version(): Promise<number>;
  /** Runs the step and notes its version and, if there is none yet, the store id, in one transaction. */
  apply(migration: Migration, newStoreId: string): Promise<void>;
}

/** Brings the database to the newest version; one that is there already is not written to. */
export async function migrate(target: MigrationTarget, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const found = await target.version();
  if (found === 0 && target.mustExist) throw noDatabase(target.where);
  const newest = migrations.at(-1)?.version ?? 0;
  if (found > newest) {
    throw new StoreError(`${target.where}: made by a newer dragonsink (version ${found}, this one knows ${newest})`, {
      code: 'version',
      hint: 'install that dragonsink again, or name another database in DATABASE_URL',
    });
  }
  for (const migration of migrations) {
    if (migration.version > found) await target.apply(migration, randomBytes(16).toString('hex'));
  }
}

export function noDatabase(where: string): StoreError {
  return new StoreError(`${where}: no database of a dragonsink server`, {
    code: 'missing',
    hint: 'is the name right (DATABASE_URL, --database)? A new database is made by dragonsink server when it first starts',
  });
}
