// What the answers of the HTTP API are made of: a row of each kind as a page gets it. Units are SI; unknown is null.
import { z } from 'zod';
import { KINDS } from '../kinds.js';

/** ISO 8601 UTC with microseconds. */
export const time = z.string();
export const count = z.number().int().min(0);
export const number = z.number().nullable();
export const text = z.string().nullable();
const flag = z.boolean().nullable();
/** Fields of the message that no column holds. */
const extra = z.record(z.string(), z.unknown()).nullable();
export const kind = z.enum(KINDS);
export const perKindCounts = z.partialRecord(kind, count);
/** Sequence numbers: [first, last]. */
export const ranges = z.array(z.tuple([z.number().int(), z.number().int()]).readonly()).readonly();

/** A drone or an aircraft as one kit heard it at one time. */
export const trackState = z.object({
  time,
  kit_id: z.string(),
  /** Degrees; metres; metres a second. */
  lat: number,
  lon: number,
  alt: number,
  speed: number,
  vspeed: number,
  /** Degrees. */
  heading: number,
  /** Metres above `height_type`. */
  height: number,
  pilot_lat: number,
  pilot_lon: number,
  home_lat: number,
  home_lon: number,
  /** dBm. */
  rssi: number,
  freq_mhz: number,
  mac: text,
  ua_type: text,
  ua_type_name: text,
  id_type: text,
  op_status: text,
  operator_id: text,
  operator_id_type: text,
  caa_id: text,
  /** Of an aircraft, its callsign. */
  description: text,
  transport: text,
  rid_make: text,
  rid_model: text,
  rid_source: text,
  rid_status: text,
  rid_tracking: text,
  height_type: text,
  pressure_altitude: number,
  gps_accuracy: number,
  /** Seconds. */
  runtime: number,
  extra,
});
export type TrackState = z.infer<typeof trackState>;

export const signal = z.object({
  time,
  kit_id: z.string(),
  uid: text,
  freq_mhz: z.number(),
  bandwidth_mhz: number,
  power_dbm: number,
  /** Where the kit stood that heard it. */
  lat: number,
  lon: number,
  alt: number,
  detection_type: text,
  signal_type: text,
  source: text,
  /** Percent. */
  pal_conf: number,
  ntsc_conf: number,
  extra,
});
export type Signal = z.infer<typeof signal>;

export const kitHealth = z.object({
  time,
  lat: number,
  lon: number,
  alt: number,
  cpu_percent: number,
  memory_percent: number,
  disk_percent: number,
  uptime_hours: number,
  /** Degrees Celsius. */
  temp_cpu: number,
  temp_gpu: number,
  pluto_temp: number,
  zynq_temp: number,
  /** Metres a second; degrees. */
  speed: number,
  track: number,
  gps_fix: flag,
  time_source: text,
  gpsd_time_utc: text,
});
export type KitHealth = z.infer<typeof kitHealth>;

/** The columns of a row of each that stand in the database under the same name. */
const columnsOf = (shape: object): string[] =>
  Object.keys(shape).filter((name) => name !== 'time' && name !== 'kit_id');
export const TRACK_COLUMNS = columnsOf(trackState.shape);
export const SIGNAL_COLUMNS = columnsOf(signal.shape);
export const HEALTH_COLUMNS = columnsOf(kitHealth.shape);
