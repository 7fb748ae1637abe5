// Every statement of the store on SQLite: one row each, prepared once.
import { MINUTE_COLUMNS, MINUTE_KEY, PUT_MINUTES } from './minutes-table.js';
import { DATA_TABLES, type DataTable, IS_UNTIMED, REPLAYED, type TableName, valueColumns } from './tables.js';

export const BEGIN = 'BEGIN IMMEDIATE';
export const COMMIT = 'COMMIT';
export const ROLLBACK = 'ROLLBACK';

export const GET_KIT = 'SELECT kit_id, source, status, last_seen FROM kits WHERE kit_id = ?';
export const ADD_KIT = "INSERT INTO kits (kit_id, name, source, status) VALUES (:kitId, :kitId, 'mqtt', 'offline')";
export const PUT_KIT = 'UPDATE kits SET source = ?, status = ?, last_seen = ? WHERE kit_id = ?';

const LEDGER = `l.kit_id, l.epoch, l.kind, l.received, l.next, l.refused, l.merged, l.rejected, l.last_contact`;
const LEDGER_AND_REPORT = `
  FROM ingest_ledger l LEFT JOIN ingest_reports r ON r.kit_id = l.kit_id AND r.epoch = l.epoch AND r.kind = l.kind`;
const ACCOUNT = `
  SELECT ${LEDGER}, coalesce(r.floor, 1) AS floor, coalesce(r.next, 1) AS reported_next,
    coalesce(r.examined, 1) AS examined, coalesce(r.evicted, '[]') AS evicted,
    coalesce(r.quarantined, '[]') AS quarantined, coalesce(r.missing, '[]') AS missing ${LEDGER_AND_REPORT}`;
export const ALL_ACCOUNTS = `${ACCOUNT} ORDER BY l.kit_id, l.epoch, l.kind`;
export const ACCOUNTS_OF_KIT = `${ACCOUNT} WHERE l.kit_id = ? ORDER BY l.epoch, l.kind`;
export const GET_LEDGER = `
  SELECT ${LEDGER}, r.floor ${LEDGER_AND_REPORT} WHERE l.kit_id = ? AND l.epoch = ? AND l.kind = ?`;
export const PUT_LEDGER = `
  INSERT OR REPLACE INTO ingest_ledger
    (kit_id, epoch, kind, received, next, refused, merged, rejected, last_contact)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export const GET_OPENING = `
  SELECT kit_id, opening, n, listing, listed, superseded, clock_offsets FROM ingest_openings WHERE kit_id = ?`;
export const PUT_OPENING = `
  INSERT OR REPLACE INTO ingest_openings (kit_id, opening, n, listing, listed, superseded, clock_offsets)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
export const GET_REPORT = `
  SELECT kit_id, epoch, kind, opening, floor, next, examined, evicted, quarantined, missing FROM ingest_reports
  WHERE kit_id = ? AND epoch = ? AND kind = ?`;
export const PUT_REPORT = `
  INSERT OR REPLACE INTO ingest_reports
    (kit_id, epoch, kind, opening, floor, next, examined, evicted, quarantined, missing)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
export const PUT_RECEIVER = `
  INSERT OR REPLACE INTO ingest_receivers
    (kit_id, name, enabled, state, last_message, messages, errors, dropped, reported)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
export const UNEXAMINED = `
  SELECT l.kit_id, l.epoch, l.kind ${LEDGER_AND_REPORT}
  WHERE l.kit_id = :kitId AND (r.examined IS NULL OR r.examined < l.next OR (:listingEnds = 1 AND r.opening <> :opening))`;

const KEY = 'SELECT kit_id, kind, thing, key_us, time_us, part, epoch, seq, twin FROM ingest_keys';
const THING = 'kit_id = ? AND kind = ? AND thing = ?';
export const GET_KEY = `${KEY} WHERE ${THING} AND key_us = ?`;
export const GET_KEY_BEFORE = `${KEY} WHERE ${THING} AND key_us BETWEEN ? AND ? ORDER BY key_us DESC LIMIT 1`;
const IS_TWIN = 'kit_id = :kitId AND twin = :twin AND key_us BETWEEN :fromUs AND :toUs';
export const GET_UNTIMED_TWINS = `${KEY} WHERE ${IS_TWIN} AND ${IS_UNTIMED}`;
export const GET_TIMED_TWINS = `${KEY} WHERE ${IS_TWIN} AND kind = :kind AND thing = :thing`;
export const INSERT_KEY = `
  INSERT INTO ingest_keys (time_us, part, epoch, seq, kit_id, kind, thing, key_us, twin, stored_us)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(unixepoch('subsec') * 1000000 AS INTEGER))`;
