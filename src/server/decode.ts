// From one MQTT message to what the database takes: observations, contacts, kits' reports, and rejects for what can't be
// read. Pure: a topic, bytes and the time in, a batch out.
import { PayloadError, toError } from '../base/errors.js';
import { isObject, type JsonObject, parseJson } from '../base/json.js';
import { type SinkEnvelope, sinkEnvelope } from '../schema/envelope.js';
import type { Kind } from '../schema/kinds.js';
import { isKitId } from '../schema/kit-id.js';
import { readMessage } from '../schema/messages.js';
import { inTodaysForm } from '../schema/older-forms.js';
import { kitStatus } from '../schema/status.js';
import { decodeFrame } from '../schema/stream-frame.js';
import { historyTopic, kitLevel, type ParsedTopic, parseTopic, type TopicNames } from '../schema/topics.js';
import { MAX_KEPT_BYTES } from './rejects.js';
import { toReport } from './report.js';
import { toRow } from './rows.js';
import type { Batch, Contact, Identity, Observation, Reject } from './store.js';
import { checkTimes, timesOf } from './times.js';

export interface Incoming {
  readonly topic: string;
  readonly payload: Buffer;
  /** Microseconds since 1970, the server's clock. */
  readonly receivedUs: number;
  /** By which its time is judged, when that is not when it arrived: a day ahead of then may be past by now. */
  readonly nowUs?: number;
  /** The kit that it is known to be from, whatever it says. */
  readonly from?: string;
}

/**
 * Whether what says on a shared topic that it is from this kit is not taken: everybody may write there, and the kit itself
 * sends on its own topics.
 */
export type IsEnrolled = (kitId: string) => boolean;

export const MAX_PAYLOAD_BYTES = 65_536;
/** Of an array: more than the shortest messages that fit; each could be a reject of its own, from two bytes. */
const MAX_ELEMENTS = 1_000;
/** Kits whose topic level is not their id; more than one server will ever see. */
const MAX_LEVELS = 10_000;

type History = Pick<Extract<ParsedTopic, { about: 'history' }>, 'kind' | 'kitLevel'>;

export class Decoder {
  /** Kit ids by their topic level, so that a last will finds the kit it speaks of. */
  private readonly kitOfLevel = new Map<string, string>();

  constructor(
    private readonly topics: TopicNames,
    private readonly isEnrolled: IsEnrolled = () => false,
  ) {}

  decode(incoming: Incoming): Batch {
    const parsed = parseTopic(this.topics, incoming.topic);
    // An empty payload clears a retained topic [MQTT5-3.3.1.3]: it says nothing.
    if (parsed.about === 'other' || incoming.payload.length === 0) return EMPTY;
    try {
      if (parsed.about === 'availability') return this.availability(incoming, parsed.kitLevel);
      if (parsed.about === 'status') return this.status(incoming, parsed.kitLevel);
      if (parsed.about === 'stream') return this.stream(incoming, parsed.kitLevel);
      return this.history(incoming, parsed);
    } catch (thrown: unknown) {
      return {
        ...EMPTY,
        rejects: [rejectOf(incoming, thrown, { kind: parsed.about === 'history' ? parsed.kind : null })],
      };
    }
  }

  private availability({ payload, receivedUs }: Incoming, level: string): Batch {
    const kitId = this.kitOfLevel.get(level) ?? level;
    const said = payload.toString();
    if (!isKitId(kitId)) throw new PayloadError(`not a kit id: ${kitId}`, { code: 'kit' });
    if (said !== 'online' && said !== 'offline') {
      throw new PayloadError('neither online nor offline', { code: 'schema' });
    }
    return { ...EMPTY, contacts: [{ kitId, atUs: receivedUs, online: said === 'online' }] };
  }

  private status(incoming: Incoming, level: string): Batch {
    const status = kitStatus.safeParse(parseText(incoming.payload));
    if (!status.success) throw schemaError(status.error);
    const { kit_id: kitId } = status.data;
    if (!isKitId(kitId)) throw new PayloadError(`not a kit id: ${kitId}`, { code: 'kit' });
    // A broker's ACL ties a kit to its topic: nobody speaks for another.
    if (kitLevel(kitId) !== level) throw new PayloadError(`${kitId} on the topic of ${level}`, { code: 'kit' });
    const report = toReport(status.data);
    this.remember(kitId);
    // Retained: it is the kit's word, but no sign that the kit is there now.
    return { ...EMPTY, reports: [report] };
  }

  /** Each message of a frame is taken as if it had come on its topic; one bad one does not cost its neighbours. */
  private stream(incoming: Incoming, level: string): Batch {
    const { kitId, messages } = decodeFrame(incoming.payload);
    if (!isKitId(kitId)) throw new PayloadError(`not a kit id: ${kitId}`, { code: 'kit' });
    if (kitLevel(kitId) !== level) throw new PayloadError(`${kitId} on the stream of ${level}`, { code: 'kit' });
    const parts = new Parts();
    for (const { kind, message, text } of messages) {
      const payload = Buffer.from(text);
      const framed = { ...incoming, topic: historyTopic(this.topics, kind, kitId), payload, from: kitId };
      this.take(parts, framed, { kind, kitLevel: level }, message, payload);
    }
    return parts.batch();
  }

  /** One object, or (as old documents have it) an array of them; one bad element does not cost its neighbours. */
  private history(incoming: Incoming, topic: History): Batch {
    const body = parseText(incoming.payload);
    if (Array.isArray(body) && body.length === 0) throw new PayloadError('an empty list', { code: 'schema' });
    if (Array.isArray(body) && body.length > MAX_ELEMENTS)
      throw new PayloadError(`${body.length} elements, at most ${MAX_ELEMENTS}`, { code: 'schema' });
    const parts = new Parts();
    if (Array.isArray(body)) for (const element of body) this.take(parts, incoming, topic, element, element);
    else this.take(parts, incoming, topic, body, incoming.payload);
    return parts.batch();
  }

