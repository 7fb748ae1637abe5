// Every statement on PostgreSQL. One that looks rows up takes them as one JSON array ($1), and OFFSET 0 keeps the planner
// from doing anything but going by index; one that adds rows takes an array per column, which is read faster.
import { MINUTE_COLUMNS, PUT_MINUTES, typeOfMinute } from './minutes-table.js';
import {
  type ColumnType,
  DATA_TABLES,
  type DataTable,
  IS_UNTIMED,
  REPLAYED,
  type TableName,
  valueColumns,
} from './tables.js';

export const POSTGRES_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  real: 'double precision',
  integer: 'integer',
  bigint: 'bigint',
  boolean: 'boolean',
  json: 'jsonb',
  time: 'timestamptz',
};

/** Microseconds since 1970 to a timestamp and back, exactly: a JavaScript Date has milliseconds only. */
const timeOf = (micros: string): string => `(timestamptz 'epoch' + ${micros} * interval '1 microsecond')`;
const microsOf = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;

const rowsOf = (columns: string): string => `json_to_recordset($1::json) AS r(${columns})`;

const columnsOf = (first: number, ...types: string[]): string =>
  `unnest(${types.map((type, i) => `$${first + i}::${type}[]`).join(', ')})`;

const KIT = `kit_id AS "kitId", source, status, ${microsOf('last_seen')} AS "lastSeenUs"`;

export const LOCK_KITS = `
  SELECT ${KIT} FROM kits WHERE kit_id IN (SELECT kit_id FROM ${rowsOf('kit_id text')}) ORDER BY kit_id FOR UPDATE`;
// As Analytics' own ingest registers one, which names a kit by its id.
export const ADD_KITS = `
  INSERT INTO kits (kit_id, name, source, status) SELECT kit_id, kit_id, 'mqtt', 'offline'
  FROM ${rowsOf('kit_id text')} ON CONFLICT (kit_id) DO NOTHING`;
export const PUT_KITS = `
  UPDATE kits k SET source = r.source, status = r.status, last_seen = ${timeOf('r."lastSeenUs"')}
  FROM ${rowsOf('"kitId" text, source text, status text, "lastSeenUs" bigint')} WHERE k.kit_id = r."kitId"`;

const LEDGER = `l.kit_id AS "kitId", l.epoch, l.kind, l.received, l.next, l.refused, l.merged, l.rejected,
  ${microsOf('l.last_contact')} AS "lastContactUs"`;

const STREAM_COLUMNS = '"kitId" text, epoch text, kind text';
const ITS_REPORT = 'LEFT JOIN ingest_reports w ON w.kit_id = l.kit_id AND w.epoch = l.epoch AND w.kind = l.kind';
const ACCOUNT = `
  SELECT ${LEDGER}, coalesce(w.floor, 1) AS floor, coalesce(w.next, 1) AS "reportedNext",
    coalesce(w.examined, 1) AS examined, coalesce(w.evicted, '[]') AS evicted,
    coalesce(w.quarantined, '[]') AS quarantined, coalesce(w.missing, '[]') AS missing
  FROM ingest_ledger l ${ITS_REPORT}`;
export const ALL_ACCOUNTS = `${ACCOUNT} ORDER BY 1, 2, 3`;
export const ACCOUNTS_OF_KIT = `${ACCOUNT} WHERE l.kit_id = $1 ORDER BY 1, 2, 3`;
export const GET_LEDGERS = `
  SELECT ${LEDGER}, w.floor FROM ${rowsOf(STREAM_COLUMNS)}
  JOIN ingest_ledger l ON l.kit_id = r."kitId" AND l.epoch = r.epoch AND l.kind = r.kind ${ITS_REPORT}`;
export const PUT_LEDGERS = `
  INSERT INTO ingest_ledger (kit_id, epoch, kind, received, next, refused, merged, rejected, last_contact)
  SELECT r."kitId", r.epoch, r.kind, r.received, r.next, r.refused, r.merged, r.rejected, ${timeOf('r."lastContactUs"')}
  FROM ${rowsOf(`"kitId" text, epoch text, kind text, received jsonb, next bigint,
    refused bigint, merged bigint, rejected bigint, "lastContactUs" bigint`)}
  ON CONFLICT (kit_id, epoch, kind) DO UPDATE SET received = excluded.received, next = excluded.next,
    refused = excluded.refused, merged = excluded.merged, rejected = excluded.rejected,
    last_contact = excluded.last_contact`;

