// What DragonSync's own sink published (DragonSync sinks/mqtt_sink.py) -> message form: as for its API (normalise.ts), and
// with the same marks, so that an observation is the same whichever way it came.
import { PayloadError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { Kind } from '../schema/kinds.js';
import { isKitId } from '../schema/kit-id.js';
import { contentHash, thingOf } from '../schema/messages.js';
import { isoMicros, toMicros } from '../schema/time.js';
import { finite, isId, type Novelty, shown } from './normalise.js';

const KEY: Readonly<Record<Kind, string | null>> = { drone: 'id', aircraft: 'icao', signal: 'uid', system: null };

/** What DragonSync learns of a drone apart, and merges into an observation that it has published or shown already. */
const MERGED = {
  pilot: ['pilot_lat', 'pilot_lon'],
  home: ['home_lat', 'home_lon'],
  'look-up': ['rid_make', 'rid_model', 'rid_status', 'rid_tracking', 'rid_lookup_success'],
} as const;

export type Merged = keyof typeof MERGED;

const PARTS = Object.keys(MERGED) as readonly Merged[];

/** Which of it a message does not have: 0, false, empty and null are all unknown to DragonSync. */
export function lackingOf(message: JsonObject): readonly Merged[] {
  return PARTS.filter((part) => MERGED[part].every((field) => !message[field]));
}

/** @throws PayloadError `schema` when the message has no id or no time. */
export function noveltyOfPublished(kind: Kind, message: JsonObject): Novelty {
  const key = KEY[kind];
  if (key !== null && !isId(message[key])) throw new PayloadError(`no ${key}: ${shown(message)}`, { code: 'schema' });
  const thing = thingOf(kind, message);
  if (kind === 'aircraft') {
    const { observed_at: _, ...content } = message;
    return { thing, mark: contentHash(content) };
  }
  const moving =
    kind === 'drone' ? (finite(message['last_update_time']) ?? message['observed_at']) : timeOf(kind, message);
  if (typeof moving !== 'number') throw new PayloadError(`no time: ${shown(message)}`, { code: 'schema' });
  return { thing, mark: String(moving) };
}

/** @throws PayloadError `schema` when the message has no time. */
export function fromPublished(kind: Kind, message: JsonObject): JsonObject {
  const observedAt = timeOf(kind, message);
  // Of each kit's own: DragonSync's sink adds the two heights to copies of a message, and they are always 0.0.
  const { seen_by: _, pilot_alt: __, home_alt: ___, ...fields } = message;
  // A kit that does not know itself yet would be a kit of that name to whoever reads it.
  if (kind === 'system' && !isKitId(fields['id'])) delete fields['id'];
  const own = kind === 'drone' ? { gps_accuracy: null, ...frequency(message) } : {};
  return { ...fields, ...own, timestamp: isoMicros(toMicros(observedAt)), observed_at: observedAt };
}

/** Seconds since 1970. An aircraft has none but that of its arrival, which whoever received it writes into it. */
function timeOf(kind: Kind, message: JsonObject): number {
  const time = kind === 'system' ? wholeSeconds(message) : finite(message['observed_at']);
  const found = time ?? (kind === 'drone' ? finite(message['last_update_time']) : null);
  if (found === null) throw new PayloadError(`no time: ${shown(message)}`, { code: 'schema' });
  return found;
}

function wholeSeconds(message: JsonObject): number | null {
  const updated = finite(message['updated']);
  return updated === null ? null : Math.trunc(updated);
}

/** Drones fly on less than this many MHz: above, it is Hz. */
const MAX_MHZ = 1e5;
const HZ_PER_MHZ = 1e6;

/** DragonSync's sink passes on what the receiver said, Hz or MHz, and `freq_mhz` beside it. */
function frequency({ freq, freq_mhz }: JsonObject): JsonObject {
  const raw = finite(freq);
  const mhz = finite(freq_mhz) ?? (raw !== null && raw > MAX_MHZ ? raw / HZ_PER_MHZ : raw);
  return { freq: mhz, freq_mhz: mhz };
}
