// A message whose times are by a clock that was wrong, with its times put right. Kit and server do it alike.
import type { JsonObject } from '../base/json.js';
import { isoMicros, toMicros } from './time.js';

/** What is taken for a clock that is right: GPS time comes seconds late through DragonSync (upstream wardragon_monitor.py). */
export const CLOCK_TOLERANCE_S = 10;

/**
 * `offsetS` seconds are added to each of its times; `observedRaw` is what `observed_at` was, and goes into `sink.observed_raw`.
 * Null when the message has no time to correct.
 */
export function withClockOffset(
  message: JsonObject,
  offsetS: number,
): { readonly message: JsonObject; readonly observedRaw: number } | null {
  const { observed_at: observedRaw, last_update_time: updatedAt, updated } = message;
  if (typeof observedRaw !== 'number') return null;
  const offsetUs = toMicros(offsetS);
  const moved = (seconds: number): number => (toMicros(seconds) + offsetUs) / 1e6;
  const observedUs = toMicros(observedRaw) + offsetUs;
  const corrected = {
    ...message,
    ...(typeof updatedAt === 'number' ? { last_update_time: moved(updatedAt) } : {}),
    ...(typeof updated === 'number' ? { updated: Math.floor(moved(updated)) } : {}),
    timestamp: isoMicros(observedUs),
    observed_at: observedUs / 1e6,
  };
  return { message: corrected, observedRaw };
}
