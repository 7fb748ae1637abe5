// The rejects on PostgreSQL.
import type { RejectFilter, Rejects, StoredOutcome, StoredReject } from '../rejects.js';
import type { Clock, Identity, Observation } from '../store.js';
import type { PostgresPool } from './postgres-pool.js';
import { transact } from './postgres-transact.js';
import { PostgresTransaction } from './postgres-transaction.js';
import { storable } from './rejects.js';
import { storeRetried } from './retry-reject.js';

const COLUMNS = `id, (extract(epoch FROM received) * 1000000)::bigint AS "receivedUs", topic, kit_id AS "kitId", kind, epoch,
  seq, reason, detail, payload`;
const MATCHES = '($1::text IS NULL OR kit_id = $1) AND ($2::text IS NULL OR reason = $2)';
const NEWEST = `SELECT ${COLUMNS} FROM ingest_rejects WHERE ${MATCHES} ORDER BY id DESC LIMIT $3`;
const AFTER = `SELECT ${COLUMNS} FROM ingest_rejects WHERE ${MATCHES} AND id > $4 ORDER BY id LIMIT $3`;
const FIND = `SELECT ${COLUMNS} FROM ingest_rejects WHERE id = $1`;
const COUNTS = `
  SELECT reason, count(*) AS n FROM ingest_rejects WHERE ${MATCHES} GROUP BY reason ORDER BY n DESC, reason`;
const REMOVE = 'DELETE FROM ingest_rejects WHERE id = $1 RETURNING 1';
const CLOCK_OFFSET = 'SELECT (clock_offsets->>$2)::float8 AS s FROM ingest_openings WHERE kit_id = $1';
const EXPLAIN = 'UPDATE ingest_rejects SET reason = $2, detail = $3 WHERE id = $1';

type Stored = Omit<StoredReject, 'identity'> & { [K in keyof Identity]: Identity[K] | null };

export class PostgresRejects implements Rejects {
  constructor(
    private readonly pool: PostgresPool,
    /** Only the owner may delete. */
    private readonly maintain: PostgresPool,
    private readonly nowUs: Clock,
  ) {}

  newest({ kitId, reason }: RejectFilter, limit: number): Promise<StoredReject[]> {
    return this.select(NEWEST, [kitId, reason, limit]);
  }

  after(id: number, { kitId, reason }: RejectFilter, limit: number): Promise<StoredReject[]> {
    return this.select(AFTER, [kitId, reason, limit, id]);
  }

  async find(id: number): Promise<StoredReject | null> {
    return (await this.select(FIND, [id]))[0] ?? null;
  }

  async counts({ kitId, reason }: RejectFilter): Promise<Map<string, number>> {
    const rows = await this.pool.query<{ reason: string; n: number }>(COUNTS, [kitId, reason]);
    return new Map(rows.map((row) => [row.reason, row.n]));
  }

  async store(reject: StoredReject, observations: readonly Observation[]): Promise<StoredOutcome | null> {
    return transact(this.maintain, (query) => {
      const nowUs = this.nowUs();
      const remove = async (): Promise<boolean> => (await query(REMOVE, [reject.id])).length > 0;
      return storeRetried(new PostgresTransaction(query, nowUs), remove, reject, observations, nowUs);
    });
  }

  async clockOffsetS(kitId: string, epoch: string): Promise<number | null> {
    const [row] = await this.pool.query<{ s: number | null }>(CLOCK_OFFSET, [kitId, epoch]);
    return row?.s ?? null;
  }

  async explain(id: number, reason: string, detail: string): Promise<void> {
    await this.pool.query(EXPLAIN, [id, reason, storable(detail)]);
  }

  private async select(sql: string, values: readonly unknown[]): Promise<StoredReject[]> {
    const rows = await this.pool.query<Stored>(sql, values);
    return rows.map(({ epoch, seq, ...row }) => ({
      ...row,
      identity: epoch === null || seq === null ? null : { epoch, seq },
    }));
  }
}
