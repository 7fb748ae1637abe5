// The registry of kits on SQLite.
import type { Kind } from '../../schema/kinds.js';
import { isoMicros } from '../../schema/time.js';
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
import { MINUTE_KEY } from './minutes-table.js';
import type { SqliteDatabase } from './sqlite-database.js';
import { microsOf } from './sqlite-ledger-rows.js';

const LIST = `
  SELECT kit_id, name, location, api_url, source, status, enabled, last_seen, created_at FROM kits ORDER BY kit_id`;
const COUNTS = `
  SELECT kit_id, iif(track_type IS 'aircraft', 'aircraft', 'drone') AS kind, count(*) AS n FROM drones GROUP BY 1, 2
  UNION ALL SELECT kit_id, 'signal', count(*) FROM signals GROUP BY 1
  UNION ALL SELECT kit_id, 'system', count(*) FROM system_health GROUP BY 1`;
const RECEIVERS = `
  SELECT name, enabled, state, last_message, messages, errors, dropped, reported FROM ingest_receivers
  WHERE kit_id = :kitId AND reported = (SELECT max(reported) FROM ingest_receivers WHERE kit_id = :kitId) ORDER BY name`;
const PUT = `
  INSERT INTO kits (kit_id, name, location, api_url, source, status)
  VALUES (:kitId, coalesce(:name, :kitId), :location, :apiUrl, 'http', 'offline')
  ON CONFLICT (kit_id) DO UPDATE SET api_url = excluded.api_url, name = coalesce(:name, name),
    location = coalesce(:location, location), source = iif(source = 'http', 'http', 'both')`;
const RENAME = 'UPDATE kits SET name = ? WHERE kit_id = ?';
const LOCATE = 'UPDATE kits SET location = ? WHERE kit_id = ?';
const SET_ENABLED = 'UPDATE kits SET enabled = ? WHERE kit_id = ?';
const REMOVE = 'DELETE FROM kits WHERE kit_id = ?';
const DROP_LEASE = 'DELETE FROM ingest_meta WHERE key = ?';
const EXPIRE = "UPDATE kits SET status = 'offline' WHERE status = 'online' AND (last_seen IS NULL OR last_seen < ?)";
const ANSWERED = `
  UPDATE kits SET status = 'online', last_seen = max(coalesce(last_seen, ''), :at),
    source = iif(coalesce(source, 'http') = 'http', 'http', 'both')
  WHERE kit_id = :kitId AND enabled = 1`;
const FAILED = `
  UPDATE kits SET status = :status
  WHERE kit_id = :kitId AND (source = 'http' OR last_seen IS NULL OR last_seen < :silentSince)`;
const LEASE = `
  INSERT INTO ingest_meta (key, value) VALUES (:key, :holder || ' ' || :until)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value
  WHERE substr(value, 1, instr(value, ' ') - 1) = :holder
    OR CAST(substr(value, instr(value, ' ') + 1) AS INTEGER) <= :now`;

/** By what tells the rows of each table apart: two of them have no rowid. */
const KEYS: Readonly<Record<KitTable, string>> = {
  drones: 'rowid',
  signals: 'rowid',
  system_health: 'rowid',
  ingest_keys: 'kit_id, kind, thing, key_us',
  ingest_rejects: 'id',
  ingest_reports: 'kit_id, epoch, kind',
  ingest_openings: 'kit_id',
  ingest_receivers: 'kit_id, name',
  ingest_minutes: MINUTE_KEY,
  ingest_ledger: 'kit_id, epoch, kind',
};

const KEY_TIME =
  "strftime('%Y-%m-%dT%H:%M:%S', k.time_us / 1000000, 'unixepoch') || printf('.%06dZ', k.time_us % 1000000)";
const rowIn = (table: string, samePart = ''): string =>
  `EXISTS (SELECT 1 FROM ${table} d WHERE d.time = ${KEY_TIME} AND d.kit_id = k.kit_id${samePart} AND d.observed_raw = k.key_us)`;
const HAS_NO_ROW = `
  AND NOT CASE kind WHEN 'signal' THEN ${rowIn('signals', ' AND d.freq_mhz = CAST(k.part AS REAL)')}
    WHEN 'system' THEN ${rowIn('system_health')} ELSE ${rowIn('drones', ' AND d.drone_id = k.part')} END`;
