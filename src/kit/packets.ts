// From rows of the spool to what is published: one message on its topic, or a frame of many.
import { isObject, type JsonObject } from '../base/json.js';
import type { OutgoingMessage, Qos } from '../base/mqtt-link.js';
import { withClockOffset } from '../schema/clock-offset.js';
import { ENVELOPE_VERSION, type SinkEnvelope, seal } from '../schema/envelope.js';
import type { Kind } from '../schema/kinds.js';
import { encodeFrame } from '../schema/stream-frame.js';
import { historyTopic, streamTopic, type TopicNames } from '../schema/topics.js';
import type { SpoolRow } from '../spool/spool.js';
import { kindOf } from './classes.js';

export interface Outgoing {
  readonly kitId: string;
  readonly topics: TopicNames;
  readonly qos: Readonly<Record<Kind, Qos>>;
  /** What is to be added to the times of a row, in seconds; nothing unless given. */
  readonly clockOffsetOf?: (row: SpoolRow) => number;
}

/** A row on its way, and whether it is of the backlog. */
export interface Sending {
  readonly row: SpoolRow;
  readonly replay: boolean;
}

/** One in a frame, whose fields are spelled anew. */
export interface Framed extends Sending {
  readonly fields: JsonObject;
  /** Its time before it was corrected. */
  readonly observedRaw?: number;
}

export interface Packet {
  readonly sendings: readonly Sending[];
  readonly message: OutgoingMessage;
  /** Of the whole PUBLISH, or a little more. */
  readonly bytes: number;
  readonly isFrame: boolean;
}

/** The largest packet we send: what brokers are set up for, and what the server takes. */
export const MAX_PACKET_BYTES = 65_536;
/** Fixed header, topic length, packet id and properties of a PUBLISH [MQTT5-3.3]. */
const PACKET_OVERHEAD_BYTES = 32;

export function topicPacket(outgoing: Outgoing, sending: Sending): Packet {
  const { kitId, topics, qos } = outgoing;
  const kind = kindOf(sending.row.class);
  const topic = historyTopic(topics, kind, kitId);
  const payload = Buffer.from(sealed(outgoing, sending));
  return packet([sending], { topic, payload, qos: qos[kind], retain: false }, false);
}

/** All in one frame, however large it gets. */
export function framePacket({ kitId }: Outgoing, framed: readonly Framed[]): Packet {
  const messages = framed.map((one) => ({ kind: kindOf(one.row.class), fields: one.fields, sink: envelopeOf(one) }));
  const payload = encodeFrame(kitId, messages);
  return packet(framed, { topic: streamTopic(kitId), payload, qos: 1, retain: false }, true);
}

/** A row as one message, with its times corrected. */
export function sealed({ kitId, clockOffsetOf }: Pick<Outgoing, 'kitId' | 'clockOffsetOf'>, sending: Sending): string {
  const { body } = sending.row;
  const corrected =
    clockOffsetOf === undefined || clockOffsetOf(sending.row) === 0 ? null : framedOf(sending, clockOffsetOf);
  if (corrected?.observedRaw === undefined) return seal(body, kitId, envelopeOf(sending));
  return seal(JSON.stringify(corrected.fields), kitId, envelopeOf(corrected));
}

/** Null when the row is no message, which no file that is whole has. */
export function framedOf(sending: Sending, clockOffsetOf: Outgoing['clockOffsetOf']): Framed | null {
  const fields = fieldsOf(sending.row.body);
  const offsetS = clockOffsetOf?.(sending.row) ?? 0;
  const corrected = fields === null || offsetS === 0 ? null : withClockOffset(fields, offsetS);
  if (corrected !== null) return { ...sending, fields: corrected.message, observedRaw: corrected.observedRaw };
  return fields === null ? null : { ...sending, fields };
}

function fieldsOf(body: string): JsonObject | null {
  try {
    const fields: unknown = JSON.parse(body);
    return isObject(fields) ? fields : null;
  } catch {
    return null;
  }
}

/** What `seen_by` and `sink` add to a message, and a little more. */
const ENVELOPE_BYTES = 256;

/** Of a message in a frame, as it would be on its topic. */
export function textBytesOf({ row }: Sending): number {
  return Buffer.byteLength(row.body) + ENVELOPE_BYTES;
}

function packet(sendings: readonly Sending[], message: OutgoingMessage, isFrame: boolean): Packet {
  const bytes = message.payload.length + Buffer.byteLength(message.topic) + PACKET_OVERHEAD_BYTES;
  return { sendings, message, bytes, isFrame };
}

function envelopeOf({ row: { epoch, seq }, replay, observedRaw }: Sending & Pick<Framed, 'observedRaw'>): SinkEnvelope {
  return {
    ...{ v: ENVELOPE_VERSION, epoch, seq },
    ...(replay ? { replay } : {}),
    ...(observedRaw === undefined ? {} : { observed_raw: observedRaw }),
  };
}