export const UPDATE_KEY = `
  UPDATE ingest_keys SET time_us = ?, part = ?, epoch = ?, seq = ? WHERE ${THING} AND key_us = ?`;

export const ADD_MINUTE = `
  ${PUT_MINUTES.into} VALUES (${MINUTE_COLUMNS.map((name) => `:${name}`).join(', ')}) ${PUT_MINUTES.onConflict}`;

export const INSERT_REJECT = `
  INSERT INTO ingest_rejects (received, topic, kit_id, kind, epoch, seq, reason, detail, payload, digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`;

export interface TablePlans {
  /** The times from one to another that are taken; the key's part is bound last, where there is one. */
  readonly occupied: string;
  readonly updateRow: string;
  readonly insertRow: string;
}

export const TABLE_PLANS: Readonly<Record<TableName, TablePlans>> = {
  drones: plansOf(DATA_TABLES.drones),
  signals: plansOf(DATA_TABLES.signals),
  system_health: plansOf(DATA_TABLES.system_health),
};

function plansOf(table: DataTable): TablePlans {
  const samePart = table.part === null ? '' : ` AND ${table.part} = ?`;
  const names = ['time', 'kit_id', ...valueColumns(table).map(({ name }) => name)];
  // One copy that came as it happened is enough, also one of an earlier state. But one that comes later and does not win
  // (an answer of the kit's API, behind the kit's own record) changes nothing, so not this either.
  const states = names.map((name) => (name === REPLAYED ? `${name} AND ?` : '?'));
  return {
    occupied: `SELECT time FROM ${table.name} WHERE time BETWEEN ? AND ? AND kit_id = ?${samePart}`,
    updateRow: `
      UPDATE ${table.name} SET (${names.join(', ')}) = (${states.join(', ')})
      WHERE time = ? AND kit_id = ?${samePart}`,
    insertRow: `INSERT INTO ${table.name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  };
}

/** Rows beyond the first of one natural key. */
const doubledIn = (table: TableName, ...thing: string[]): string => `
  SELECT coalesce(sum(n - 1), 0) FROM (
    SELECT count(*) AS n FROM ${table} WHERE observed_raw IS NOT NULL
    GROUP BY ${['kit_id', 'observed_raw', ...thing].join(', ')} HAVING count(*) > 1)`;

export const COUNT_ROWS = `
  SELECT count(*) FILTER (WHERE track_type IS NOT 'aircraft') AS drone,
    count(*) FILTER (WHERE track_type = 'aircraft') AS aircraft,
    (SELECT count(*) FROM signals) AS signal, (SELECT count(*) FROM system_health) AS system FROM drones`;
export const COUNT_OTHERS = `
  SELECT (SELECT count(*) FROM ingest_rejects) AS rejects,
    (${doubledIn('drones', 'track_type', 'drone_id')}) + (${doubledIn('signals', 'uid')})
      + (${doubledIn('system_health')}) AS doubled`;

export const pruneRows = (table: TableName): string =>
  `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE time < ? LIMIT ?)`;
/** By primary key: this table has no rowid. */
export const PRUNE_KEYS = `
  DELETE FROM ingest_keys WHERE (kit_id, kind, thing, key_us) IN (
    SELECT kit_id, kind, thing, key_us FROM ingest_keys WHERE kind = ? AND time_us < ? LIMIT ?)`;
export const PRUNE_MINUTES = `
  DELETE FROM ingest_minutes WHERE (${MINUTE_KEY}) IN (
    SELECT ${MINUTE_KEY} FROM ingest_minutes WHERE kind = ? AND minute_s < ? LIMIT ?)`;
export const PRUNE_OLD_REJECTS = `
  DELETE FROM ingest_rejects WHERE id IN (SELECT id FROM ingest_rejects WHERE received < ? LIMIT ?)`;
export const PRUNE_SURPLUS_REJECTS = `
  DELETE FROM ingest_rejects WHERE id IN (
    SELECT id FROM ingest_rejects WHERE id <= (SELECT id FROM ingest_rejects ORDER BY id DESC LIMIT 1 OFFSET ?)
    LIMIT ?)`;

export const TABLE_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
export const HAS_COLUMN = 'SELECT 1 FROM pragma_table_info(?) WHERE name = ?';
export const GET_META = 'SELECT value FROM ingest_meta WHERE key = ?';
export const ADD_META = 'INSERT OR IGNORE INTO ingest_meta (key, value) VALUES (?, ?)';
export const PUT_META = 'INSERT OR REPLACE INTO ingest_meta (key, value) VALUES (?, ?)';
/** The free pages go back to the disk; more than a day's worth at once would keep commits waiting. */
export const GIVE_BACK_PAGES = 'PRAGMA incremental_vacuum(10000)';
