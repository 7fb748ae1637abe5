// The store on PostgreSQL: as many servers at once as like, serialised per kit.
import { StoreError } from '../../base/errors.js';
import type { Kind } from '../../schema/kinds.js';
import { noCounts } from '../counts.js';
import type { Batch, Clock, CommitResult, LedgerEntry, Store, TableCounts } from '../store.js';
import { commitBatch, isEmpty } from './commit.js';
import { type Migrated, type Migration, type MigrationTarget, migrate, type OpenOptions } from './migrations.js';
import { toEntry } from './missing.js';
import { PostgresKits } from './postgres-kits.js';
import * as plans from './postgres-plans.js';
import { PostgresPool, type Query } from './postgres-pool.js';
import { PostgresPruner } from './postgres-pruner.js';
import { PostgresReader } from './postgres-reader.js';
import { PostgresRejects } from './postgres-rejects.js';
import { transact } from './postgres-transact.js';
import { PostgresTransaction } from './postgres-transaction.js';
import { prune } from './retention.js';
import { StoreReads } from './store-reads.js';
import { offerTimescale, setUpTimescale } from './timescale.js';
import { refreshMarked } from './timescale-refresh.js';
import type { LedgerAccount } from './transaction.js';

const COMMIT_CONNECTIONS = 4;
const COMMIT_TIMEOUT_MS = 30_000;
/** A new index on a year of rows, or a count of all of them. */
const MAINTENANCE_TIMEOUT_MS = 3_600_000;

/**
 * Connects, and brings the database to this version.
 *
 * @throws StoreError `unavailable` (retryable), `credentials`, `missing`, `privilege`, `version`, `not-durable`, `tls`,
 *   `url`.
 */
export async function openPostgresStore(url: string, { nowUs, mustExist, maintainUrl }: OpenOptions): Promise<Store> {
  const pool = new PostgresPool({
    url,
    setting: 'DATABASE_URL',
    connections: COMMIT_CONNECTIONS,
    statementTimeoutMs: COMMIT_TIMEOUT_MS,
    urlMayLimit: true,
  });
  const maintain = maintainPool(url, maintainUrl);
  try {
    await assertDurable(pool);
    const { warnings } = await bringUpToDate(pool, maintain, mustExist);
    const storeId = await readMeta(pool.query, 'store_id');
    if (storeId === undefined) throw new StoreError(`${pool.where}: has no store id`, { code: 'schema' });
    pool.opened();
    maintain.opened();
    const reads = new StoreReads(new PostgresReader(url), (account: LedgerAccount) => account, nowUs);
    return new PostgresStore(storeId, warnings, pool, maintain, reads, nowUs);
  } catch (error: unknown) {
    await Promise.allSettled([pool.close(), maintain.close()]);
    throw error;
  }
}

/** Makes our tables, or brings them to this version, as their owner; throws as above. */
export async function migratePostgres(url: string, maintainUrl: string | undefined): Promise<Migrated> {
  const maintain = maintainPool(url, maintainUrl);
  try {
    return await bringUpToDate(maintain, maintain, false);
  } finally {
    await maintain.close();
  }
}

/** The schema, and what TimescaleDB offers beside it. */
async function bringUpToDate(pool: PostgresPool, maintain: PostgresPool, mustExist: boolean): Promise<Migrated> {
  const database = new PostgresDatabase(pool, maintain, mustExist);
  const isNew = !mustExist && (await database.version()) === 0;
  const offered = isNew ? await offerTimescale(maintain) : [];
  const migrated = await migrate(database);
  const setUp = mustExist
    ? []
    : await setUpTimescale(maintain).catch((error: unknown) => notSetUp(pool, maintain, error));
  return { ...migrated, warnings: [...offered, ...setUp] };
}

/** An owner who can't be reached keeps nobody from storing. */
function notSetUp(pool: PostgresPool, maintain: PostgresPool, error: unknown): string[] {
  if (!(error instanceof StoreError) || maintain.setting === pool.setting) throw error;
  return [`what TimescaleDB offers is looked at with the next start: ${error.message}`];
}