export const removeRows = (table: KitTable): string => `
  DELETE FROM ${table} WHERE (${KEYS[table]}) IN (
    SELECT ${KEYS[table]} FROM ${table} k WHERE kit_id = ?${table === 'ingest_keys' ? HAS_NO_ROW : ''} LIMIT ?)`;

interface StoredKit {
  readonly kit_id: string;
  readonly name: string | null;
  readonly location: string | null;
  readonly api_url: string | null;
  readonly source: string | null;
  readonly status: string | null;
  readonly enabled: number;
  readonly last_seen: string | null;
  readonly created_at: string;
}

interface ReceiverRow extends Pick<StoredReceiver, 'name' | 'state' | 'messages' | 'errors' | 'dropped'> {
  readonly enabled: number;
  readonly last_message: string | null;
  readonly reported: string;
}

export class SqliteKits implements Kits {
  constructor(private readonly db: SqliteDatabase) {}

  async list(): Promise<Kit[]> {
    const rows = (await this.db.read(() => this.db.statement(LIST).all())) as StoredKit[];
    return rows.map(({ kit_id: kitId, api_url: apiUrl, enabled, last_seen: seen, created_at: created, ...row }) => ({
      ...row,
      kitId,
      apiUrl,
      enabled: enabled === 1,
      lastSeenUs: seen === null ? null : microsOf(seen),
      createdUs: microsOf(created),
    }));
  }

  async counts(): Promise<Map<string, Record<Kind, number>>> {
    return countsPerKit((await this.db.read(() => this.db.statement(COUNTS).all())) as KitCount[]);
  }

  async receivers(kitId: string): Promise<StoredReceiver[]> {
    const rows = (await this.db.read(() => this.db.statement(RECEIVERS).all({ kitId }))) as ReceiverRow[];
    return rows.map(({ enabled, last_message: last, reported, ...row }) => ({
      ...row,
      enabled: enabled === 1,
      lastMessageUs: last === null ? null : microsOf(last),
      reportedUs: microsOf(reported),
    }));
  }

  async put(kit: NewKit): Promise<void> {
    await this.db.transaction(() => this.db.statement(PUT).run(kit));
  }

  async rename(kitId: string, name: string): Promise<boolean> {
    return (await this.change(RENAME, name, kitId)) > 0;
  }

  async locate(kitId: string, location: string | null): Promise<boolean> {
    return (await this.change(LOCATE, location, kitId)) > 0;
  }

  async setEnabled(kitId: string, enabled: boolean): Promise<boolean> {
    return (await this.change(SET_ENABLED, Number(enabled), kitId)) > 0;
  }

  async remove(kitId: string): Promise<boolean> {
    return this.db.transaction(() => {
      this.db.statement(DROP_LEASE).run(leaseKey(kitId));
      return this.db.statement(REMOVE).run(kitId).changes > 0;
    });
  }

  async removeRows(table: KitTable, kitId: string, limit: number): Promise<number> {
    return this.change(removeRows(table), kitId, limit);
  }

  async expire(nowUs: number): Promise<number> {
    return this.change(EXPIRE, isoMicros(nowUs - SILENT_US));
  }

  async answered(kitId: string, atUs: number): Promise<boolean> {
    return (await this.change(ANSWERED, { kitId, at: isoMicros(atUs) })) > 0;
  }

  async failed(kitId: string, status: KitStatus, nowUs: number): Promise<void> {
    await this.change(FAILED, { kitId, status, silentSince: isoMicros(nowUs - SILENT_US) });
  }

  async lease(kitIds: readonly string[], holder: string, nowUs: number, untilUs: number): Promise<string[]> {
    return this.db.transaction(() => {
      const take = this.db.statement(LEASE);
      // The times as text: better-sqlite3 binds a number as a real, which would be joined as 1.79e+15.
      const times = { now: BigInt(nowUs), until: String(untilUs) };
      return kitIds.filter((kitId) => take.run({ key: leaseKey(kitId), holder, ...times }).changes > 0);
    });
  }

  private change(sql: string, ...values: unknown[]): Promise<number> {
    return this.db.transaction(() => this.db.statement(sql).run(...values).changes);
  }
}
