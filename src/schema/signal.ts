// An FPV or other RF signal message, as DragonSync's sink sends it (DragonSync sinks/mqtt_sink.py publish_signal).
import { z } from 'zod';
import { id, number, text } from './fields.js';

export const signalMessage = z.looseObject({
  /** Stable per channel or network: `fpv-alert-5800MHz`, `gfsk_fhss-netid-25`. */
  uid: id,
  signal_type: text.optional(),
  source: text.optional(),
  callsign: text.optional(),
  description: text.optional(),
  /** Hertz. */
  center_hz: number.optional(),
  bandwidth_hz: number.optional(),
  /** Percent, 0 to 100. */
  pal: number.optional(),
  ntsc: number.optional(),
  /** dBm, or a linear power, by the receiver. */
  rssi: number.optional(),
  /** Degrees and metres: the kit's own position (for SiK, the drone's). */
  sensor_lat: number.optional(),
  sensor_lon: number.optional(),
  sensor_alt: number.optional(),
  /** Degrees and metres: a made-up point within `radius_m` of the sensor. */
  lat: number.optional(),
  lon: number.optional(),
  alt: number.optional(),
  latitude: number.optional(),
  longitude: number.optional(),
  gps_accuracy: number.optional(),
  radius_m: number.optional(),
  seen_by: text.optional(),
  timestamp: text.optional(),
  /** Kit epoch seconds. */
  observed_at: number.optional(),
});