export const GET_OPENINGS = `
  SELECT kit_id AS "kitId", opening, n, listing, listed, superseded, clock_offsets AS "clockOffsets" FROM ingest_openings
  WHERE kit_id IN (SELECT kit_id FROM ${rowsOf('kit_id text')})`;
export const PUT_OPENINGS = `
  INSERT INTO ingest_openings (kit_id, opening, n, listing, listed, superseded, clock_offsets)
  SELECT * FROM ${rowsOf(`"kitId" text, opening text, n bigint, listing jsonb, listed boolean, superseded jsonb,
    "clockOffsets" jsonb`)}
  ON CONFLICT (kit_id) DO UPDATE SET opening = excluded.opening, n = excluded.n, listing = excluded.listing,
    listed = excluded.listed, superseded = excluded.superseded, clock_offsets = excluded.clock_offsets`;
export const GET_REPORTS = `
  SELECT w.kit_id AS "kitId", w.epoch, w.kind, w.opening, w.floor, w.next, w.examined, w.evicted, w.quarantined, w.missing
  FROM ${rowsOf(STREAM_COLUMNS)}
  JOIN ingest_reports w ON w.kit_id = r."kitId" AND w.epoch = r.epoch AND w.kind = r.kind`;
export const PUT_REPORTS = `
  INSERT INTO ingest_reports (kit_id, epoch, kind, opening, floor, next, examined, evicted, quarantined, missing)
  SELECT * FROM ${rowsOf(`${STREAM_COLUMNS}, opening text, floor bigint, next bigint, examined bigint, evicted jsonb,
    quarantined jsonb, missing jsonb`)}
  ON CONFLICT (kit_id, epoch, kind) DO UPDATE SET opening = excluded.opening, floor = excluded.floor,
    next = excluded.next, examined = excluded.examined, evicted = excluded.evicted,
    quarantined = excluded.quarantined, missing = excluded.missing`;
export const PUT_RECEIVERS = `
  INSERT INTO ingest_receivers (kit_id, name, enabled, state, last_message, messages, errors, dropped, reported)
  SELECT r."kitId", r.name, r.enabled, r.state, ${timeOf('r."lastMessageUs"')}, r.messages, r.errors, r.dropped,
    ${timeOf('r."reportedUs"')}
  FROM ${rowsOf(`"kitId" text, name text, enabled boolean, state text, "lastMessageUs" bigint, messages bigint,
    errors bigint, dropped bigint, "reportedUs" bigint`)}
  ON CONFLICT (kit_id, name) DO UPDATE SET enabled = excluded.enabled, state = excluded.state,
    last_message = excluded.last_message, messages = excluded.messages, errors = excluded.errors,
    dropped = excluded.dropped, reported = excluded.reported`;
export const UNEXAMINED = `
  SELECT l.kit_id AS "kitId", l.epoch, l.kind FROM ${rowsOf('"kitId" text, opening text, "listingEnds" boolean')}
  JOIN ingest_ledger l ON l.kit_id = r."kitId" ${ITS_REPORT}
  WHERE w.examined IS NULL OR w.examined < l.next OR (r."listingEnds" AND w.opening <> r.opening)`;

const KEY = `k.kit_id AS "kitId", k.kind, k.thing, k.key_us AS "keyUs", k.time_us AS "timeUs", k.part, k.epoch, k.seq, k.twin`;
const SAME_THING = 'k.kit_id = r."kitId" AND k.kind = r.kind AND k.thing = r.thing';
const KEY_COLUMNS = '"kitId" text, kind text, thing text, "keyUs" bigint';
const NEW_KEY_COLUMNS = `${KEY_COLUMNS}, "timeUs" bigint, part text, epoch text, seq bigint`;

const TWIN_COLUMNS = 'twin text, "twinThing" text, "withinUs" bigint';
const IS_TWIN = `k.kit_id = r."kitId" AND k.twin = r.twin
  AND k.key_us BETWEEN r."keyUs" - r."withinUs" AND r."keyUs" + r."withinUs"`;

export const GET_KEYS = `
  SELECT ${KEY} FROM ${rowsOf(`${KEY_COLUMNS}, ${TWIN_COLUMNS}`)} CROSS JOIN LATERAL (
    (SELECT * FROM ingest_keys k WHERE ${SAME_THING} AND k.key_us = r."keyUs" OFFSET 0)
    UNION ALL
    (SELECT * FROM ingest_keys k WHERE ${IS_TWIN} AND ${IS_UNTIMED} OFFSET 0)) k`;
