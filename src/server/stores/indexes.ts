// WarDragon Analytics' indexes, under its names: what its web UI and Grafana boards are quick with. And some of ours.
import { IS_UNTIMED, TABLES } from './tables.js';

export interface Index {
  readonly name: string;
  readonly table: string;
  readonly on: string;
  readonly where?: string;
  /** Also worth its writes in SQLite, where one small server's own queries are all there is. */
  readonly sqlite?: true;
}

const PLACED = 'lat IS NOT NULL AND lon IS NOT NULL';

/** `column, time DESC` for the rows that have the column. */
const recent = (table: string, short: string, column: string, where = `${column} IS NOT NULL`): Index => ({
  name: `idx_${table}_${short}`,
  table,
  on: `${column}, time DESC`,
  where,
});

const KITS: readonly Index[] = [
  { name: 'idx_kits_enabled', table: 'kits', on: 'enabled', where: 'enabled = true' },
  { name: 'idx_kits_last_seen', table: 'kits', on: 'last_seen DESC' },
  { name: 'idx_kits_source', table: 'kits', on: 'source' },
  { name: 'idx_kits_status', table: 'kits', on: 'status' },
];

const DRONES: readonly Index[] = [
  { name: 'drones_time_idx', table: 'drones', on: 'time DESC' },
  { name: 'idx_drones_drone_id', table: 'drones', on: 'drone_id, time DESC', sqlite: true },
  { name: 'idx_drones_kit_id', table: 'drones', on: 'kit_id, time DESC' },
  { name: 'idx_drones_kit_track_type', table: 'drones', on: 'kit_id, track_type, time DESC', sqlite: true },
  { name: 'idx_drones_id_kit_time', table: 'drones', on: 'drone_id, kit_id, time DESC', where: PLACED },
  { name: 'idx_drones_location', table: 'drones', on: 'lat, lon, time DESC', where: PLACED },
  {
    name: 'idx_drones_track_type_drone',
    table: 'drones',
    on: 'time DESC',
    where: `track_type = 'drone' AND ${PLACED}`,
  },
  {
    name: 'idx_drones_pilot_location',
    table: 'drones',
    on: 'pilot_lat, pilot_lon, time DESC',
    where: 'pilot_lat IS NOT NULL AND pilot_lon IS NOT NULL',
  },
  recent('drones', 'altitude_anomaly', 'alt', 'alt > 400'),
  recent('drones', 'speed_anomaly', 'speed', 'speed > 30'),
  recent('drones', 'vspeed', 'vspeed', 'vspeed IS NOT NULL AND (vspeed > 5 OR vspeed < -5)'),
  recent('drones', 'id_type', 'id_type'),
  { ...recent('drones', 'mac', 'mac'), sqlite: true },
  recent('drones', 'op_status', 'op_status'),
  recent('drones', 'operator_id', 'operator_id'),
  recent('drones', 'rid_make', 'rid_make'),
  recent('drones', 'rid_model', 'rid_model'),
  ...['description', 'rid_lookup_success', 'transport', 'ua_type_name'].map((column) => ({
    name: `idx_drones_${column}`,
    table: 'drones',
    on: column,
    where: `${column} IS NOT NULL`,
  })),
];

const SIGNALS: readonly Index[] = [
  { name: 'signals_time_idx', table: 'signals', on: 'time DESC' },
  { name: 'idx_signals_kit_id', table: 'signals', on: 'kit_id, time DESC', sqlite: true },
  { name: 'idx_signals_freq_mhz', table: 'signals', on: 'freq_mhz, time DESC', sqlite: true },
  { name: 'idx_signals_detection_type', table: 'signals', on: 'detection_type, time DESC' },
  { name: 'idx_signals_kit_detection_type', table: 'signals', on: 'kit_id, detection_type, time DESC' },
  { name: 'idx_signals_location', table: 'signals', on: 'lat, lon, time DESC', where: PLACED },
  {
    name: 'idx_signals_confidence',
    table: 'signals',
    on: 'pal_conf, ntsc_conf, time DESC',
    where: 'pal_conf IS NOT NULL OR ntsc_conf IS NOT NULL',
  },
  recent('signals', 'power_dbm', 'power_dbm'),
  recent('signals', 'source', 'source'),
];

const SYSTEM_HEALTH: readonly Index[] = [
  { name: 'system_health_time_idx', table: 'system_health', on: 'time DESC' },
  { name: 'idx_system_health_kit_id', table: 'system_health', on: 'kit_id, time DESC', sqlite: true },
  { name: 'idx_system_health_location', table: 'system_health', on: 'lat, lon, time DESC', where: PLACED },
  {
    name: 'idx_system_health_sdr_temp',
    table: 'system_health',
    on: 'pluto_temp, zynq_temp, time DESC',
    where: 'pluto_temp IS NOT NULL OR zynq_temp IS NOT NULL',
  },
  recent('system_health', 'cpu', 'cpu_percent', 'cpu_percent > 80'),
  recent('system_health', 'disk', 'disk_percent', 'disk_percent > 80'),
  recent('system_health', 'memory', 'memory_percent', 'memory_percent > 80'),
  recent('system_health', 'mobile', 'speed', 'speed IS NOT NULL AND speed > 0'),
  recent('system_health', 'temp', 'temp_cpu', 'temp_cpu > 70'),
];

export const INDEXES: readonly Index[] = [...KITS, ...DRONES, ...SIGNALS, ...SYSTEM_HEALTH];

export function createIndex({ name, table, on, where }: Index): string {
  return `CREATE INDEX IF NOT EXISTS ${name} ON ${table} (${on})${where === undefined ? '' : ` WHERE ${where}`}`;
}

/**
 * Few rows, where those with a time are nearly all: that index of all of them made each commit write all over it.
 * Both databases take these statements.
 */
export function indexUntimed(): readonly string[] {
  return [
    'DROP INDEX IF EXISTS ingest_keys_twin',
    createIndex({
      name: 'ingest_keys_untimed',
      table: 'ingest_keys',
      on: 'kit_id, twin, key_us',
      where: `twin IS NOT NULL AND ${IS_UNTIMED}`,
    }),
  ];
}

/** Of the rows that another program wrote, which are none or few: its timeline is counted when somebody looks. */
export const IS_FOREIGN = 'observed_raw IS NULL';

export function indexForeign(): readonly string[] {
  return TABLES.map((table) => createIndex({ name: `ingest_foreign_${table}`, table, on: 'time', where: IS_FOREIGN }));
}
