// A kit's health, as DragonSync's sink sends it on `wardragon/system/{kit_id}/attrs` (DragonSync sinks/mqtt_sink.py).
import { z } from 'zod';
import { flag, number, text } from './fields.js';

export const systemMessage = z.looseObject({
  /** The kit id. */
  id: text.optional(),
  /** Degrees; 0.0 is unknown. */
  latitude: number.optional(),
  longitude: number.optional(),
  /** Metres above the ellipsoid. */
  hae: number.optional(),
  /** Percent. */
  cpu_usage: number.optional(),
  /** MiB. */
  memory_total_mb: number.optional(),
  memory_available_mb: number.optional(),
  disk_total_mb: number.optional(),
  disk_used_mb: number.optional(),
  /** Degrees Celsius; 0.0 on every arm64 kit. */
  temperature_c: number.optional(),
  pluto_temp_c: number.optional(),
  zynq_temp_c: number.optional(),
  /** Seconds. */
  uptime_s: number.optional(),
  /** Metres per second, degrees. */
  speed_mps: number.optional(),
  track_deg: number.optional(),
  gps_fix: flag.optional(),
  time_source: text.optional(),
  gpsd_time_utc: text.optional(),
  /** Kit epoch seconds, whole. */
  updated: number.optional(),
  seen_by: text.optional(),
  timestamp: text.optional(),
  /** Kit epoch seconds. */
  observed_at: number.optional(),
});
