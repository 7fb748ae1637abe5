// The table of every field: of each kind, in the form it has on MQTT and, where that differs, in DragonSync's API; an
// example of its value, and the columns it ends in with the value there, in their units.
import type { JsonObject } from '../../../src/base/json.js';
import type { Kind } from '../../../src/schema/kinds.js';

export const BASE: Record<Kind, JsonObject> = {
  drone: { id: 'drone-1' },
  aircraft: { icao: 'a1b2c3' },
  signal: { uid: 'fpv-alert-5800MHz', center_hz: 5_800_000_000 },
  system: { id: 'wardragon-A' },
};

/** field: [a value, the columns it ends in]; no columns: in `extra`, as it is; null: it has a place of its own. */
export type Fate = [value: unknown, columns: Record<string, unknown> | 'extra' | null];

const DRONE: Record<string, Fate> = {
  id: ['drone-2', { drone_id: 'drone-2' }],
  track_type: ['drone', { track_type: 'drone' }],
  description: ['DJI', { description: 'DJI' }],
  lat: [42.5, { lat: 42.5 }],
  lon: [-71.5, { lon: -71.5 }],
  latitude: [42.5, 'extra'],
  longitude: [-71.5, 'extra'],
  alt: [81.9, { alt: 81.9 }],
  height: [61.4, { height: 61.4 }],
  pressure_altitude: [80.5, { pressure_altitude: 80.5 }],
  speed: [12.8, { speed: 12.8 }],
  vspeed: [-0.5, { vspeed: -0.5 }],
  speed_multiplier: [0.25, 'extra'],
  direction: [7, { direction: 7, heading: 7 }],
  rssi: [-72.4, { rssi: -72 }],
  pilot_lat: [42.1, { pilot_lat: 42.1 }],
  pilot_lon: [-71.1, { pilot_lon: -71.1 }],
  home_lat: [42.2, { home_lat: 42.2 }],
  home_lon: [-71.2, { home_lon: -71.2 }],
  mac: ['60:60', { mac: '60:60' }],
  id_type: ['Serial', { id_type: 'Serial' }],
  ua_type: [2, { ua_type: '2' }],
  ua_type_name: ['Helicopter', { ua_type_name: 'Helicopter' }],
  caa_id: ['FA', { caa_id: 'FA' }],
  operator_id_type: ['Operator', { operator_id_type: 'Operator' }],
  operator_id: ['OP', { operator_id: 'OP' }],
  op_status: ['Airborne', { op_status: 'Airborne' }],
  height_type: ['AGL', { height_type: 'AGL' }],
  ew_dir: ['East', { ew_dir: 'East' }],
  horizontal_accuracy: ['< 3 m', 'extra'],
  vertical_accuracy: ['< 1 m', 'extra'],
  baro_accuracy: ['< 1 m', 'extra'],
  speed_accuracy: ['< 0.3 m/s', 'extra'],
  timestamp_accuracy: ['0.1 s', 'extra'],
  gps_accuracy: [3, { gps_accuracy: 3 }],
  timestamp: ['2026-11-23T15:30:12.151234Z', null],
  rid_timestamp: ['24 min 40.7 s', 'extra'],
  observed_at: [1_795_447_811.25, { observed_at: 1_795_447_811.25 }],
  last_update_time: [1_795_447_811.5, 'extra'],
  index: [9, 'extra'],
  runtime: [351_077, { runtime: 351_077 }],
  freq: [2_462_000_000, { freq: 2_462 }],
  freq_mhz: [2_462, { freq_mhz: 2_462 }],
  transport: ['BT5', { transport: 'BT5' }],
  seen_by: ['wardragon-A', null],
  rid_make: ['DJI', { rid_make: 'DJI' }],
  rid_model: ['Mavic', { rid_model: 'Mavic' }],
  rid_status: ['accepted', { rid_status: 'accepted' }],
  rid_tracking: ['RID9', { rid_tracking: 'RID9' }],
  rid_source: ['local', { rid_source: 'local' }],
  rid_lookup_attempted: [true, { rid_lookup_attempted: true }],
  rid_lookup_success: [false, { rid_lookup_success: false }],
};

const AIRCRAFT: Record<string, Fate> = {
  icao: ['a1b2c3', { drone_id: 'A1B2C3' }],
  track_type: ['aircraft', { track_type: 'aircraft' }],
  callsign: ['LAB100', { description: 'LAB100' }],
  registration: ['N100LB', 'extra'],
  lat: [42.5, { lat: 42.5 }],
  lon: [-71.5, { lon: -71.5 }],
  latitude: [42.5, 'extra'],
  longitude: [-71.5, 'extra'],
  alt: [10_000, { alt: 3_048 }],
  altitude_ft: [10_000, 'extra'],
  speed: [100, { speed: 51.4444 }],
  speed_kt: [100, 'extra'],
  track: [95.7, { heading: 95.7, direction: 95.7 }],
  heading: [95.7, 'extra'],
  vertical_rate: [-1_000, { vspeed: -5.08 }],
  squawk: ['1200', 'extra'],
  category: ['A3', 'extra'],
  on_ground: [true, 'extra'],
  nac_p: [9, 'extra'],
  nac_v: [2, 'extra'],
  rssi: [-12.4, { rssi: -12 }],
  seen_by: ['wardragon-A', null],
  timestamp: ['2026-11-23T15:30:12.151234Z', null],
  observed_at: [1_795_447_811.25, { observed_at: 1_795_447_811.25 }],
};

