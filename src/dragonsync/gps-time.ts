// What DragonSync's `/status` tells of the clock: GPS time, and when it was read by the kit's own.
import type { JsonObject } from '../base/json.js';

export interface GpsReading {
  /** GPS time, in milliseconds since 1970. */
  readonly gpsMs: number;
  /** The same moment, a few seconds late, by the kit's clock. */
  readonly clockMs: number;
}

/** Null without a GPS time: without a fix, what stands there may be of long ago. */
export function gpsReading(status: JsonObject | null): GpsReading | null {
  const gpsMs = Date.parse(String(status?.['gpsd_time_utc'] ?? ''));
  const readS = Number(status?.['last_update_time']);
  const isFromGps = [undefined, '', 'gpsd'].some((source) => source === status?.['time_source']);
  if (!isFromGps || status?.['gps_fix'] === false || !Number.isFinite(gpsMs) || !(readS > 0)) return null;
  return { gpsMs, clockMs: readS * 1_000 };
}
