// The versions of the database, oldest first. A step runs in one transaction with the note that it is done, and may be
// begun again; a database that WarDragon Analytics made is given only what it lacks.
import { randomBytes } from 'node:crypto';
import { StoreError } from '../../base/errors.js';
import type { Clock } from '../store.js';
import { makePostgresAuditLog, sqliteAuditLog } from './audit-log.js';
import { indexUntimed } from './indexes.js';
import type { Query } from './postgres-pool.js';
import {
  makePostgresClockOffset,
  makePostgresMinutes,
  makePostgresReceivers,
  makePostgresRefresh,
  makePostgresReplayed,
  makePostgresReports,
  makePostgresStored,
  makePostgresTables,
  makePostgresTwins,
  makePostgresUntimed,
} from './postgres-schema.js';
import {
  sqliteClockOffset,
  sqliteMinutes,
  sqliteReceivers,
  sqliteReplayed,
  sqliteReports,
  sqliteStored,
  sqliteTables,
  sqliteTwins,
} from './sqlite-schema.js';

export interface Migration {
  readonly version: number;
  readonly name: string;
  postgres(query: Query): Promise<void>;
  /** The statements that do the same in SQLite. */
  sqlite(hasColumn: (table: string, column: string) => boolean): readonly string[];
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
  {
    version: 4,
    name: "the audit log of WarDragon Analytics' web UI",
    postgres: makePostgresAuditLog,
    sqlite: sqliteAuditLog,
  },
  {
    version: 5,
    name: 'the copies of an aircraft with and without a time',
    postgres: makePostgresTwins,
    sqlite: sqliteTwins,
  },
  {
    version: 6,
    name: 'an index of the aircraft without a time alone',
    postgres: makePostgresUntimed,
    sqlite: indexUntimed,
  },
  {
    version: 7,
    name: "the offset of the kits' clocks",
    postgres: makePostgresClockOffset,
    sqlite: sqliteClockOffset,
  },
  {
    version: 8,
    name: 'when an observation was stored',
    postgres: makePostgresStored,
    sqlite: sqliteStored,
  },
  {
    version: 9,
    name: 'the radios of the kits',
    postgres: makePostgresReceivers,
    sqlite: sqliteReceivers,
  },
  {
    version: 10,
    name: 'what a replay brought',
    postgres: makePostgresReplayed,
    sqlite: sqliteReplayed,
  },
  {
    version: 11,
    name: 'what came in each minute',
    postgres: makePostgresMinutes,
    sqlite: sqliteMinutes,
  },
];

export interface OpenOptions {
  readonly nowUs: Clock;
  /** Where PostgreSQL is asked as the owner of the tables; unless given, as everything else. */
  readonly maintainUrl?: string | undefined;
  /**
   * A command that only looks, or adds to what is there, makes no database, for a mistyped name would give it an empty one,
   * and takes none to this version.
   */
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

/** What `migrate` did: nothing when both versions are the same. Version 0 is a database that was not ours yet. */
export interface Migrated {
  readonly where: string;
  readonly from: number;
  readonly to: number;
  /** What the database could do and does not. */
  readonly warnings: readonly string[];
}

/**
 * Brings the database to the newest version; one that is there already is not written to. What dies half-way is resumed
 * by the next call.
 *
 * @throws StoreError `version`, `missing`, or what stopped a step; then the steps before it are done.
 */
export async function migrate(
  target: MigrationTarget,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<Migrated> {
  const from = await target.version();
  if (from === 0 && target.mustExist) throw noDatabase(target.where);
  const to = migrations.at(-1)?.version ?? 0;
  if (from < to && target.mustExist) throw olderDatabase(target.where, from, to);
  if (from > to) {
    throw new StoreError(`${target.where}: made by a newer dragonsink (version ${from}, this one knows ${to})`, {
      code: 'version',
      hint: 'install that dragonsink again, or name another database in DATABASE_URL',
    });
  }
  for (const migration of migrations) {
    if (migration.version <= from) continue;
    try {
      await target.apply(migration, randomBytes(16).toString('hex'));
    } catch (thrown: unknown) {
      throw stopped(migration, from, to, thrown);
    }
  }
  if (from < to && (await target.version()) < to) {
    throw new StoreError(`${target.where}: still at version ${from}, and ${to} is needed`, {
      code: 'schema',
      hint: 'let DATABASE_MAINTAIN_URL name the same database as DATABASE_URL',
    });
  }
  return { where: target.where, from, to, warnings: [] };
}

function stopped({ version, name }: Migration, from: number, to: number, thrown: unknown): unknown {
  if (!(thrown instanceof StoreError)) return thrown;
  const { code, retryable, message } = thrown;
  const hint = code === 'privilege' ? OWNER_HINT : thrown.hint;
  const details = { code, retryable, cause: thrown, ...(hint === undefined ? {} : { hint }) };
  return new StoreError(`${message} (on the way from version ${from} to ${to}, at ${version}: ${name})`, details);
}

const OWNER_HINT =
  'run: dragonsink migrate, with the owner of the tables in DATABASE_MAINTAIN_URL; config/roles.sql makes that role';

export function noDatabase(where: string): StoreError {
  return new StoreError(`${where}: no database of a dragonsink server`, {
    code: 'missing',
    hint: 'is the name right (DATABASE_URL, --database)? A new one is made by dragonsink migrate, or by dragonsink server when it first starts',
  });
}

/** Whoever only looks changes nothing, least of all under a server of before that still runs. */
function olderDatabase(where: string, from: number, to: number): StoreError {
  return new StoreError(`${where}: made by an older dragonsink (version ${from}, this one needs ${to})`, {
    code: 'version',
    hint: 'restart dragonsink server, which brings it to this version; or run: dragonsink migrate',
  });
}
