// The forms that older documents describe (WarDragon Analytics docs/mqtt-ingest.md, DragonSync before its topics had the
// kit in them), with the names that messages have today. A message of today comes back as it is.
import { isObject, type JsonObject } from '../base/json.js';
import type { Kind } from './kinds.js';

interface Renaming {
  readonly from: string;
  readonly to: string;
  /** Into the unit of today's field; what is no number stays as it is, and is kept aside like any odd value. */
  readonly factor?: number;
}

const HZ_PER_MHZ = 1e6;

const RENAMED: Readonly<Record<Kind, readonly Renaming[]>> = {
  drone: [],
  aircraft: [],
  signal: [
    { from: 'freq_mhz', to: 'center_hz', factor: HZ_PER_MHZ },
    { from: 'bandwidth_mhz', to: 'bandwidth_hz', factor: HZ_PER_MHZ },
    { from: 'power_dbm', to: 'rssi' },
    { from: 'pal_conf', to: 'pal' },
    { from: 'ntsc_conf', to: 'ntsc' },
    { from: 'id', to: 'uid' },
  ],
  // As DragonSync's API has them.
  system: [
    { from: 'uid', to: 'id' },
    { from: 'lat', to: 'latitude' },
    { from: 'lon', to: 'longitude' },
    { from: 'alt', to: 'hae' },
    { from: 'speed', to: 'speed_mps' },
    { from: 'track', to: 'track_deg' },
    { from: 'memory_total', to: 'memory_total_mb' },
    { from: 'memory_available', to: 'memory_available_mb' },
    { from: 'disk_total', to: 'disk_total_mb' },
    { from: 'disk_used', to: 'disk_used_mb' },
    { from: 'temperature', to: 'temperature_c' },
    { from: 'pluto_temp', to: 'pluto_temp_c' },
    { from: 'zynq_temp', to: 'zynq_temp_c' },
    { from: 'uptime', to: 'uptime_s' },
    { from: 'last_update_time', to: 'updated' },
  ],
};

export function inTodaysForm(kind: Kind, message: JsonObject): JsonObject {
  const renamed = RENAMED[kind].filter(({ from, to }) => isThere(message[from]) && !isThere(message[to]));
  const named = renamed.length === 0 ? message : rename(message, renamed);
  return kind === 'signal' ? withUid(named) : named;
}

function rename(message: JsonObject, renamed: readonly Renaming[]): JsonObject {
  const result = { ...message };
  for (const { from, to, factor = 1 } of renamed) {
    const value = message[from];
    const spelt = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    // Rounded: 433.92 MHz are 433920000 Hz, not 433920000.00000006.
    result[to] = factor !== 1 && typeof spelt === 'number' ? Math.round(spelt * factor) : value;
    delete result[from];
  }
  return result;
}

/** What DragonSync calls a signal that it knows by its channel alone: `fpv-alert-5800MHz`. */
function withUid(message: JsonObject): JsonObject {
  const { uid, center_hz: hertz, signal_type: type } = message;
  if (isThere(uid) || typeof hertz !== 'number') return message;
  return { ...message, uid: `${typeof type === 'string' && type !== '' ? type : 'signal'}-${hertz / HZ_PER_MHZ}MHz` };
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !isObject(value);
}
