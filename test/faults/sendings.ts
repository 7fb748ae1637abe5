// Counts on the kit's link what it sends more than once; its own count ends with its process.
import type { Kind } from '../../src/schema/kinds.js';
import { decodeFrame } from '../../src/schema/stream-frame.js';
import { DEFAULT_TOPICS, parseTopic } from '../../src/schema/topics.js';
import { PUBLISH, packetType, publishOf } from './mqtt-packets.js';

/** A message of history. */
export interface Numbered {
  readonly kind: Kind;
  readonly epoch: string;
  readonly seq: number;
}

/** What a packet has of history that is numbered: one message, or a frame's many; of any other packet nothing. */
export function numbersIn(packet: Buffer): Numbered[] {
  if (packetType(packet) !== PUBLISH) return [];
  try {
    return messagesIn(packet).flatMap(({ kind, text }) => {
      const { sink } = JSON.parse(text) as { sink?: { epoch: string; seq: number } };
      return sink === undefined ? [] : [{ kind, epoch: sink.epoch, seq: sink.seq }];
    });
  } catch {
    return []; // also nonsense goes over these links
  }
}

function messagesIn(packet: Buffer): readonly { kind: Kind; text: string }[] {
  const { topic, payload } = publishOf(packet);
  const parsed = parseTopic(DEFAULT_TOPICS, topic);
  if (parsed.about === 'stream') return decodeFrame(payload).messages;
  // A drone's own topic holds its latest state, as often as one asks.
  const isState = topic.startsWith(`${DEFAULT_TOPICS.perDroneBase}/`);
  return parsed.about === 'history' && !isState ? [{ kind: parsed.kind, text: payload.toString() }] : [];
}

export function nameOf({ kind, epoch, seq }: Numbered): string {
  return `${kind}/${epoch}/${seq}`;
}

export class Sendings {
  /** Sent once more, by whichever life of the kit. */
  again = 0;
  private readonly sent = new Set<string>();

  take(packet: Buffer): void {
    for (const name of numbersIn(packet).map(nameOf)) {
      if (this.sent.has(name)) this.again += 1;
      this.sent.add(name);
    }
  }
}
