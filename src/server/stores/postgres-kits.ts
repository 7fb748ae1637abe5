// The registry of kits on PostgreSQL: each change is one statement, so that any number of servers may make it.
import type { Kind } from '../../schema/kinds.js';
import {
  type Kit,
  type KitStatus,
  type Kits,
  type KitTable,
  leaseKey,
  type NewKit,
  SILENT_US,
  type StoredReceiver,
} from '../kits.js';
import { countsPerKit, type KitCount } from './kit-counts.js';
import type { PostgresPool } from './postgres-pool.js';
import { transact } from './postgres-transact.js';
import { PostgresTransaction } from './postgres-transaction.js';

const timeOf = (micros: string): string => `(timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond')`;
const microsOf = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;

const LIST = `
  SELECT kit_id AS "kitId", name, location, api_url AS "apiUrl", source, status, enabled,
    ${microsOf('last_seen')} AS "lastSeenUs", ${microsOf('created_at')} AS "createdUs" FROM kits ORDER BY kit_id`;
const COUNTS = `
  SELECT kit_id, CASE track_type WHEN 'aircraft' THEN 'aircraft' ELSE 'drone' END AS kind, count(*) AS n
  FROM drones GROUP BY 1, 2
  UNION ALL SELECT kit_id, 'signal', count(*) FROM signals GROUP BY 1
  UNION ALL SELECT kit_id, 'system', count(*) FROM system_health GROUP BY 1`;
const RECEIVERS = `
  SELECT name, enabled, state, ${microsOf('last_message')} AS "lastMessageUs", messages, errors, dropped,
    ${microsOf('reported')} AS "reportedUs" FROM ingest_receivers
  WHERE kit_id = $1 AND reported = (SELECT max(reported) FROM ingest_receivers WHERE kit_id = $1) ORDER BY name`;
const PUT = `
  INSERT INTO kits AS k (kit_id, name, location, api_url, source, status)
  VALUES ($1, coalesce($2, $1), $3, $4, 'http', 'offline')
  ON CONFLICT (kit_id) DO UPDATE SET api_url = excluded.api_url, name = coalesce($2, k.name),
    location = coalesce($3, k.location), source = CASE k.source WHEN 'http' THEN 'http' ELSE 'both' END`;
const RENAME = 'UPDATE kits SET name = $2 WHERE kit_id = $1 RETURNING 1';
const LOCATE = 'UPDATE kits SET location = $2 WHERE kit_id = $1 RETURNING 1';
const SET_ENABLED = 'UPDATE kits SET enabled = $2 WHERE kit_id = $1 RETURNING 1';
const REMOVE = 'DELETE FROM kits WHERE kit_id = $1 RETURNING 1';
const DROP_LEASE = 'DELETE FROM ingest_meta WHERE key = $1';
const EXPIRE = `
  UPDATE kits SET status = 'offline'
  WHERE status = 'online' AND (last_seen IS NULL OR last_seen < ${timeOf('$1')}) RETURNING 1`;
const ANSWERED = `
  UPDATE kits SET status = 'online', last_seen = greatest(last_seen, ${timeOf('$2')}),
    source = CASE coalesce(source, 'http') WHEN 'http' THEN 'http' ELSE 'both' END
  WHERE kit_id = $1 AND enabled RETURNING 1`;
const FAILED = `
  UPDATE kits SET status = $2
  WHERE kit_id = $1 AND (source = 'http' OR last_seen IS NULL OR last_seen < ${timeOf('$3')})`;
const LEASE = `
  INSERT INTO ingest_meta AS m (key, value) SELECT key, $2 || ' ' || $4::text FROM unnest($1::text[]) AS key ORDER BY key
  ON CONFLICT (key) DO UPDATE SET value = excluded.value
  WHERE split_part(m.value, ' ', 1) = $2 OR split_part(m.value, ' ', 2)::bigint <= $3::bigint
  RETURNING key`;
