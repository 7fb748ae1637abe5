// From rows of the spool to what is published: one message on its topic, or a frame of many.
import { isObject, type JsonObject } from '../base/json.js';
import type { OutgoingMessage, Qos } from '../base/mqtt-link.js';
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
}

/** A row on its way, and whether it is of the backlog. */
export interface Sending {
  readonly row: SpoolRow;
  readonly replay: boolean;
}

/** One in a frame, whose fields are spelled anew. */
export interface Framed extends Sending {
  readonly fields: JsonObject;
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

export function topicPacket({ kitId, topics, qos }: Outgoing, sending: Sending): Packet {
  const kind = kindOf(sending.row.class);
  const topic = historyTopic(topics, kind, kitId);
  const payload = Buffer.from(seal(sending.row.body, kitId, envelopeOf(sending)));
  return packet([sending], { topic, payload, qos: qos[kind], retain: false }, false);
}

/** All in one frame, however large it gets. */
export function framePacket({ kitId }: Outgoing, framed: readonly Framed[]): Packet {
  const messages = framed.map((one) => ({ kind: kindOf(one.row.class), fields: one.fields, sink: envelopeOf(one) }));
  const payload = encodeFrame(kitId, messages);
  return packet(framed, { topic: streamTopic(kitId), payload, qos: 1, retain: false }, true);
}

/** Null when the row is no message, which no file that is whole has. */
export function framedOf(sending: Sending): Framed | null {
  try {
    const fields: unknown = JSON.parse(sending.row.body);
    return isObject(fields) ? { ...sending, fields } : null;
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

function envelopeOf({ row: { epoch, seq }, replay }: Sending): SinkEnvelope {
  return { v: ENVELOPE_VERSION, epoch, seq, ...(replay ? { replay } : {}) };
}