/** The `statement_timeout` of a DATABASE_URL that serves for both is meant for commits. */
function maintainPool(url: string, maintainUrl: string | undefined): PostgresPool {
  const hasOwnUrl = maintainUrl !== undefined;
  return new PostgresPool({
    url: hasOwnUrl ? maintainUrl : url,
    setting: hasOwnUrl ? 'DATABASE_MAINTAIN_URL' : 'DATABASE_URL',
    connections: 1,
    statementTimeoutMs: MAINTENANCE_TIMEOUT_MS,
    urlMayLimit: hasOwnUrl,
  });
}

/** Off, PostgreSQL says COMMIT up to a second before it is on disk; kits would delete what a crash then loses. */
async function assertDurable(pool: PostgresPool): Promise<void> {
  const { value } = only(await pool.query<{ value: string }>(plans.SYNCHRONOUS_COMMIT));
  if (value !== 'off') return;
  throw new StoreError(`${pool.where}: synchronous_commit is off, so that a committed row may be lost`, {
    code: 'not-durable',
    hint: 'run in that database: ALTER ROLE CURRENT_USER SET synchronous_commit = on, and start again',
  });
}

class PostgresDatabase implements MigrationTarget {
  readonly where: string;

  constructor(
    private readonly pool: PostgresPool,
    private readonly maintain: PostgresPool,
    readonly mustExist: boolean,
  ) {
    this.where = pool.where;
  }

  async version(): Promise<number> {
    return this.pool.transaction(readVersion);
  }

  async apply(migration: Migration, newStoreId: string): Promise<void> {
    await this.maintain.transaction(async (query) => {
      // One migration at a time: CREATE ... IF NOT EXISTS alone fails when two servers meet in it.
      await query(plans.LOCK_SCHEMA);
      if ((await readVersion(query)) >= migration.version) return;
      await migration.postgres(query);
      await query(plans.PUT_META, ['schema_version', String(migration.version)]);
      await query(plans.ADD_META, ['store_id', newStoreId]);
    });
  }
}

async function readVersion(query: Query): Promise<number> {
  const { found } = only(await query<{ found: boolean }>(plans.HAS_META));
  return found ? Number((await readMeta(query, 'schema_version')) ?? 0) : 0;
}

async function readMeta(query: Query, key: string): Promise<string | undefined> {
  const [meta] = await query<{ value: string }>(plans.GET_META, [key]);
  return meta?.value;
}

/** Of a statement that always answers with one row. */
function only<R>(rows: readonly R[]): R {
  const [row] = rows;
  if (row === undefined) throw new TypeError('PostgreSQL answered with no row');
  return row;
}

class PostgresStore implements Store {
  readonly kits: PostgresKits;
  readonly rejects: PostgresRejects;

  constructor(
    readonly storeId: string,
    readonly warnings: readonly string[],
    private readonly pool: PostgresPool,
    private readonly maintain: PostgresPool,
    readonly reads: StoreReads,
    private readonly nowUs: Clock,
  ) {
    this.kits = new PostgresKits(pool, maintain);
    this.rejects = new PostgresRejects(pool, maintain, nowUs);
  }

  async commit(batch: Batch): Promise<CommitResult> {
    if (isEmpty(batch)) return { counts: noCounts(), rejects: [], streams: [], stored: [] };
    return transact(this.pool, (query) => {
      const nowUs = this.nowUs();
      return commitBatch(new PostgresTransaction(query, nowUs), batch, nowUs);
    });
  }

  async ledger(kitId?: string): Promise<LedgerEntry[]> {
    const accounts =
      kitId === undefined
        ? await this.pool.query<LedgerAccount>(plans.ALL_ACCOUNTS)
        : await this.pool.query<LedgerAccount>(plans.ACCOUNTS_OF_KIT, [kitId]);
    return accounts.map((account) => toEntry(account, this.nowUs()));
  }

  async counts(): Promise<TableCounts> {
    const rows = only(await this.maintain.query<Record<Kind, number>>(plans.COUNT_ROWS));
    return { rows, ...only(await this.maintain.query<{ doubled: number; rejects: number }>(plans.COUNT_OTHERS)) };
  }

  async prune(nowUs: number): Promise<number> {
    return prune(new PostgresPruner(this.maintain), nowUs);
  }

  async refresh(nowUs: number): Promise<number> {
    return refreshMarked(this.maintain, nowUs);
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.close(), this.maintain.close(), this.reads.close()]);
  }
}
