// What has left the lanes and is not confirmed by the broker yet: messages on their topics, frames, and the frame that is
// being filled.
import type { MqttLink } from '../base/mqtt-link.js';
import type { SpoolRow } from '../spool/spool.js';
import { OpenFrame } from './open-frame.js';
import {
  type Framed,
  framedOf,
  framePacket,
  MAX_PACKET_BYTES,
  type Outgoing,
  type Packet,
  type Sending,
  textBytesOf,
  topicPacket,
} from './packets.js';
import type { Carrier } from './wires.js';

export interface OutboxOptions {
  readonly link: Pick<MqttLink, 'publish' | 'maximumPacketBytes'>;
  readonly outgoing: Outgoing;
  readonly frameMs: number;
  readonly maxFrameMessages: number;
  /** The frame has waited for long enough. */
  readonly onDue: () => void;
  /** The broker has confirmed some: others may take their places. */
  readonly onRoom: () => void;
  /** Before it is written: what answers it may come before the broker's confirmation. */
  readonly onSending: (packet: Packet) => void;
  readonly onPublished: (packet: Packet) => void;
  /** Not when the connection was lost: then it is unknown whether it arrived, and it stays in flight. */
  readonly onRefused: (packet: Packet, error: Error & { code?: string; hint?: string }) => void;
  readonly onUnsendable: (row: SpoolRow, reason: string) => void;
}

interface InFlight extends Sending {
  /** The server has it already. */
  isReleased: boolean;
}

export class Outbox {
  /** Rows sent and not confirmed by the broker, by id. */
  readonly inFlight = new Map<number, InFlight>();
  readonly frame: OpenFrame;
  /** PUBLISHes that the broker has not confirmed. */
  packets = 0;
  /** Of those, frames with backlog in them. */
  backlogFrames = 0;
  /** How many rows of the backlog are in flight. */
  backlog = 0;
  /** Of a frame; less when the broker has refused one that had more. */
  maxFrameMessages: number;
  /** How many PUBLISHes the broker has confirmed or refused, and how many at the last look. */
  private answered = 0;
  private answeredSeen = 0;
  private making: NodeJS.Immediate | undefined;

  constructor(private readonly options: OutboxOptions) {
    this.frame = new OpenFrame(options.frameMs, options.onDue);
    this.maxFrameMessages = options.maxFrameMessages;
  }

  get isEmpty(): boolean {
    return this.inFlight.size === 0 && this.frame.size === 0;
  }

  /** Of a frame that did not fit one packet. */
  private get hasRest(): boolean {
    return this.frame.fitting !== null;
  }

  /** Before anything else goes, however much there is: a rest, or a frame that has waited for long enough. */
  get isFrameNext(): boolean {
    return this.hasRest || this.frame.isDue;
  }

  /** When nothing else goes. */
  get isFrameDue(): boolean {
    const { size, replays } = this.frame;
    // What is of the backlog waits for nothing but the frame before it: meanwhile it may become a fuller one.
    return size > 0 && (this.isFrameNext || (replays > 0 && this.backlogFrames === 0));
  }

  /** False when something is out and the broker has said nothing of anything since the last call. */
  takeProgress(): boolean {
    const moved = this.packets === 0 || this.answered > this.answeredSeen;
    this.answeredSeen = this.answered;
    return moved;
  }

  has(id: number): boolean {
    return this.inFlight.has(id) || this.frame.has(id);
  }

  /** It is out of the spool: in a frame it is not sent, and in flight it is not waited for. */
  released(id: number): void {
    this.frame.drop(id);
    const sent = this.inFlight.get(id);
    if (sent !== undefined) sent.isReleased = true;
  }

  /** A frame with `fullFrame` messages is sent. */
  take(sending: Sending, carrier: Carrier, fullFrame: number): void {
    if (carrier === 'topic') {
      this.send(topicPacket(this.options.outgoing, sending));
      return;
    }
    // What fits no message of its own would not be taken out of a frame either.
    if (this.isTooLarge(textBytesOf(sending), MAX_PACKET_BYTES, [sending])) return;
    const framed = framedOf(sending, this.options.outgoing.clockOffsetOf);
    if (framed === null) {
      this.options.onUnsendable(sending.row, 'it is no JSON object');
      return;
    }
    this.frame.add(framed);
    if (this.frame.isFull(fullFrame)) this.closeFrame();
  }

  /** Sends one packet of it, which is all, or what fits. */
  closeFrame(): void {
    const packet = this.fittingPacket(this.frame.next());
    this.frame.sent(packet.sendings.length);
    this.send(packet);
  }

  /** How large one is shows when it is made. */
  private fittingPacket(sendings: readonly Framed[]): Packet {
    const packet = framePacket(this.options.outgoing, sendings);
    if (packet.bytes <= this.maxPacketBytes || sendings.length === 1) return packet;
    return this.fittingPacket(sendings.slice(0, Math.ceil(sendings.length / 2)));
  }

  private get maxPacketBytes(): number {
    return Math.min(this.options.link.maximumPacketBytes, MAX_PACKET_BYTES);
  }

  private isTooLarge(bytes: number, limit: number, sendings: readonly Sending[]): boolean {
    if (bytes <= limit) return false;
    for (const { row } of sendings) this.options.onUnsendable(row, `too large: ${bytes} bytes, ${limit} are allowed`);
    return true;
  }

  private send(packet: Packet): void {
    const { sendings, bytes, message } = packet;
    if (this.isTooLarge(bytes, this.maxPacketBytes, sendings)) return;
    this.packets += 1;
    if (hasBacklog(packet)) this.backlogFrames += 1;
    for (const sending of sendings) {
      if (sending.replay) this.backlog += 1;
      this.inFlight.set(sending.row.id, { ...sending, isReleased: false });
    }
    this.options.onSending(packet);
    this.options.link.publish(message).then(
      () => {
        this.leave(packet);
        this.options.onPublished(packet);
        this.makeRoomSoon();
      },
      (error: Error & { code?: string }) => {
        if (error.code === 'closed') return;
        this.leave(packet);
        this.options.onRefused(packet, error);
      },
    );
  }

  /** Confirmations come many at once; what takes their places then goes to the socket in one write, not in one each. */
  private makeRoomSoon(): void {
    this.making ??= setImmediate(() => {
      this.making = undefined;
      this.options.onRoom();
    });
  }

  private leave(packet: Packet): void {
    this.packets -= 1;
    this.answered += 1;
    if (hasBacklog(packet)) this.backlogFrames -= 1;
    for (const { row, replay } of packet.sendings) {
      if (replay) this.backlog -= 1;
      this.inFlight.delete(row.id);
    }
  }
}

function hasBacklog({ isFrame, sendings }: Packet): boolean {
  return isFrame && sendings.some(({ replay }) => replay);
}