const SIGNAL: Record<string, Fate> = {
  uid: ['fpv-alert-5800MHz', null],
  signal_type: ['fpv', { signal_type: 'fpv', detection_type: 'analog' }],
  source: ['confirm', { source: 'confirm' }],
  callsign: ['FPV', 'extra'],
  description: ['FPV Signal', 'extra'],
  center_hz: [921_000_000, { freq_mhz: 921 }],
  bandwidth_hz: [6_000_000, { bandwidth_mhz: 6 }],
  pal: [65, { pal_conf: 65 }],
  ntsc: [20, { ntsc_conf: 20 }],
  rssi: [-90.5, { power_dbm: -90.5 }],
  sensor_lat: [42.5, { lat: 42.5 }],
  sensor_lon: [-71.5, { lon: -71.5 }],
  sensor_alt: [20, { alt: 20 }],
  lat: [42.6, 'extra'],
  lon: [-71.6, 'extra'],
  alt: [21, 'extra'],
  latitude: [42.6, 'extra'],
  longitude: [-71.6, 'extra'],
  gps_accuracy: [15, 'extra'],
  radius_m: [15, 'extra'],
  seen_by: ['wardragon-A', null],
  timestamp: ['2026-11-23T15:30:12.151234Z', null],
  observed_at: [1_795_447_811.25, null],
};

const SYSTEM: Record<string, Fate> = {
  id: ['wardragon-A', null],
  latitude: [42.5, { lat: 42.5 }],
  longitude: [-71.5, { lon: -71.5 }],
  hae: [12.4, { alt: 12.4 }],
  cpu_usage: [3.5, { cpu_percent: 3.5 }],
  memory_total_mb: [24_105.6, 'extra'],
  memory_available_mb: [23_454.5, 'extra'],
  disk_total_mb: [258_019.6, 'extra'],
  disk_used_mb: [25_074.6, 'extra'],
  temperature_c: [45.5, { temp_cpu: 45.5 }],
  pluto_temp_c: [50.5, { pluto_temp: 50.5 }],
  zynq_temp_c: [51.5, { zynq_temp: 51.5 }],
  uptime_s: [7_200, { uptime_hours: 2 }],
  speed_mps: [0.42, { speed: 0.42 }],
  track_deg: [36.5, { track: 36.5 }],
  gps_fix: [true, { gps_fix: true }],
  time_source: ['gpsd', { time_source: 'gpsd' }],
  gpsd_time_utc: ['2026-11-23T15:30:20.000Z', { gpsd_time_utc: '2026-11-23T15:30:20.000Z' }],
  updated: [1_795_447_820, { kit_updated_epoch: 1_795_447_820 }],
  seen_by: ['wardragon-A', null],
  timestamp: ['2026-11-23T15:30:12.151234Z', null],
  observed_at: [1_795_447_811.25, null],
};

export const FATES: Record<Kind, Record<string, Fate>> = {
  drone: DRONE,
  aircraft: AIRCRAFT,
  signal: SIGNAL,
  system: SYSTEM,
};

/** kind, field, value, column: NULL there; `kept` when the value is in extra. */
export const UNKNOWN: [Kind, JsonObject, string, kept: boolean][] = [
  ['drone', { lat: 0, lon: 0 }, 'lat', false],
  ['drone', { lat: 999, lon: 10 }, 'lat', true],
  ['drone', { lat: 42, lon: -999 }, 'lon', true],
  ['drone', { pilot_lat: 0, pilot_lon: 0 }, 'pilot_lat', false],
  ['drone', { alt: 0 }, 'alt', false],
  ['drone', { alt: 65_531 }, 'alt', true],
  ['drone', { rssi: 0 }, 'rssi', false],
  ['drone', { rssi: 'loud' }, 'rssi', true],
  ['drone', { direction: null }, 'direction', false],
  ['drone', { direction: 361 }, 'heading', true],
  ['drone', { runtime: 1e12 }, 'runtime', true],
  ['drone', { mac: '' }, 'mac', false],
  ['drone', { freq: 0 }, 'freq', false],
  ['signal', { rssi: 0 }, 'power_dbm', false],
  ['signal', { signal_type: 'gfsk_fhss' }, 'detection_type', false],
  ['system', { latitude: 0, longitude: 0 }, 'lat', false],
  ['system', { temperature_c: 0 }, 'temp_cpu', false],
  ['system', { cpu_usage: 101 }, 'cpu_percent', true],
  ['system', { uptime_s: -5 }, 'uptime_hours', true],
  ['system', { pluto_temp_c: 'N/A' }, 'pluto_temp', true],
  ['drone', { lat: 0, lon: 0 }, 'lon', false],
  ['drone', { home_lat: 0, home_lon: 0 }, 'home_lat', false],
  ['drone', { gps_accuracy: 0 }, 'gps_accuracy', false],
  ['aircraft', { rssi: 0 }, 'rssi', false],
  ['signal', { signal_type: 'lora_css' }, 'detection_type', false],
  ['system', { zynq_temp_c: 'N/A' }, 'zynq_temp', true],
  ['system', { hae: 0 }, 'alt', false],
];

