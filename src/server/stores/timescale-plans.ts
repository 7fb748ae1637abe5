// TimescaleDB's part of the schema, as WarDragon Analytics has it: chunks, compression, retention, hourly aggregates; and
// the statements that ask what of it is there.
import { RETENTION_DAYS } from './retention.js';
import type { TableName } from './tables.js';

const CHUNK = '7 days';
const COMPRESS_AFTER = '7 days';

interface Compression {
  readonly segmentBy: string;
  readonly orderBy: string;
}

const COMPRESSION: Readonly<Record<TableName, Compression>> = {
  drones: { segmentBy: 'kit_id, drone_id', orderBy: 'time DESC' },
  signals: { segmentBy: 'kit_id', orderBy: 'time DESC, freq_mhz' },
  system_health: { segmentBy: 'kit_id', orderBy: 'time DESC' },
};

/** Takes the rows that are there along, and an ACCESS EXCLUSIVE lock for as long as that lasts. */
export const makeHypertable = (table: TableName): string => `
  SELECT create_hypertable('${table}', 'time', chunk_time_interval => interval '${CHUNK}',
    create_default_indexes => false, migrate_data => true)`;

/** What TimescaleDB does by itself to a hypertable, under its own licence. */
export function addPolicies(table: TableName): string[] {
  const { segmentBy, orderBy } = COMPRESSION[table];
  return [
    `ALTER TABLE ${table} SET (timescaledb.compress, timescaledb.compress_segmentby = '${segmentBy}',
      timescaledb.compress_orderby = '${orderBy}')`,
    `SELECT add_compression_policy('${table}', interval '${COMPRESS_AFTER}')`,
    `SELECT add_retention_policy('${table}', interval '${RETENTION_DAYS[table]} days')`,
  ];
}

export interface Aggregate {
  readonly name: string;
  readonly table: TableName;
  /** Beside `bucket` and `kit_id`: each column's name and what it is. */
  readonly columns: Readonly<Record<string, string>>;
}

const differentWhere = (condition: string): string => `count(DISTINCT drone_id) FILTER (WHERE ${condition})`;
const madeBy = (make: string): string => differentWhere(`rid_make = '${make}'`);
const countWhere = (condition: string): string => `count(*) FILTER (WHERE ${condition})`;
const between = (fromMhz: number, toMhz: number): string =>
  countWhere(`freq_mhz >= ${fromMhz} AND freq_mhz < ${toMhz}`);

const DRONES_HOURLY: Aggregate = {
  name: 'drones_hourly',
  table: 'drones',
  columns: {
    unique_drones: 'count(DISTINCT drone_id)',
    total_detections: 'count(*)',
    avg_altitude: 'avg(alt)',
    max_altitude: 'max(alt)',
    avg_speed: 'avg(speed)',
    max_speed: 'max(speed)',
    unique_drones_rid: differentWhere("track_type = 'drone'"),
    unique_aircraft_adsb: differentWhere("track_type = 'aircraft'"),
    dji_count: madeBy('DJI'),
    autel_count: madeBy('Autel'),
    skydio_count: madeBy('Skydio'),
  },
};

const SIGNALS_HOURLY: Aggregate = {
  name: 'signals_hourly',
  table: 'signals',
  columns: {
    total_detections: 'count(*)',
    unique_frequencies: 'count(DISTINCT freq_mhz)',
    avg_power: 'avg(power_dbm)',
    max_power: 'max(power_dbm)',
    min_power: 'min(power_dbm)',
    analog_count: countWhere("detection_type = 'analog'"),
    dji_count: countWhere("detection_type = 'dji'"),
    band_a_count: between(5650, 5750),
    band_b_count: between(5750, 5850),
    band_c_count: between(5850, 5950),
  },
};

export const AGGREGATES: readonly Aggregate[] = [DRONES_HOURLY, SIGNALS_HOURLY];

/** Empty at first, which makes it something that a transaction may do; its hours are marked to be refreshed. */
export function makeAggregate({ name, table, columns }: Aggregate): string[] {
  const selected = Object.entries(columns).map(([column, value]) => `${value} AS ${column}`);
  return [
    `CREATE MATERIALIZED VIEW ${name} WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
      SELECT time_bucket('1 hour', time) AS bucket, kit_id, ${selected.join(', ')} FROM ${table} GROUP BY 1, 2
      WITH NO DATA`,
    `CREATE INDEX idx_${name}_bucket ON ${name} (bucket DESC)`,
    `CREATE INDEX idx_${name}_kit_id ON ${name} (kit_id, bucket DESC)`,
    `SELECT add_continuous_aggregate_policy('${name}', start_offset => interval '3 hours',
      end_offset => interval '1 hour', schedule_interval => interval '30 minutes')`,
    `INSERT INTO ingest_refresh (aggregate, hour)
      SELECT '${name}', date_trunc('hour', time, 'UTC') FROM ${table} GROUP BY 2`,
  ];
}

/** Installed on the server and not in this database, in which nothing has been made yet. */
export const EXTENSION_IS_OFFERED = `
  SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version IS NULL)
    AND to_regclass('drones') IS NULL AS offered`;
export const CREATE_EXTENSION = 'CREATE EXTENSION timescaledb';

export const HAS_TIMESCALE = "SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL AS found";
/** `timescale`, or `apache`: then there are hypertables, and nothing more. */
export const LICENCE = "SELECT coalesce(current_setting('timescaledb.license', true), 'timescale') AS licence";
export const HYPERTABLES = `
  SELECT hypertable_name::text AS name FROM timescaledb_information.hypertables
  WHERE hypertable_schema = current_schema()`;
/** Of the tables in $1, those that are none yet, and whether they are ours to change. */
export const PLAIN_TABLES = `
  SELECT c.relname::text AS name, pg_has_role(c.relowner, 'USAGE') AS owned
  FROM unnest($1::text[]) AS t(name) JOIN pg_class c ON c.oid = to_regclass(t.name)
  WHERE c.relname NOT IN (
    SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema())`;
/** Whether an aggregate named $1 is lacking that we may make of the table $2. */
export const LACKS_AGGREGATE = `
  SELECT EXISTS (
    SELECT FROM timescaledb_information.hypertables h JOIN pg_class c ON c.oid = to_regclass($2)
    WHERE h.hypertable_schema = current_schema() AND h.hypertable_name = c.relname
      AND pg_has_role(c.relowner, 'USAGE') AND to_regclass($1) IS NULL) AS lacking`;

/** Whole chunks, as a policy would. */
export const DROP_CHUNKS = `
  SELECT drop_chunks($1::text::regclass, older_than => timestamptz 'epoch' + $2::bigint * interval '1 microsecond')`;