export const GET_KEYS_BEFORE = `
  SELECT ${KEY} FROM ${rowsOf(`${KEY_COLUMNS}, "foldWithinUs" bigint, ${TWIN_COLUMNS}`)} CROSS JOIN LATERAL (
    (SELECT * FROM ingest_keys k
      WHERE ${SAME_THING} AND k.key_us BETWEEN r."keyUs" - r."foldWithinUs" AND r."keyUs"
      ORDER BY k.key_us DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM ingest_keys k WHERE ${IS_TWIN} AND k.kind = r.kind AND k.thing = r."twinThing" OFFSET 0)) k`;
export const INSERT_KEYS = `
  INSERT INTO ingest_keys (kit_id, kind, thing, key_us, time_us, part, epoch, seq, twin, stored_us)
  SELECT *, ${microsOf('now()')} FROM ${columnsOf(1, 'text', 'text', 'text', 'bigint', 'bigint', 'text', 'text', 'bigint', 'text')}`;
export const UPDATE_KEYS = `
  UPDATE ingest_keys k SET time_us = r."timeUs", part = r.part, epoch = r.epoch, seq = r.seq
  FROM ${rowsOf(NEW_KEY_COLUMNS)} WHERE ${SAME_THING} AND k.key_us = r."keyUs"`;

export const ADD_MINUTES = `
  ${PUT_MINUTES.into} SELECT * FROM ${rowsOf(MINUTE_COLUMNS.map((name) => `${name} ${typeOfMinute(name)}`).join(', '))}
  ${PUT_MINUTES.onConflict}`;

export const INSERT_REJECTS = `
  INSERT INTO ingest_rejects (received, topic, kit_id, kind, epoch, seq, reason, detail, payload, digest)
  SELECT ${timeOf('r."receivedUs"')}, r.topic, r."kitId", r.kind, r.epoch, r.seq, r.reason, r.detail,
    decode(r.payload, 'base64'), r.digest
  FROM ${rowsOf(`"receivedUs" bigint, topic text, "kitId" text, kind text, epoch text, seq bigint, reason text,
    detail text, payload text, digest text`)}
  ON CONFLICT (digest) DO NOTHING RETURNING digest`;

export interface TablePlans {
  /** Of the places themselves. */
  readonly occupied: string;
  /** From each place up to $2 microseconds after it. */
  readonly occupiedAfter: string;
  /** Returns the numbers of those that were there. */
  readonly updateRows: string;
  readonly insertRows: string;
}

export const TABLE_PLANS: Readonly<Record<TableName, TablePlans>> = {
  drones: plansOf(DATA_TABLES.drones),
  signals: plansOf(DATA_TABLES.signals),
  system_health: plansOf(DATA_TABLES.system_health),
};

function plansOf(table: DataTable): TablePlans {
  const part = table.columns.find(({ name }) => name === table.part);
  const samePart = part === undefined ? '' : ` AND d.${part.name} = r.part::${POSTGRES_TYPES[part.type]}`;
  // Bound in any case, so that every table takes the same parameters.
  const anyPart =
    part === undefined
      ? ' AND $4::text[] IS NOT NULL'
      : ` AND d.${part.name} = ANY ($4::text[]::${POSTGRES_TYPES[part.type]}[])`;
  const wasPart = part === undefined ? '' : ` AND d.${part.name} = r.from_part::${POSTGRES_TYPES[part.type]}`;
  const places = rowsOf('"kitId" text, part text, "timeUs" bigint');
  const names = valueColumns(table).map(({ name }) => name);
  const news = names.map((name) => `new_${name}`);
  // One copy that came as it happened is enough, also one of an earlier state. But one that comes later and does not win
  // (an answer of the kit's API, behind the kit's own record) changes nothing, so not this either.
  const states = names.map((name) => (name === REPLAYED ? `d.${name} AND new_${name}` : `new_${name}`));
  const types = valueColumns(table).map(({ type }) => POSTGRES_TYPES[type]);
  return {
    occupied: `
      SELECT r.* FROM ${places} CROSS JOIN LATERAL (
        SELECT 1 FROM ${table.name} d
        WHERE d.time = ${timeOf('r."timeUs"')} AND d.kit_id = r."kitId"${samePart} OFFSET 0) d`,
    // By time alone: by drone or kit, the planner would read all their history.
    occupiedAfter: `
      SELECT r."kitId", r.part, ${microsOf('d.time')} AS "timeUs" FROM ${places} CROSS JOIN LATERAL (
        SELECT * FROM ${table.name} w
        WHERE w.time >= ${timeOf('r."timeUs"')} AND w.time <= ${timeOf('(r."timeUs" + $2)')} OFFSET 0) d
      WHERE d.kit_id = r."kitId"${samePart}`,
    // $1 to $4 bound them all: of a hypertable, the other chunks are not opened, and of a compressed chunk no more is
    // unpacked than the segments of these kits and drones.
    updateRows: `
      UPDATE ${table.name} d SET (time, ${names.join(', ')}) = ROW(${timeOf('r.time_us')}, ${states.join(', ')})
      FROM ${columnsOf(5, 'integer', 'bigint', 'text', 'text', 'bigint', ...types)}
        AS r(n, from_us, from_part, kit_id, time_us, ${news.join(', ')})
      WHERE d.time = ${timeOf('r.from_us')} AND d.kit_id = r.kit_id${wasPart}
        AND d.time BETWEEN ${timeOf('$1::bigint')} AND ${timeOf('$2::bigint')}
        AND d.kit_id = ANY ($3::text[])${anyPart}
      RETURNING r.n`,
    insertRows: `
      INSERT INTO ${table.name} (time, kit_id, ${names.join(', ')})
      SELECT ${timeOf('time_us')}, kit_id, ${names.join(', ')}
      FROM ${columnsOf(1, 'bigint', 'text', ...types)} AS r(time_us, kit_id, ${names.join(', ')})`,
  };
}