  /** An observation, or a reject with the original; nothing when it is not for us. */
  private take(parts: Parts, incoming: Incoming, topic: History, element: unknown, original: unknown): void {
    const known: Known = { kind: topic.kind };
    try {
      checkSize(incoming.payload);
      const observation = this.observation(incoming, topic, element, original, known);
      if (observation === null) return;
      parts.observations.push(observation);
      parts.contacts.push({ kitId: observation.kitId, atUs: incoming.receivedUs, online: true });
    } catch (thrown: unknown) {
      parts.rejects.push(rejectOf({ ...incoming, payload: bytesOf(original) }, thrown, known));
    }
  }

  private observation(
    incoming: Incoming,
    { kind, kitLevel: level }: History,
    sent: unknown,
    original: unknown,
    known: Known,
  ): Observation | null {
    if (!isObject(sent)) throw new PayloadError('not an object', { code: 'schema' });
    const element = inTodaysForm(kind, sent);
    const sink = readEnvelope(element);
    const kitId = incoming.from ?? this.kitIdOf(kind, element, level);
    const isOnOwnTopic = incoming.from !== undefined || kitLevel(kitId) === level;
    if (!isOnOwnTopic && this.isEnrolled(kitId)) return null;
    known.kitId = kitId;
    known.identity = sink === null ? null : { epoch: sink.epoch, seq: sink.seq };
    const parsed = readMessage(kind, element);
    if (!parsed.success) throw schemaError(parsed.error);
    const times = timesOf(kind, parsed.data, sink, incoming.receivedUs);
    checkTimes(kind, times, incoming.nowUs ?? incoming.receivedUs);
    const row = toRow(kind, parsed.data, element);
    if (times.arrival) row.extra['time_source'] = 'arrival';
    this.remember(kitId);
    const replay = sink?.replay === true ? { replay: true as const } : {};
    const source = { topic: incoming.topic, original, receivedUs: incoming.receivedUs };
    return { kind, kitId, identity: known.identity, ...times.key, ...row, ...replay, source };
  }

  /** Never from a drone's id: DragonSync leaves `seen_by` null for some, and that made drones into kits. */
  private kitIdOf(kind: Kind, message: JsonObject, level: string | null): string {
    const candidates = [message['seen_by'], message['kit_id']];
    if (kind === 'system')
      candidates.push(message['id'], level === null ? null : (this.kitOfLevel.get(level) ?? level));
    const found = candidates.find(isKitId);
    if (found === undefined)
      throw new PayloadError(`no kit: seen_by is ${JSON.stringify(message['seen_by'])}`, { code: 'kit' });
    return found;
  }

  private remember(kitId: string): void {
    const level = kitLevel(kitId);
    if (level === kitId || this.kitOfLevel.size >= MAX_LEVELS) return;
    this.kitOfLevel.set(level, kitId);
  }
}

const EMPTY: Batch = { observations: [], rejects: [], contacts: [], reports: [] };

/** Of the messages that came in one. */
class Parts {
  readonly observations: Observation[] = [];
  readonly contacts: Contact[] = [];
  readonly rejects: Reject[] = [];

  batch(): Batch {
    const { observations, rejects, contacts } = this;
    return { observations, rejects, contacts: latestPerKit(contacts), reports: [] };
  }
}

/** What is known of a message by the time it turns out to be unreadable. */
interface Known {
  kind: Kind | null;
  kitId?: string;
  identity?: Identity | null;
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

function checkSize(payload: Buffer): void {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new PayloadError(`${payload.length} bytes, at most ${MAX_PAYLOAD_BYTES}`, { code: 'schema' });
  }
}

function parseText(payload: Buffer): unknown {
  checkSize(payload);
  try {
    return parseJson(UTF_8.decode(payload));
  } catch (thrown: unknown) {
    throw new PayloadError(toError(thrown).message, { code: 'json', cause: thrown });
  }
}

function readEnvelope(message: JsonObject): SinkEnvelope | null {
  if (message['sink'] === undefined || message['sink'] === null) return null;
  const parsed = sinkEnvelope.safeParse(message['sink']);
  if (!parsed.success) throw schemaError(parsed.error, 'sink');
  return parsed.data;
}

function schemaError(error: { issues: readonly { path: PropertyKey[]; message: string }[] }, at = ''): PayloadError {
  const problems = error.issues.map(({ path, message }) => `${[at, ...path].filter(Boolean).join('.')}: ${message}`);
  return new PayloadError(problems.join('; ').slice(0, 500), { code: 'schema' });
}

function rejectOf({ topic, payload, receivedUs }: Incoming, thrown: unknown, known: Known): Reject {
  const { kind, kitId = null, identity = null } = known;
  // Any other is a fault of ours: thrown, it would end the server again and again, for the message would come again.
  const code = thrown instanceof PayloadError ? thrown.code : 'internal';
  return {
    receivedUs,
    topic,
    kitId,
    kind,
    identity,
    reason: code === 'depth' ? 'json' : code,
    detail: toError(thrown).message,
    payload: payload.subarray(0, MAX_KEPT_BYTES),
  };
}

/** An element of an array has no bytes of its own. */
export function bytesOf(original: unknown): Buffer {
  return Buffer.isBuffer(original) ? original : Buffer.from(JSON.stringify(original));
}

function latestPerKit(contacts: readonly Contact[]): Contact[] {
  return [...new Map(contacts.map((contact) => [contact.kitId, contact])).values()];
}
