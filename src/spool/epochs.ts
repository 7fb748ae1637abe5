// The name of an epoch: a counter, so that the epochs of one spool are ordered; and chance, so that a restored or cloned
// one never repeats any.
import { randomBytes } from 'node:crypto';

/** Eight hex digits hold seconds since 1970 until 2106; a clock that says so must not use them up. */
const LATEST_COUNTER = 0xf000_0000;

/**
 * The least counter of an opening. It follows the clock, where that is ahead: so the epochs of a spool that was restored,
 * or that had to begin anew, come after those it no longer knows of. With a clock that was not set yet, the time of the
 * opening before stands in for it.
 */
export function leastCounter(nowMs: number, lastTakenMs: number | null): number {
  return Math.max(counterAt(nowMs), lastTakenMs === null ? 0 : counterAt(lastTakenMs) + 1);
}

export function nextCounter(before: number, least: number): number {
  return Math.max(before + 1, least);
}

export function epochOf(counter: number): string {
  return counter.toString(16).padStart(8, '0') + randomBytes(4).toString('hex');
}

function counterAt(ms: number): number {
  const seconds = Math.floor(ms / 1_000);
  return seconds > 0 && seconds < LATEST_COUNTER ? seconds : 0;
}