/** Rows beyond the first of one natural key. Those of other writers have no kit time, and are not ours to judge. */
const doubledIn = (table: TableName, ...thing: string[]): string => `
  SELECT coalesce(sum(n - 1), 0)::bigint FROM (
    SELECT count(*) AS n FROM ${table} WHERE observed_raw IS NOT NULL
    GROUP BY ${['kit_id', 'observed_raw', ...thing].join(', ')} HAVING count(*) > 1) AS doubled`;

export const COUNT_ROWS = `
  SELECT count(*) FILTER (WHERE track_type IS DISTINCT FROM 'aircraft') AS drone,
    count(*) FILTER (WHERE track_type = 'aircraft') AS aircraft,
    (SELECT count(*) FROM signals) AS signal, (SELECT count(*) FROM system_health) AS system FROM drones`;
export const COUNT_OTHERS = `
  SELECT (SELECT count(*) FROM ingest_rejects) AS rejects,
    ((${doubledIn('drones', 'track_type', 'drone_id')}) + (${doubledIn('signals', 'uid')})
      + (${doubledIn('system_health')})) AS doubled`;

/** Slices: one long delete would hold back the vacuum and, on its rows, the kits' next commits. */
export const pruneRows = (table: TableName): string => `
  DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE time < ${timeOf('$1::bigint')} LIMIT $2))
  RETURNING 1`;
export const PRUNE_KEYS = `
  DELETE FROM ingest_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ingest_keys WHERE kind = ANY ($3) AND time_us < $1 LIMIT $2)) RETURNING 1`;
export const PRUNE_MINUTES = `
  DELETE FROM ingest_minutes WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ingest_minutes WHERE kind = ANY ($3) AND minute_s < $1 LIMIT $2)) RETURNING 1`;
export const PRUNE_OLD_REJECTS = `
  DELETE FROM ingest_rejects WHERE id IN (
    SELECT id FROM ingest_rejects WHERE received < ${timeOf('$1::bigint')} LIMIT $2) RETURNING 1`;
export const PRUNE_SURPLUS_REJECTS = `
  DELETE FROM ingest_rejects WHERE id IN (
    SELECT id FROM ingest_rejects WHERE id <= (SELECT id FROM ingest_rejects ORDER BY id DESC OFFSET $1 LIMIT 1)
    LIMIT $2) RETURNING 1`;

export const SYNCHRONOUS_COMMIT = "SELECT current_setting('synchronous_commit') AS value";
/** Any number that nobody else takes: "drag" in ASCII. */
export const LOCK_SCHEMA = 'SELECT pg_advisory_xact_lock(1685217639)';
export const HAS_META = "SELECT to_regclass('ingest_meta') IS NOT NULL AS found";
export const GET_META = 'SELECT value FROM ingest_meta WHERE key = $1';
export const ADD_META = 'INSERT INTO ingest_meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING';
export const PUT_META = `
  INSERT INTO ingest_meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`;
/** Not from the information schema, which hides those of tables that this role has no right on. */
export const COLUMNS = `
  SELECT c.relname || '.' || a.attname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
    AND NOT a.attisdropped`;
