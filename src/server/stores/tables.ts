// The tables of WarDragon Analytics and what we add to them: names, types, checks, keys; both databases are made from
// this one description.
import type { Kind } from '../../schema/kinds.js';

export type ColumnType = 'text' | 'real' | 'integer' | 'bigint' | 'boolean' | 'json' | 'time';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** NOT NULL, with a default where rows may exist that know nothing of the column. */
  readonly required?: boolean;
  readonly default?: { readonly postgres: string; readonly sqlite: string };
  /** A condition in SQL that both databases read alike. */
  readonly check?: string;
}

/**
 * Of a key in `ingest_keys`: that its observation came without a time. The hash of its content stands behind a # then
 * (server/times.ts). Both databases read it, and only in these words do they see that an index serves it.
 */
export const IS_UNTIMED = "thing LIKE '%#%'";

export type TableName = 'drones' | 'signals' | 'system_health';

export interface DataTable {
  readonly name: TableName;
  /** What makes the primary key together with `time` and `kit_id`; null when these two suffice. */
  readonly part: string | null;
  /** Analytics' own columns after `time` and `kit_id`: what an observation may fill. */
  readonly columns: readonly Column[];
  /** Ours. */
  readonly added: readonly Column[];
}

const of = (type: ColumnType, ...names: string[]): Column[] => names.map((name) => ({ name, type }));
const oneOf = (name: string, ...values: string[]): Column => ({
  name,
  type: 'text',
  check: `${name} IN (${values.map((value) => `'${value}'`).join(', ')})`,
});
const percent = (name: string): Column => ({ name, type: 'real', check: `${name} >= 0 AND ${name} <= 100` });

/** True of a row that only replays have told of (reads.ts says how far that goes); null of any other. */
export const REPLAYED = 'sink_replay';

/** The identity of the state a row shows, the kit's own time in microseconds, and the fields without a column. */
const OURS = [
  ...of('json', 'extra'),
  ...of('text', 'sink_epoch'),
  ...of('bigint', 'sink_seq', 'observed_raw'),
  ...of('boolean', REPLAYED),
];

export const KITS: readonly Column[] = [
  { name: 'kit_id', type: 'text', required: true },
  ...of('text', 'name', 'location', 'api_url'),
  ...of('time', 'last_seen'),
  oneOf('status', 'online', 'offline', 'error'),
  { name: 'enabled', type: 'boolean', required: true, default: { postgres: 'true', sqlite: '1' } },
  {
    name: 'created_at',
    type: 'time',
    required: true,
    default: { postgres: 'now()', sqlite: "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))" },
  },
  { ...oneOf('source', 'http', 'mqtt', 'both'), default: { postgres: "'http'", sqlite: "'http'" } },
];

const DRONES: DataTable = {
  name: 'drones',
  part: 'drone_id',
  columns: [
    { name: 'drone_id', type: 'text', required: true },
    ...of('real', 'lat', 'lon', 'alt', 'speed', 'heading', 'vspeed', 'height', 'direction'),
    ...of('text', 'op_status'),
    ...of('integer', 'runtime'),
    ...of('text', 'id_type'),
    ...of('real', 'pilot_lat', 'pilot_lon', 'home_lat', 'home_lon'),
    ...of('text', 'mac'),
    ...of('integer', 'rssi'),
    ...of('real', 'freq'),
    ...of('text', 'ua_type', 'operator_id', 'caa_id', 'rid_make', 'rid_model', 'rid_source'),
    oneOf('track_type', 'drone', 'aircraft'),
    ...of('text', 'transport', 'description'),
    ...of('real', 'freq_mhz'),
    ...of('text', 'rid_status', 'rid_tracking'),
    ...of('boolean', 'rid_lookup_attempted', 'rid_lookup_success'),
    ...of('text', 'ua_type_name', 'operator_id_type', 'height_type', 'ew_dir'),
    ...of('real', 'pressure_altitude', 'gps_accuracy', 'observed_at'),
  ],
  added: OURS,
};

const SIGNALS: DataTable = {
  name: 'signals',
  part: 'freq_mhz',
  columns: [
    { name: 'freq_mhz', type: 'real', required: true },
    ...of('real', 'power_dbm', 'bandwidth_mhz', 'lat', 'lon', 'alt'),
    oneOf('detection_type', 'analog', 'dji'),
    ...of('real', 'pal_conf', 'ntsc_conf'),
    ...of('text', 'source', 'signal_type'),
  ],
  // Two signals may share a frequency, so that it takes the uid to tell one from the other.
  added: [...of('text', 'uid'), ...OURS],
};

const SYSTEM_HEALTH: DataTable = {
  name: 'system_health',
  part: null,
  columns: [
    ...of('real', 'lat', 'lon', 'alt'),
    percent('cpu_percent'),
    percent('memory_percent'),
    percent('disk_percent'),
    { name: 'uptime_hours', type: 'real', check: 'uptime_hours >= 0' },
    ...of('real', 'temp_cpu', 'temp_gpu', 'pluto_temp', 'zynq_temp', 'speed', 'track'),
    ...of('boolean', 'gps_fix'),
    ...of('text', 'time_source', 'gpsd_time_utc'),
    ...of('bigint', 'kit_updated_epoch'),
  ],
  added: OURS,
};

export const DATA_TABLES: Readonly<Record<TableName, DataTable>> = {
  drones: DRONES,
  signals: SIGNALS,
  system_health: SYSTEM_HEALTH,
};

export const TABLES = ['drones', 'signals', 'system_health'] as const satisfies readonly TableName[];

/** Drones and aircraft share a table; `track_type` says which. */
export const TABLE_OF: Readonly<Record<Kind, TableName>> = {
  drone: 'drones',
  aircraft: 'drones',
  signal: 'signals',
  system: 'system_health',
};

/** Every column after `time` and `kit_id`, in the order in which values are bound. */
export function valueColumns({ columns, added }: DataTable): readonly Column[] {
  return [...columns, ...added];
}

/** The primary key's columns. */
export function keyColumns({ part }: DataTable): string[] {
  return part === null ? ['time', 'kit_id'] : ['time', 'kit_id', part];
}
