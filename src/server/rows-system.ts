// A kit's health: the `system_health` table (WarDragon Analytics timescaledb/01-init.sql).
import type { JsonObject } from '../base/json.js';
import { flag, type KindRules, nonZero, number, position, type Read, same, text, within } from './columns.js';

const SECONDS_PER_HOUR = 3_600;
const percent = within(0, 100);

/** The used share of a total, in percent. */
function share(used: (message: JsonObject) => unknown, total: string): (value: unknown, message: JsonObject) => Read {
  return (_, message) => {
    const all = message[total];
    const part = used(message);
    if (typeof all !== 'number' || typeof part !== 'number' || all <= 0) return null;
    const result = (part / all) * 100;
    return result >= 0 && result <= 100 ? result : null;
  };
}

function usedMemory(message: JsonObject): unknown {
  const { memory_total_mb: total, memory_available_mb: available } = message;
  return typeof total === 'number' && typeof available === 'number' ? total - available : null;
}

/** Negative after the kit's clock was set: no uptime then. */
function uptimeHours(value: unknown): Read {
  const seconds = within(0, Number.MAX_SAFE_INTEGER)(value, {});
  return typeof seconds === 'number' ? seconds / SECONDS_PER_HOUR : seconds;
}

export const systemColumns: KindRules = {
  rules: [
    ...position('lat', 'lon', 'latitude', 'longitude'),
    { column: 'alt', field: 'hae', read: nonZero },
    { column: 'cpu_percent', field: 'cpu_usage', read: percent },
    { column: 'memory_percent', field: 'memory_percent', read: share(usedMemory, 'memory_total_mb') },
    { column: 'disk_percent', field: 'disk_percent', read: share((m) => m['disk_used_mb'], 'disk_total_mb') },
    { column: 'uptime_hours', field: 'uptime_s', read: uptimeHours },
    // 0.0 on every arm64 kit: it is read from an Intel sensor.
    { column: 'temp_cpu', field: 'temperature_c', read: nonZero },
    { column: 'pluto_temp', field: 'pluto_temp_c', read: number },
    { column: 'zynq_temp', field: 'zynq_temp_c', read: number },
    { column: 'speed', field: 'speed_mps', read: number },
    { column: 'track', field: 'track_deg', read: number },
    ...same(flag, 'gps_fix'),
    ...same(text, 'time_source', 'gpsd_time_utc'),
    {
      column: 'kit_updated_epoch',
      field: 'updated',
      read: (value) => (typeof value === 'number' ? Math.trunc(value) : null),
    },
  ],
  elsewhere: ['id', 'observed_at'],
  echoes: {},
};
