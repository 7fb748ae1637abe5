// When a message was observed: the time of its natural key, the time of its row, and the times that are refused.
import { PayloadError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { SinkEnvelope } from '../schema/envelope.js';
import type { Kind } from '../schema/kinds.js';
import { contentHash, thingOf } from '../schema/messages.js';
import { isoMicros, toMicros } from '../schema/time.js';
import type { Observation } from './store.js';

const SECOND_US = 1_000_000;
const DAY_US = 86_400 * SECOND_US;
/** No kit is older: a clock that says so was never set. */
const EARLIEST_US = Date.UTC(2015, 0, 1) * 1_000;
/** What is sent without any time (aircraft by DragonSync) is sent again every 2 s, for as long as nothing changes. */
const FOLD_WITHIN_US = 60 * SECOND_US;
/** How long raw rows are kept (WarDragon Analytics' retention policies), in microseconds. */
const RETENTION_US: Record<Kind, number> = {
  drone: 30 * DAY_US,
  aircraft: 30 * DAY_US,
  signal: 30 * DAY_US,
  system: 90 * DAY_US,
};

export interface Times {
  readonly key: Pick<Observation, 'thing' | 'keyUs' | 'timeUs' | 'foldWithinUs' | 'twin'>;
  /** It came without a time, and has that of its arrival. */
  readonly arrival: boolean;
}

/** @throws PayloadError `time` when there is none. */
export function timesOf(kind: Kind, message: JsonObject, sink: SinkEnvelope | null, receivedUs: number): Times {
  const thing = thingOf(kind, message);
  const observed = observedAt(kind, message);
  if (observed === null) {
    if (!mayLackATime(kind, message)) throw new PayloadError('no time', { code: 'time' });
    const content = { ...message, sink: null };
    const key = { thing: `${thing}#${contentHash(content)}`, keyUs: receivedUs, timeUs: receivedUs };
    return { key: { ...key, foldWithinUs: FOLD_WITHIN_US, ...twinOf(kind, thing, message) }, arrival: true };
  }
  const timeUs = toMicros(observed);
  const rawUs = toMicros(sink?.observed_raw ?? observed);
  if (kind === 'system') return { key: { ...systemKey(thing, rawUs, sink), timeUs }, arrival: false };
  return { key: { thing, keyUs: rawUs, timeUs, ...twinOf(kind, thing, message) }, arrival: false };
}

/**
 * A stock DragonSync sends whole seconds of a status, dragonsink all of them: both are one observation. By a clock that was
 * never set each boot has the same seconds, and nobody but dragonsink can send what is stored of them: there the epoch
 * tells one boot from another.
 */
function systemKey(thing: string, rawUs: number, sink: SinkEnvelope | null): Pick<Observation, 'thing' | 'keyUs'> {
  const keyUs = Math.floor(rawUs / SECOND_US) * SECOND_US;
  return { thing: rawUs < EARLIEST_US && sink !== null ? `${thing}#${sink.epoch}` : thing, keyUs };
}

/**
 * What is not the same in DragonSync's MQTT message and in its API for one observation of an aircraft: the vertical rate is
 * in the message alone, a registration from readsb in the API alone, and only the API lets one tell that it is on the
 * ground (upstream mqtt_sink.py publish_aircraft, aircraft.py). The rest says when it was heard, or is in the key.
 */
const NOT_SHARED = new Set([
  ...['vertical_rate', 'registration', 'on_ground'],
  ...['observed_at', 'last_update_time', 'timestamp', 'sink', 'seen_by', 'icao'],
]);

function twinOf(kind: Kind, thing: string, message: JsonObject): Pick<Observation, 'twin'> {
  if (kind !== 'aircraft') return {};
  const isKnown = (value: unknown): boolean => value !== null && value !== undefined && value !== '';
  const shared = Object.entries(message).filter(([name, value]) => !NOT_SHARED.has(name) && isKnown(value));
  shared.sort(([a], [b]) => (a < b ? -1 : 1));
  return { twin: { name: `${thing}#${contentHash(shared)}`, thing, withinUs: FOLD_WITHIN_US } };
}

/** @throws PayloadError `time` or `retention`. */
export function checkTimes(kind: Kind, { key: { timeUs } }: Times, nowUs: number): void {
  if (timeUs < EARLIEST_US || timeUs > nowUs + DAY_US) {
    const shown = Math.abs(timeUs) < 8.64e18 ? isoMicros(timeUs) : `${timeUs} us`;
    throw new PayloadError(`observed at ${shown}: before 2015, or more than a day ahead`, { code: 'time' });
  }
  if (timeUs < nowUs - RETENTION_US[kind]) {
    throw new PayloadError(`observed at ${isoMicros(timeUs)}: older than rows are kept`, { code: 'retention' });
  }
}

const TIME_FIELDS: Readonly<Record<Kind, readonly string[]>> = {
  drone: ['observed_at', 'last_update_time'],
  aircraft: ['observed_at', 'last_update_time'],
  signal: ['observed_at'],
  system: ['observed_at', 'updated'],
};
const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * DragonSync's aircraft never have one, and older forms of drones and signals have no field for it. One that is null, or
 * that nobody can read, is another thing: then the time of its arrival would be a guess.
 */
function mayLackATime(kind: Kind, message: JsonObject): boolean {
  if (kind === 'aircraft') return true;
  return kind !== 'system' && TIME_FIELDS[kind].every((field) => message[field] === undefined);
}

/** Seconds since 1970. */
function observedAt(kind: Kind, message: JsonObject): number | null {
  for (const field of TIME_FIELDS[kind]) {
    const value = message[field];
    // Beyond that a microsecond is no longer exact, and no date is.
    if (typeof value === 'number' && Math.abs(value) < 8e9) return value;
  }
  const { timestamp } = message;
  if (typeof timestamp !== 'string' || !ISO_8601.test(timestamp)) return null;
  const millis = Date.parse(timestamp);
  return Number.isNaN(millis) ? null : millis / 1_000;
}
