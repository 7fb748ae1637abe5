// The frame that is being filled. What is in it has left the lanes and is not sent yet; it is still in the spool.
import { MAX_FRAME_TEXT_BYTES } from '../schema/stream-frame.js';
import { type Framed, textBytesOf } from './packets.js';

/** Half of what a frame may hold: the last message that is added is never as large as the other half. */
const MAX_TEXT_BYTES = MAX_FRAME_TEXT_BYTES / 2;

export class OpenFrame {
  /** How many of it are of the backlog. */
  replays = 0;
  /** Its first message has waited for long enough. */
  isDue = false;
  /** So many at once fit a packet, when all did not: what is left goes before anything is added. */
  fitting: number | null = null;
  private sendings = new Map<number, Framed>();
  private textBytes = 0;
  private timer: NodeJS.Timeout | undefined;

  /** `onDue` is called when the first message has waited for `waitMs`. */
  constructor(
    private readonly waitMs: number,
    private readonly onDue: () => void,
  ) {}

  get size(): number {
    return this.sendings.size;
  }

  has(id: number): boolean {
    return this.sendings.has(id);
  }

  isFull(maxMessages: number): boolean {
    return this.size >= maxMessages || this.textBytes >= MAX_TEXT_BYTES;
  }

  add(sending: Framed): void {
    this.sendings.set(sending.row.id, sending);
    this.textBytes += textBytesOf(sending);
    if (sending.replay) this.replays += 1;
    this.timer ??= setTimeout(() => this.beDue(), this.waitMs);
  }

  /** An empty one has nothing to wait. */
  beDue(): void {
    if (this.size === 0) return;
    this.isDue = true;
    this.onDue();
  }

  /** It is out of the spool. */
  drop(id: number): void {
    const sending = this.sendings.get(id);
    if (sending === undefined) return;
    if (sending.replay) this.replays -= 1;
    this.sendings.delete(id);
    if (this.size === 0) this.take();
  }

  /** What goes next: all, or as many as fit. */
  next(): Framed[] {
    return [...this.sendings.values()].slice(0, this.fitting ?? this.size);
  }

  /** So many are sent, and that was all that fits. */
  sent(count: number): void {
    const rest = this.take().slice(count);
    for (const sending of rest) this.add(sending);
    if (rest.length > 0) this.fitting = count;
  }

  /** Everything in it, which is then empty. */
  take(): Framed[] {
    const taken = [...this.sendings.values()];
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sendings = new Map();
    this.textBytes = 0;
    this.replays = 0;
    this.isDue = false;
    this.fitting = null;
    return taken;
  }
}
