// FPV and other RF signals: the `signals` table (WarDragon Analytics timescaledb/01-init.sql).
import type { JsonObject } from '../base/json.js';
import { degrees, type KindRules, nonZero, number, type Read, type Rule, required, same, text } from './columns.js';

const MHZ_PER_HZ = 1e-6;

/** The CHECK allows 'analog' and 'dji' only; telemetry of a radio modem is neither. */
function detectionType(value: unknown): Read {
  if (value === 'fpv') return 'analog';
  return value === 'dji' ? 'dji' : null;
}

/** Divided rather than multiplied: 921000000 Hz are 921 MHz, not 920.9999999999999. */
function hertzToMhz(value: unknown): Read {
  return typeof value === 'number' && value > 0 ? value / (1 / MHZ_PER_HZ) : null;
}

/** Where it was heard. The message's own lat/lon is made up around that; it is the fallback. */
function sensor(column: 'lat' | 'lon' | 'alt', read: Rule['read']): Rule {
  const field = `sensor_${column}`;
  return {
    column,
    field,
    read: (value: unknown, message: JsonObject) => read(value ?? message[column] ?? null, message),
  };
}

export const signalColumns: KindRules = {
  rules: [
    { column: 'freq_mhz', field: 'center_hz', read: required(hertzToMhz, 'center_hz') },
    { column: 'bandwidth_mhz', field: 'bandwidth_hz', read: hertzToMhz },
    { column: 'power_dbm', field: 'rssi', read: nonZero },
    sensor('lat', degrees(90, 'sensor_lon')),
    sensor('lon', degrees(180, 'sensor_lat')),
    sensor('alt', (value) => nonZero(value)),
    { column: 'pal_conf', field: 'pal', read: number },
    { column: 'ntsc_conf', field: 'ntsc', read: number },
    { column: 'detection_type', field: 'signal_type', read: detectionType },
    ...same(text, 'signal_type', 'source'),
  ],
  elsewhere: ['uid', 'observed_at'],
  echoes: { latitude: 'lat', longitude: 'lon', gps_accuracy: 'radius_m' },
};
