// Counts on the kit's link what it sends more than once; its own count ends with its process.
import type { Kind } from '../../src/schema/kinds.js';
import { decodeFrame } from '../../src/schema/stream-frame.js';
import { DEFAULT_TOPICS, parseTopic } from '../../src/schema/topics.js';
import { PUBLISH, packetType, publishOf } from './mqtt-packets.js';

export class Sendings {
  /** Sent once more, by whichever life of the kit. */
  again = 0;
  private readonly sent = new Set<string>();

  take(packet: Buffer): void {
    if (packetType(packet) !== PUBLISH) return;
    const { topic, payload } = publishOf(packet);
    const parsed = parseTopic(DEFAULT_TOPICS, topic);
    if (parsed.about === 'stream') for (const { kind, text } of decodeFrame(payload).messages) this.count(kind, text);
    // A drone's own topic holds its latest state, as often as one asks.
    const isState = topic.startsWith(`${DEFAULT_TOPICS.perDroneBase}/`);
    if (parsed.about === 'history' && !isState) this.count(parsed.kind, payload.toString());
  }

  private count(kind: Kind, text: string): void {
    const { epoch, seq } = (JSON.parse(text) as { sink: { epoch: string; seq: number } }).sink;
    const number = `${kind}/${epoch}/${seq}`;
    if (this.sent.has(number)) this.again += 1;
    this.sent.add(number);
  }
}
