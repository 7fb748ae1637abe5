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
  const { topic, payload } = publishOf(packet);
  const parsed = parseTopic(DEFAULT_TOPICS, topic);
  if (parsed.about === 'stream') return decodeFrame(payload).messages.flatMap(({ kind, text }) => numberOf(kind, text));
  // A drone's own topic holds its latest state, as often as one asks.
  const isState = topic.startsWith(`${DEFAULT_TOPICS.perDroneBase}/`);
  return parsed.about === 'history' && !isState ? numberOf(parsed.kind, payload.toString()) : [];
}

function numberOf(kind: Kind, text: string): Numbered[] {
  const sink = sinkOf(text);
  return sink === undefined ? [] : [{ kind, epoch: sink.epoch, seq: sink.seq }];
}

/** Also nonsense goes over these links. */
function sinkOf(text: string): { epoch: string; seq: number } | undefined {
  try {
    return (JSON.parse(text) as { sink?: { epoch: string; seq: number } }).sink;
  } catch {
    return undefined;
  }
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
