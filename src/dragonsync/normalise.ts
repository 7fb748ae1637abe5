// API form -> message form: what DragonSync's own MQTT sink would send for the same observation (DragonSync
// sinks/mqtt_sink.py), with the exceptions that the README lists. `seen_by` and `sink` are added when it is sent.
import { PayloadError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { Kind } from '../schema/kinds.js';
import { isKitId } from '../schema/kit-id.js';
import { contentHash, thingOf } from '../schema/messages.js';
import { isoMicros, toMicros } from '../schema/time.js';

/** Shown by the API and never sent by the sink: derived, or DragonSync's own bookkeeping. */
const API_ONLY: Record<Kind, readonly string[]> = {
  drone: ['rid'],
  aircraft: ['id', 'hex', 'reg', 'flight', 'ground_speed', 'last_update_time', 'source'],
  signal: ['alert_id', 'self_id', 'expires_at', 'pal_conf', 'ntsc_conf'],
  system: [
    'uid',
    'kit_id',
    'lat',
    'lon',
    'alt',
    'memory_total',
    'memory_available',
    'disk_total',
    'disk_used',
    'temperature',
    'uptime',
    'pluto_temp',
    'zynq_temp',
    'speed',
    'track',
    'last_update_time',
  ],
};

/** What decides whether an entry is news, and the thing it is about. */
export interface Novelty {
  readonly thing: string;
  /** The same mark again is the same observation. */
  readonly mark: string;
}

/** `/drones` holds drones and aircraft mixed. */
export function splitTracks(entries: readonly JsonObject[]): { drones: JsonObject[]; aircraft: JsonObject[] } {
  return {
    drones: entries.filter((entry) => entry['track_type'] !== 'aircraft'),
    aircraft: entries.filter((entry) => entry['track_type'] === 'aircraft'),
  };
}

/** @throws PayloadError `schema` when the entry has no id or no time. */
export function noveltyOf(kind: Kind, entry: JsonObject): Novelty {
  if (kind === 'aircraft') {
    const { last_update_time: _, ...content } = entry;
    return { thing: icaoOf(entry), mark: contentHash(content) };
  }
  const moving = kind === 'signal' ? entry['observed_at'] : entry['last_update_time'];
  if (typeof moving !== 'number') throw new PayloadError(`no time: ${shown(entry)}`, { code: 'schema' });
  // Of the kit's health DragonSync's sink tells whole seconds only.
  if (kind === 'system') return { thing: thingOf(kind, entry), mark: String(Math.trunc(moving)) };
  const key = kind === 'drone' ? 'id' : 'uid';
  if (!isId(entry[key])) throw new PayloadError(`no ${key}: ${shown(entry)}`, { code: 'schema' });
  return { thing: thingOf(kind, entry), mark: String(moving) };
}

/** @throws PayloadError `schema` when the entry has no id or no time. */
export function toMessage(kind: Kind, entry: JsonObject): JsonObject {
  const message = { ...passedOn(kind, entry), ...FIELDS[kind](entry) };
  const observedAt = observedAtOf(kind, entry);
  return { ...message, timestamp: isoMicros(toMicros(observedAt)), observed_at: observedAt };
}

function observedAtOf(kind: Kind, entry: JsonObject): number {
  const own = kind === 'drone' || kind === 'signal' ? finite(entry['observed_at']) : null;
  const observedAt = own ?? finite(entry['last_update_time']);
  if (observedAt === null) throw new PayloadError(`no time: ${shown(entry)}`, { code: 'schema' });
  return observedAt;
}

/** Every field keeps its name unless it is known to be the API's alone: what upstream adds later arrives too. */
function passedOn(kind: Kind, entry: JsonObject): JsonObject {
  const message: JsonObject = {};
  for (const [key, value] of Object.entries(entry)) {
    if (key !== 'seen_by' && !API_ONLY[kind].includes(key)) message[key] = value;
  }
  return message;
}

const FIELDS: Record<Kind, (entry: JsonObject) => JsonObject> = {
  drone: droneFields,
  aircraft: aircraftFields,
  signal: signalFields,
  system: systemFields,
};

function droneFields(entry: JsonObject): JsonObject {
  if (!isId(entry['id'])) throw new PayloadError(`no id: ${shown(entry)}`, { code: 'schema' });
  const rid = (typeof entry['rid'] === 'object' && entry['rid'] !== null ? entry['rid'] : {}) as JsonObject;
  return {
    latitude: entry['lat'] ?? null,
    longitude: entry['lon'] ?? null,
    // Upstream's is the number of a text like "< 3 m", which is always 0.0.
    gps_accuracy: null,
    freq_mhz: entry['freq'] ?? null,
    rid_make: rid['make'] ?? null,
    rid_model: rid['model'] ?? null,
    rid_status: rid['status'] ?? null,
    rid_tracking: rid['tracking'] ?? null,
    rid_source: rid['source'] ?? null,
    rid_lookup_attempted: rid['lookup_attempted'] ?? false,
    rid_lookup_success: rid['lookup_success'] ?? false,
    rid_timestamp: entry['rid_timestamp'] ?? entry['timestamp'] ?? '',
  };
}

function aircraftFields(entry: JsonObject): JsonObject {
  // readsb says "ground" instead of a height (DragonSync aircraft.py passes it on).
  const grounded = entry['alt'] === 'ground';
  const altitudeFt = grounded ? 0 : (entry['alt'] ?? null);
  const speedKt = entry['ground_speed'] ?? null;
  return {
    icao: icaoOf(entry),
    // The API's own `callsign` is DragonSync's uid of the track.
    callsign: entry['flight'] ?? '',
    registration: entry['reg'] ?? '',
    latitude: entry['lat'] ?? null,
    longitude: entry['lon'] ?? null,
    alt: altitudeFt,
    altitude_ft: altitudeFt,
    speed: speedKt,
    speed_kt: speedKt,
    heading: entry['track'] ?? null,
    vertical_rate: entry['vertical_rate'] ?? null,
    on_ground: grounded || (entry['on_ground'] ?? false),
  };
}

function signalFields(entry: JsonObject): JsonObject {
  if (!isId(entry['uid'])) throw new PayloadError(`no uid: ${shown(entry)}`, { code: 'schema' });
  return {
    pal: entry['pal_conf'] ?? null,
    ntsc: entry['ntsc_conf'] ?? null,
    latitude: entry['lat'] ?? null,
    longitude: entry['lon'] ?? null,
    gps_accuracy: entry['radius_m'] ?? null,
  };
}

function systemFields(entry: JsonObject): JsonObject {
  const { uid } = entry;
  return {
    ...(isKitId(uid) ? { id: uid } : {}),
    latitude: entry['lat'] ?? null,
    longitude: entry['lon'] ?? null,
    hae: entry['alt'] ?? null,
    memory_total_mb: tenth(entry['memory_total']),
    memory_available_mb: tenth(entry['memory_available']),
    disk_total_mb: tenth(entry['disk_total']),
    disk_used_mb: tenth(entry['disk_used']),
    temperature_c: finite(entry['temperature']),
    uptime_s: finite(entry['uptime']),
    // "N/A" without that radio
    pluto_temp_c: finite(entry['pluto_temp']),
    zynq_temp_c: finite(entry['zynq_temp']),
    speed_mps: finite(entry['speed']),
    track_deg: finite(entry['track']),
    updated: Math.trunc(finite(entry['last_update_time']) ?? 0),
  };
}

/** `hex`, or the hexadecimal part of `adsb-a1b2c3`. */
function icaoOf(entry: JsonObject): string {
  const { hex, id } = entry;
  const found = isId(hex) ? hex : typeof id === 'string' ? id.replace(/^adsb-/, '') : '';
  if (!isId(found)) throw new PayloadError(`an aircraft without hex: ${shown(entry)}`, { code: 'schema' });
  return found.toUpperCase();
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 512;
}

export function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Python's round(x, 1): a tie goes to the even digit. */
function tenth(value: unknown): number | null {
  const number = finite(value);
  if (number === null) return null;
  const scaled = number * 10;
  const below = Math.floor(scaled);
  const rounded = scaled - below === 0.5 ? below + (below % 2) : Math.round(scaled);
  return rounded / 10;
}

export function shown(entry: JsonObject): string {
  return JSON.stringify(entry).slice(0, 120);
}
