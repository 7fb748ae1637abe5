// Counts on the kit's link what it sends more than once; its own count ends with its process.
import { PUBLISH, packetType } from './mqtt-packets.js';

const HISTORY = /wardragon\/(drones|aircraft|signals|system)\b/;
const ENVELOPE = /"sink":\{"v":1,"epoch":"([0-9a-f]{16})","seq":(\d+)/;
/** Fixed header and topic. */
const HEAD_BYTES = 80;

/** A message of history, as its packet says; null of any other packet. */
export interface Numbered {
  /** Of the topic, as `drones`. */
  readonly topic: string;
  readonly epoch: string;
  readonly seq: number;
}

export function numberOf(packet: Buffer): Numbered | null {
  if (packetType(packet) !== PUBLISH) return null;
  const topic = HISTORY.exec(packet.toString('latin1', 0, HEAD_BYTES))?.[1];
  const [, epoch, seq] = ENVELOPE.exec(packet.toString('latin1')) ?? [];
  return topic === undefined || epoch === undefined ? null : { topic, epoch, seq: Number(seq) };
}

export class Sendings {
  /** Sent once more, by whichever life of the kit. */
  again = 0;
  private readonly sent = new Set<string>();

  take(packet: Buffer): void {
    const numbered = numberOf(packet);
    if (numbered === null) return;
    const number = `${numbered.topic}/${numbered.epoch}/${numbered.seq}`;
    if (this.sent.has(number)) this.again += 1;
    this.sent.add(number);
  }
}
