// An ADS-B/UAT aircraft message, as DragonSync's sink would send it (DragonSync sinks/mqtt_sink.py publish_aircraft).
import { z } from 'zod';
import { flag, id, number, text } from './fields.js';

export const aircraftMessage = z.looseObject({
  /** ICAO 24-bit address, hexadecimal. */
  icao: id,
  track_type: text.optional(),
  callsign: text.optional(),
  registration: text.optional(),
  /** Degrees. */
  lat: number.optional(),
  lon: number.optional(),
  latitude: number.optional(),
  longitude: number.optional(),
  /** Feet. */
  alt: number.optional(),
  altitude_ft: number.optional(),
  /** Knots. */
  speed: number.optional(),
  speed_kt: number.optional(),
  /** Degrees. */
  track: number.optional(),
  heading: number.optional(),
  /** Feet per minute. */
  vertical_rate: number.optional(),
  squawk: text.optional(),
  category: text.optional(),
  on_ground: flag.optional(),
  nac_p: number.optional(),
  nac_v: number.optional(),
  /** dBFS. */
  rssi: number.optional(),
  seen_by: text.optional(),
  timestamp: text.optional(),
  /** Kit epoch seconds; a stock DragonSync sends no time at all. */
  observed_at: number.optional(),
});
