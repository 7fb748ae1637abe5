// The health of the kit's radios as DragonSync's neighbours publish it every 30 s, brought into one form: droneid-go has a
// list of sources (WiFi, Bluetooth, DJI, UART), DragonSig is one radio.
import { isObject, type JsonObject } from '../../base/json.js';
import { MAX_RECEIVERS, type Receiver, type Receivers } from '../../schema/receivers.js';

/** A clock that was never set. */
const EARLIEST_MS = Date.UTC(2015, 0, 1);

/** Null for what is no health at all. */
export function readHealth(message: unknown): Receivers | null {
  const health = isObject(message) ? message['Health'] : null;
  if (!isObject(health)) return null;
  const { sources } = health;
  const found = isObject(sources)
    ? Object.entries(sources)
        .filter((entry): entry is [string, JsonObject] => isObject(entry[1]))
        .map(([key, source]) => [wordOf(source['name']) ?? wordOf(key) ?? 'receiver', sourceOf(source)] as const)
    : [['dragonsig', dragonSigOf(health)] as const];
  return Object.fromEntries(found.slice(0, MAX_RECEIVERS));
}

function sourceOf(source: JsonObject): Receiver {
  const enabled = source['enabled'] !== false;
  return {
    enabled,
    state: enabled ? (wordOf(source['state_str']) ?? wordOf(source['state']) ?? 'unknown') : 'disabled',
    last_message_at: timeOf(source['last_message_time']),
    messages: countOf(source['messages_total']),
    errors: countOf(source['errors_recent']),
    dropped: countOf(source['dropped'] ?? source['messages_dropped']),
  };
}

function dragonSigOf(health: JsonObject): Receiver {
  const counts = Object.entries(health)
    .filter(([name]) => name.endsWith('_detections'))
    .map(([, count]) => countOf(count) ?? 0);
  return {
    enabled: true,
    state: health['sdr_ok'] === false ? 'error' : 'connected',
    last_message_at: null,
    messages: counts.length === 0 ? null : counts.reduce((sum, count) => sum + count),
    errors: null,
    dropped: null,
  };
}

/** As a name or a state may be on the wire. */
function wordOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const word = value
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
    .replace(/^-|-$/g, '');
  return word === '' ? null : word;
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Epoch seconds, or a time as text. */
function timeOf(value: unknown): string | null {
  const ms = typeof value === 'number' ? value * 1_000 : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  const isPlausible = ms >= EARLIEST_MS && ms < EARLIEST_MS * 10;
  return isPlausible ? new Date(ms).toISOString() : null;
}
