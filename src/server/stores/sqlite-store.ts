// The store on SQLite: for one server and a few kits, with nothing to install.
import { existsSync } from 'node:fs';
import { StoreError } from '../../base/errors.js';
import type { Kind } from '../../schema/kinds.js';
import { isoMicros } from '../../schema/time.js';
import { noCounts } from '../counts.js';
import type { Batch, Clock, CommitResult, LedgerEntry, Store, TableCounts } from '../store.js';
import { commitBatch, isEmpty } from './commit.js';
import {
  type Migrated,
  type Migration,
  type MigrationTarget,
  migrate,
  noDatabase,
  type OpenOptions,
} from './migrations.js';
import { toEntry } from './missing.js';
import { type Pruner, prune } from './retention.js';
import { SqliteDatabase } from './sqlite-database.js';
import { SqliteKits } from './sqlite-kits.js';
import { type StoredAccount, toAccount } from './sqlite-ledger-rows.js';
import * as plans from './sqlite-plans.js';
import { SqliteReader } from './sqlite-reader.js';
import { SqliteRejects } from './sqlite-rejects.js';
import { SqliteTransaction } from './sqlite-transaction.js';
import { StoreReads } from './store-reads.js';
import type { TableName } from './tables.js';

/**
 * Opens (and makes) the database.
 *
 * @throws StoreError `foreign`, `version`, `missing`, `read-only`, `corrupt`, or retryable `busy`, `full`, `io`.
 */
export async function openSqliteStore(path: string, { nowUs, mustExist }: OpenOptions): Promise<Store> {
  if (mustExist && !existsSync(path)) throw noDatabase(path);
  const db = new SqliteDatabase(path);
  try {
    await migrate(new SqliteTarget(db, mustExist));
    const storeId = await db.read(() => readMeta(db, 'store_id'));
    if (storeId === undefined)
      throw new StoreError(`${path}: has no store id`, { code: 'foreign', hint: FOREIGN_HINT });
    return new SqliteStore(storeId, db, nowUs);
  } catch (error: unknown) {
    await db.close();
    throw error;
  }
}

/** Makes the file, or brings it to this version; throws as above. */
export async function migrateSqlite(path: string): Promise<Migrated> {
  const db = new SqliteDatabase(path);
  try {
    return await migrate(new SqliteTarget(db, false));
  } finally {
    await db.close();
  }
}

const FOREIGN_HINT = 'name a file of its own for the server in DATABASE_URL, as sqlite:/var/lib/dragonsink/server.db';

class SqliteTarget implements MigrationTarget {
  readonly where: string;

  constructor(
    private readonly db: SqliteDatabase,
    readonly mustExist: boolean,
  ) {
    this.where = db.path;
  }

  async version(): Promise<number> {
    return this.db.transaction(() => readVersion(this.db), true);
  }

  async apply(migration: Migration, newStoreId: string): Promise<void> {
    await this.db.transaction(() => {
      if (readVersion(this.db) >= migration.version) return;
      const hasColumn = (table: string, column: string): boolean =>
        this.db.statement(plans.HAS_COLUMN).get(table, column) !== undefined;
      for (const sql of migration.sqlite(hasColumn)) this.db.run(sql);
      this.db.statement(plans.PUT_META).run('schema_version', String(migration.version));
      this.db.statement(plans.ADD_META).run('store_id', newStoreId);
    }, true);
  }
}

function readVersion(db: SqliteDatabase): number {
  const tables = db.statement(plans.TABLE_NAMES).pluck().all() as string[];
  if (tables.includes('ingest_meta')) return Number(readMeta(db, 'schema_version') ?? 0);
  if (tables.length === 0) return 0;
  // A kit's spool, for one: our tables do not belong in it.
  throw new StoreError(`${db.path}: not a database of a dragonsink server`, { code: 'foreign', hint: FOREIGN_HINT });
}

function readMeta(db: SqliteDatabase, key: string): string | undefined {
  return db.statement(plans.GET_META).pluck().get(key) as string | undefined;
}

class SqliteStore implements Store {
  readonly kits: SqliteKits;
  readonly rejects: SqliteRejects;
  readonly reads: StoreReads;
  readonly warnings = [];

  constructor(
    readonly storeId: string,
    private readonly db: SqliteDatabase,
    private readonly nowUs: Clock,
  ) {
    this.kits = new SqliteKits(db);
    this.rejects = new SqliteRejects(db, nowUs);
    this.reads = new StoreReads(new SqliteReader(db.path), toAccount, nowUs);
  }

  async commit(batch: Batch): Promise<CommitResult> {
    if (isEmpty(batch)) return { counts: noCounts(), rejects: [], streams: [], stored: [] };
    return this.db.transaction(() => commitBatch(new SqliteTransaction(this.db), batch, this.nowUs()));
  }

  async ledger(kitId?: string): Promise<LedgerEntry[]> {
    const rows = await this.db.read(() =>
      kitId === undefined
        ? this.db.statement(plans.ALL_ACCOUNTS).all()
        : this.db.statement(plans.ACCOUNTS_OF_KIT).all(kitId),
    );
    return (rows as StoredAccount[]).map((row) => toEntry(toAccount(row), this.nowUs()));
  }

  async counts(): Promise<TableCounts> {
    return this.db.read(() => {
      const rows = this.db.statement(plans.COUNT_ROWS).get() as Record<Kind, number>;
      return { rows, ...(this.db.statement(plans.COUNT_OTHERS).get() as { doubled: number; rejects: number }) };
    });
  }

  async prune(nowUs: number): Promise<number> {
    const gone = await prune(new SqlitePruner(this.db), nowUs);
    await this.db.transaction(() => this.db.run(plans.GIVE_BACK_PAGES));
    return gone;
  }

  /** There are no aggregates in SQLite. */
  async refresh(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    await this.reads.close();
    await this.db.close();
  }
}

class SqlitePruner implements Pruner {
  constructor(private readonly db: SqliteDatabase) {}

  async dropChunks(): Promise<boolean> {
    return false;
  }

  async rows(table: TableName, beforeUs: number, limit: number): Promise<number> {
    return this.change(plans.pruneRows(table), isoMicros(beforeUs), limit);
  }

  async keys(kinds: readonly Kind[], beforeUs: number, limit: number): Promise<number> {
    return this.ofKinds(plans.PRUNE_KEYS, kinds, beforeUs, limit);
  }

  async minutes(kinds: readonly Kind[], beforeS: number, limit: number): Promise<number> {
    return this.ofKinds(plans.PRUNE_MINUTES, kinds, beforeS, limit);
  }

  async oldRejects(beforeUs: number, limit: number): Promise<number> {
    return this.change(plans.PRUNE_OLD_REJECTS, isoMicros(beforeUs), limit);
  }

  async surplusRejects(kept: number, limit: number): Promise<number> {
    return this.change(plans.PRUNE_SURPLUS_REJECTS, kept, limit);
  }

  private async ofKinds(sql: string, kinds: readonly Kind[], before: number, limit: number): Promise<number> {
    let deleted = 0;
    for (const kind of kinds) deleted += await this.change(sql, kind, before, limit - deleted);
    return deleted;
  }

  private change(sql: string, ...values: (string | number)[]): Promise<number> {
    return this.db.transaction(() => this.db.statement(sql).run(...values).changes);
  }
}