const DATA: ReadonlySet<KitTable> = new Set(['drones', 'signals', 'system_health']);
/** OFFSET 0: each by index, or the whole table would be read for them. */
const rowIn = (table: string, samePart = ''): string => `
  EXISTS (SELECT 1 FROM ${table} d WHERE d.time = ${timeOf('k.time_us')} AND d.kit_id = k.kit_id${samePart}
    AND d.observed_raw = k.key_us OFFSET 0)`;
const REMOVE_KEYS = `
  DELETE FROM ingest_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ingest_keys k WHERE kit_id = $1 AND NOT CASE kind
      WHEN 'signal' THEN ${rowIn('signals', ' AND d.freq_mhz = k.part::double precision')}
      WHEN 'system' THEN ${rowIn('system_health')}
      ELSE ${rowIn('drones', ' AND d.drone_id = k.part')} END LIMIT $2)) RETURNING 1`;
/** Of hypertables the oldest, by their time: rows in compressed chunks have no place that a second look would find. */
export const removeRows = (table: KitTable): string =>
  DATA.has(table)
    ? `DELETE FROM ${table} WHERE kit_id = $1 AND time <= coalesce(
        (SELECT time FROM ${table} WHERE kit_id = $1 ORDER BY time OFFSET $2::bigint - 1 LIMIT 1), 'infinity')
      RETURNING 1`
    : `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE kit_id = $1 LIMIT $2)) RETURNING 1`;

export class PostgresKits implements Kits {
  constructor(
    private readonly pool: PostgresPool,
    /** For what may take long, and what only the owner may do. */
    private readonly maintain: PostgresPool,
  ) {}

  list(): Promise<Kit[]> {
    return this.pool.query<Kit>(LIST);
  }

  async counts(): Promise<Map<string, Record<Kind, number>>> {
    return countsPerKit(await this.maintain.query<KitCount>(COUNTS));
  }

  receivers(kitId: string): Promise<StoredReceiver[]> {
    return this.pool.query<StoredReceiver>(RECEIVERS, [kitId]);
  }

  async put({ kitId, name, location, apiUrl }: NewKit): Promise<void> {
    await this.pool.query(PUT, [kitId, name, location, apiUrl]);
  }

  async rename(kitId: string, name: string): Promise<boolean> {
    return (await this.pool.query(RENAME, [kitId, name])).length > 0;
  }

  async locate(kitId: string, location: string | null): Promise<boolean> {
    return (await this.pool.query(LOCATE, [kitId, location])).length > 0;
  }

  async setEnabled(kitId: string, enabled: boolean): Promise<boolean> {
    return (await this.pool.query(SET_ENABLED, [kitId, enabled])).length > 0;
  }

  async remove(kitId: string): Promise<boolean> {
    return this.maintain.transaction(async (query) => {
      await query(DROP_LEASE, [leaseKey(kitId)]);
      return (await query(REMOVE, [kitId])).length > 0;
    });
  }

  async removeRows(table: KitTable, kitId: string, limit: number): Promise<number> {
    return transact(this.maintain, async (query) => {
      if (table !== 'ingest_keys') return (await query(removeRows(table), [kitId, limit])).length;
      // No commit is half-way between a key that is looked up and the row that it gets.
      await new PostgresTransaction(query, 0).lockKits([kitId]);
      return (await query(REMOVE_KEYS, [kitId, limit])).length;
    });
  }

  async expire(nowUs: number): Promise<number> {
    return (await this.pool.query(EXPIRE, [nowUs - SILENT_US])).length;
  }

  async answered(kitId: string, atUs: number): Promise<boolean> {
    return (await this.pool.query(ANSWERED, [kitId, atUs])).length > 0;
  }

  async failed(kitId: string, status: KitStatus, nowUs: number): Promise<void> {
    await this.pool.query(FAILED, [kitId, status, nowUs - SILENT_US]);
  }

  async lease(kitIds: readonly string[], holder: string, nowUs: number, untilUs: number): Promise<string[]> {
    const keys = kitIds.map(leaseKey);
    const held = await this.pool.query<{ key: string }>(LEASE, [keys, holder, nowUs, untilUs]);
    const taken = new Set(held.map(({ key }) => key));
    return kitIds.filter((kitId) => taken.has(leaseKey(kitId)));
  }
}