/** Sent by DragonSync beside the fields of its schema: kept in `extra`, like whatever it may add. */
export const BESIDE: Record<Kind, Record<string, Fate>> = {
  drone: { pilot_alt: [1.5, 'extra'], home_alt: [2.5, 'extra'] },
  aircraft: {},
  signal: {},
  system: {},
};

/** Of the API: its value, and the columns; in `extra`, by its name there; null: another field says it, or it is DragonSync's own. */
type ApiFate = [value: unknown, columns: Record<string, unknown>, extra?: JsonObject];
const ELSEWHERE: Record<string, unknown> = {};

/** The fields whose name or value the API has otherwise; all others are as on MQTT. */
export const API: Record<Kind, Record<string, ApiFate>> = {
  drone: {
    freq: [2_462, { freq: 2_462, freq_mhz: 2_462 }],
    // Remote ID's text, not a time
    timestamp: ['24 min 40.7 s', ELSEWHERE, { rid_timestamp: '24 min 40.7 s' }],
    rid: [
      {
        ...{ make: 'DJI', model: 'Mavic', status: 'accepted', tracking: 'RID9', source: 'local' },
        ...{ lookup_attempted: true, lookup_success: false },
      },
      {
        ...{ rid_make: 'DJI', rid_model: 'Mavic', rid_status: 'accepted', rid_tracking: 'RID9', rid_source: 'local' },
        ...{ rid_lookup_attempted: true, rid_lookup_success: false },
      },
    ],
    gps_accuracy: [3, { gps_accuracy: null }],
  },
  aircraft: {
    // DragonSync's name of the track, twice
    id: ['adsb-a1b2c3', { drone_id: 'A1B2C3' }],
    callsign: ['adsb-a1b2c3', { description: null }],
    hex: ['a1b2c3', { drone_id: 'A1B2C3' }],
    flight: ['LAB100', { description: 'LAB100' }],
    reg: ['N100LB', ELSEWHERE, { registration: 'N100LB' }],
    alt: ['ground', { alt: 0 }, { on_ground: true }],
    ground_speed: [100, { speed: 51.4444 }],
    last_update_time: [1_795_447_820.25, { observed_at: 1_795_447_820.25 }],
    source: ['adsb', { rid_source: 'adsb' }],
  },
  signal: {
    pal_conf: [65, { pal_conf: 65 }],
    ntsc_conf: [20, { ntsc_conf: 20 }],
    // DragonSync's own for its alert
    alert_id: ['fpv-alert-5800MHz', ELSEWHERE],
    self_id: ['FPV', ELSEWHERE],
    expires_at: [1_795_447_900, ELSEWHERE],
  },
  system: {
    uid: ['wardragon-A', { kit_id: 'wardragon-A' }],
    kit_id: ['wardragon-unknown', { kit_id: 'wardragon-A' }],
    lat: [42.5, { lat: 42.5 }],
    lon: [-71.5, { lon: -71.5 }],
    alt: [12.4, { alt: 12.4 }],
    memory_total: [24_105.56, ELSEWHERE, { memory_total_mb: 24_105.6 }],
    memory_available: [23_454.54, ELSEWHERE, { memory_available_mb: 23_454.5 }],
    disk_total: [258_019.6, ELSEWHERE, { disk_total_mb: 258_019.6 }],
    disk_used: [25_074.6, ELSEWHERE, { disk_used_mb: 25_074.6 }],
    temperature: [45.5, { temp_cpu: 45.5 }],
    uptime: [7_200, { uptime_hours: 2 }],
    pluto_temp: [50.5, { pluto_temp: 50.5 }],
    zynq_temp: ['N/A', { zynq_temp: null }],
    speed: [0.42, { speed: 0.42 }],
    track: [36.5, { track: 36.5 }],
    last_update_time: [1_795_447_820.75, { kit_updated_epoch: 1_795_447_820 }],
  },
};
