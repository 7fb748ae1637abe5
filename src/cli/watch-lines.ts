// What goes over the broker, each message on one line: when, what, by which kit, which thing, where, and how it was heard.
import { isObject, type JsonObject, parseJson } from '../base/json.js';
import { printable } from '../base/printable.js';
import type { Kind } from '../schema/kinds.js';
import { thingOf } from '../schema/messages.js';
import { decodeFrame } from '../schema/stream-frame.js';
import { historyTopic, parseTopic, type TopicNames } from '../schema/topics.js';
import { fit } from './terminal.js';

export interface Watched {
  /** `status` and `availability` are of the kit itself. */
  readonly kind: Kind | 'status' | 'availability';
  readonly topic: string;
  /** Came again, or is what the broker kept. */
  readonly retained: boolean;
  readonly message: JsonObject;
}

/** The messages in what came on a topic; none in what is of others, or can't be read: `dragonsink rejects` has that. */
export function readMessages(names: TopicNames, topic: string, payload: Buffer, retained: boolean): Watched[] {
  const parsed = parseTopic(names, topic);
  if (payload.length === 0 || parsed.about === 'other') return [];
  try {
    if (parsed.about === 'availability') {
      const message = { kit_id: parsed.kitLevel, is: payload.toString() };
      return [{ kind: 'availability', topic, retained, message }];
    }
    if (parsed.about === 'stream') {
      const { kitId, messages } = decodeFrame(payload);
      return messages.map(({ kind, message }) => {
        return { kind, topic: historyTopic(names, kind, kitId), retained, message };
      });
    }
    const body = parseJson(payload.toString());
    const kind = parsed.about === 'status' ? 'status' : parsed.kind;
    const all = Array.isArray(body) ? body : [body];
    return all.filter(isObject).map((message) => ({ kind, topic, retained, message }));
  } catch {
    return [];
  }
}

const KIND_WIDTH = 12;
const KIT_WIDTH = 20;
/** An id or a description is as long as its sender likes. */
const FIELD_WIDTH = 60;

export function lineOf(watched: Watched, now: Date): string {
  const { kind, message, retained } = watched;
  const time = timeOf(message, now);
  const sink = isObject(message['sink']) ? message['sink'] : {};
  const marks = [...(sink['replay'] === true ? ['(replay)'] : []), ...(retained ? ['(retained)'] : [])];
  const kit = field(message['seen_by'] ?? message['kit_id'] ?? message['id'] ?? '-');
  const details = kind === 'status' || kind === 'availability' ? ofKit(message) : ofThing(kind, message);
  return [time, kind.padEnd(KIND_WIDTH), kit.padEnd(KIT_WIDTH), ...details, ...marks].join('  ');
}

/** When it was observed, else when it came; UTC. */
function timeOf({ observed_at: observedAt }: JsonObject, now: Date): string {
  const at = typeof observedAt === 'number' ? new Date(observedAt * 1_000) : now;
  return (Number.isNaN(at.getTime()) ? now : at).toISOString().replace('T', ' ').slice(0, 19);
}

function ofKit({ is, spool, counts, link }: JsonObject): string[] {
  if (is !== undefined) return [field(is)];
  const of = (part: unknown, key: string): string => (isObject(part) ? field(part[key] ?? '-') : '-');
  return [
    `waiting ${of(spool, 'waiting')}`,
    `accepted ${of(counts, 'accepted')}`,
    `delivered ${of(counts, 'delivered')}`,
    `reconnects ${of(link, 'reconnects')}`,
  ];
}

/** The fields of each kind that tell most, with their units (upstream's: feet and knots for aircraft). */
const FIELDS: Record<Kind, readonly (readonly [key: string, before: string, unit: string])[]> = {
  drone: [
    ['alt', 'alt ', ' m'],
    ['speed', '', ' m/s'],
    ['rssi', '', ' dBm'],
    ['description', '', ''],
  ],
  aircraft: [
    ['callsign', '', ''],
    ['alt', 'alt ', ' ft'],
    ['speed', '', ' kt'],
    ['rssi', '', ' dBFS'],
  ],
  signal: [
    ['center_hz', '', ' Hz'],
    ['rssi', '', ''],
    ['description', '', ''],
  ],
  system: [
    ['cpu_usage', 'cpu ', ' %'],
    ['temperature_c', '', ' C'],
    ['uptime_s', 'up ', ' s'],
  ],
};

function ofThing(kind: Kind, message: JsonObject): string[] {
  const thing = kind === 'system' ? [] : [field(thingOf(kind, message))];
  const { lat, lon } = message;
  const place =
    isDegrees(lat) && isDegrees(lon) && (lat !== 0 || lon !== 0) ? [`${lat.toFixed(5)},${lon.toFixed(5)}`] : [];
  const rest = FIELDS[kind].flatMap(([key, before, unit]) => {
    const value = message[key];
    return value === undefined || value === null || value === '' ? [] : [`${before}${field(value)}${unit}`];
  });
  return [...thing, ...place, ...rest];
}

function isDegrees(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function field(value: unknown): string {
  // Sensors give more digits than they know.
  if (typeof value === 'number') return String(Math.round(value * 10) / 10);
  return fit(printable(typeof value === 'string' ? value : JSON.stringify(value)), FIELD_WIDTH);
}
