// The rejects on SQLite.
import type { Kind } from '../../schema/kinds.js';
import type { RejectFilter, Rejects, StoredOutcome, StoredReject } from '../rejects.js';
import type { Clock, Observation } from '../store.js';
import { storable } from './rejects.js';
import { storeRetried } from './retry-reject.js';
import type { SqliteDatabase } from './sqlite-database.js';
import { microsOf } from './sqlite-ledger-rows.js';
import { SqliteTransaction } from './sqlite-transaction.js';

const COLUMNS = 'id, received, topic, kit_id, kind, epoch, seq, reason, detail, payload';
const MATCHES = '(:kitId IS NULL OR kit_id = :kitId) AND (:reason IS NULL OR reason = :reason)';
const NEWEST = `SELECT ${COLUMNS} FROM ingest_rejects WHERE ${MATCHES} ORDER BY id DESC LIMIT :limit`;
const AFTER = `SELECT ${COLUMNS} FROM ingest_rejects WHERE id > :id AND ${MATCHES} ORDER BY id LIMIT :limit`;
const FIND = `SELECT ${COLUMNS} FROM ingest_rejects WHERE id = ?`;
const COUNTS = `SELECT reason, count(*) AS n FROM ingest_rejects WHERE ${MATCHES} GROUP BY reason ORDER BY n DESC, reason`;
const REMOVE = 'DELETE FROM ingest_rejects WHERE id = ?';
const CLOCK_OFFSET = 'SELECT clock_offsets ->> ? AS s FROM ingest_openings WHERE kit_id = ?';
const EXPLAIN = 'UPDATE ingest_rejects SET reason = ?, detail = ? WHERE id = ?';

interface Stored {
  readonly id: number;
  readonly received: string;
  readonly topic: string;
  readonly kit_id: string | null;
  readonly kind: Kind | null;
  readonly epoch: string | null;
  readonly seq: number | null;
  readonly reason: string;
  readonly detail: string;
  readonly payload: Buffer;
}

export class SqliteRejects implements Rejects {
  constructor(
    private readonly db: SqliteDatabase,
    private readonly nowUs: Clock,
  ) {}

  newest(filter: RejectFilter, limit: number): Promise<StoredReject[]> {
    return this.select(NEWEST, { ...bound(filter), limit });
  }

  after(id: number, filter: RejectFilter, limit: number): Promise<StoredReject[]> {
    return this.select(AFTER, { ...bound(filter), id, limit });
  }

  async find(id: number): Promise<StoredReject | null> {
    return (await this.select(FIND, id))[0] ?? null;
  }

  async counts(filter: RejectFilter): Promise<Map<string, number>> {
    const rows = await this.db.read(() => this.db.statement(COUNTS).all(bound(filter)));
    return new Map((rows as { reason: string; n: number }[]).map(({ reason, n }) => [reason, n]));
  }

  store(reject: StoredReject, observations: readonly Observation[]): Promise<StoredOutcome | null> {
    return this.db.transaction(() => {
      const remove = async (): Promise<boolean> => this.db.statement(REMOVE).run(reject.id).changes > 0;
      return storeRetried(new SqliteTransaction(this.db), remove, reject, observations, this.nowUs());
    });
  }

  async clockOffsetS(kitId: string, epoch: string): Promise<number | null> {
    const row = await this.db.read(() => this.db.statement(CLOCK_OFFSET).get(`$."${epoch}"`, kitId));
    return (row as { s: number | null } | undefined)?.s ?? null;
  }

  async explain(id: number, reason: string, detail: string): Promise<void> {
    await this.db.transaction(() => this.db.statement(EXPLAIN).run(reason, storable(detail), id));
  }

  private async select(sql: string, values: unknown): Promise<StoredReject[]> {
    const rows = (await this.db.read(() => this.db.statement(sql).all(values))) as Stored[];
    return rows.map(({ kit_id: kitId, received, epoch, seq, ...row }) => ({
      ...row,
      kitId,
      receivedUs: microsOf(received),
      identity: epoch === null || seq === null ? null : { epoch, seq },
    }));
  }
}

function bound({ kitId, reason }: RejectFilter): { kitId: string | null; reason: string | null } {
  return { kitId: kitId ?? null, reason: reason ?? null };
}
