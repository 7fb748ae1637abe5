// The time range that an answer is of, and the marks at which its pages end.
import { isoMicros } from '../../schema/time.js';
import type { TimeRange } from '../reads.js';
import { HttpError } from './http-error.js';

const MINUTE_US = 60e6;
const MAX_RANGE_US = 31 * 1_440 * MINUTE_US;
export const FIVE_MINUTES_US = 5 * MINUTE_US;
export const DAY_US = 1_440 * MINUTE_US;

export interface Asked {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/**
 * @param lengthUs of the range when only its end, or nothing, is given.
 * @throws HttpError `range`.
 */
export function rangeOf(
  { from, to }: Asked,
  lengthUs: number,
  nowUs: number,
): TimeRange & { fromUs: number; toUs: number } {
  const toUs = to ?? nowUs;
  const fromUs = from ?? toUs - lengthUs;
  if (!(fromUs < toUs)) throw new HttpError('range', 'from is not before to');
  if (toUs - fromUs > MAX_RANGE_US) throw new HttpError('range', 'more than 31 days', 'ask for a shorter range');
  // `to` itself is in it: whoever asks up to now wants what was just heard.
  return { from: isoMicros(fromUs), to: isoMicros(toUs + 1), fromUs, toUs };
}

/** Where the next page begins, as text that nobody has to understand. */
export function cursorOf(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/**
 * @param like values of the same types.
 * @throws HttpError `query` when it is none of ours.
 */
export function readCursor<Values extends readonly (string | number)[]>(
  cursor: string | undefined,
  like: Values,
): Values | null {
  if (cursor === undefined) return null;
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const fits = Array.isArray(values) && values.length === like.length;
    if (fits && like.every((one, i) => typeof one === typeof values[i])) return values as unknown as Values;
  } catch {
    // As below.
  }
  throw new HttpError('query', 'cursor: not one that was given with a page');
}
