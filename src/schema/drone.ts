// A drone message, as DragonSync's sink sends it (DragonSync sinks/mqtt_sink.py) and dragonsink after it.
import { z } from 'zod';
import { flag, id, number, text } from './fields.js';

export const droneMessage = z.looseObject({
  /** `drone-<serial>` and others; comes from the air, so any text. */
  id,
  track_type: text.optional(),
  description: text.optional(),
  /** Degrees; 0.0/0.0 means no position in that packet. */
  lat: number.optional(),
  lon: number.optional(),
  latitude: number.optional(),
  longitude: number.optional(),
  /** Metres, geodetic; 0.0 is unknown, 65531 a wrapped -5. */
  alt: number.optional(),
  /** Metres above `height_type`. */
  height: number.optional(),
  /** Metres. */
  pressure_altitude: number.optional(),
  /** Metres per second. */
  speed: number.optional(),
  vspeed: number.optional(),
  speed_multiplier: number.optional(),
  /** Degrees; null when unknown. */
  direction: number.optional(),
  /** dBm; 0 is unknown. */
  rssi: number.optional(),
  pilot_lat: number.optional(),
  pilot_lon: number.optional(),
  home_lat: number.optional(),
  home_lon: number.optional(),
  mac: text.optional(),
  id_type: text.optional(),
  ua_type: number.optional(),
  ua_type_name: text.optional(),
  caa_id: text.optional(),
  operator_id_type: text.optional(),
  operator_id: text.optional(),
  op_status: text.optional(),
  height_type: text.optional(),
  ew_dir: text.optional(),
  horizontal_accuracy: text.optional(),
  vertical_accuracy: text.optional(),
  baro_accuracy: text.optional(),
  speed_accuracy: text.optional(),
  timestamp_accuracy: text.optional(),
  gps_accuracy: number.optional(),
  /** ISO 8601 UTC from dragonsink; Remote ID's free text from a stock DragonSync. */
  timestamp: text.optional(),
  rid_timestamp: text.optional(),
  /** Kit epoch seconds. */
  observed_at: number.optional(),
  last_update_time: number.optional(),
  index: number.optional(),
  runtime: number.optional(),
  /** MHz from dragonsink, Hz or MHz from a stock DragonSync. */
  freq: number.optional(),
  freq_mhz: number.optional(),
  transport: text.optional(),
  seen_by: text.optional(),
  rid_make: text.optional(),
  rid_model: text.optional(),
  rid_status: text.optional(),
  rid_tracking: text.optional(),
  rid_source: text.optional(),
  rid_lookup_attempted: flag.optional(),
  rid_lookup_success: flag.optional(),
});
