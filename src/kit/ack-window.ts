// The end-to-end window (design 1: Window): what was sent to servers that are there and is not acknowledged. It bounds
// the backlog, says what is due to be sent again, and notices when nobody acknowledges at all.
import type { SpoolRow } from '../spool/spool.js';
import type { Servers } from './servers.js';

export interface AckWindowOptions {
  readonly servers: Servers;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** How many messages of backlog and resends may be unacknowledged; a server may offer less. */
const MAX_BACKLOG = 1_500;
/** New messages go out in any case; of more than these it is not kept in mind that they did. */
const MAX_LIVE = 5_000;
const FIRST_RESEND_MS = 30_000;
const LONGEST_RESEND_MS = 600_000;
const SILENCE_MS = 30_000;

interface Sent {
  readonly class: number;
  readonly backlog: boolean;
  readonly atMs: number;
  readonly waitMs: number;
}

export interface Due {
  readonly id: number;
  readonly class: number;
}

export class AckWindow {
  /** New messages were sent that are not kept in mind: the spool has to be read again when there is room. */
  overflowed = false;
  private readonly sent = new Map<number, Sent>();
  /** How long a row that was due already waits next time. */
  private readonly waits = new Map<number, number>();
  private backlog = 0;
  private lastAckMs: number;
  private probeAtMs = Number.NEGATIVE_INFINITY;
  private probeWaitMs = SILENCE_MS;

  constructor(private readonly options: AckWindowOptions) {
    this.lastAckMs = options.now();
  }

  get size(): number {
    return this.sent.size;
  }

  has(id: number): boolean {
    return this.sent.has(id);
  }

  /** Whether one more message of the backlog may go; to servers that stay silent one may now and then, to find out. */
  get isOpen(): boolean {
    const { servers, now } = this.options;
    if (servers.isServed) return this.backlog < Math.min(MAX_BACKLOG, servers.credit);
    return servers.isInDoubt && now() >= this.probeAtMs;
  }

  /** Before the message is written: its acknowledgement may come before the broker's confirmation. */
  onSent(row: Pick<SpoolRow, 'id' | 'class'>, backlog: boolean): void {
    const { servers, now } = this.options;
    if (!servers.isServed) {
      if (backlog) this.probed();
      return;
    }
    if (!backlog && this.sent.size - this.backlog >= MAX_LIVE) {
      this.overflowed = true;
      return;
    }
    this.forget(row.id);
    const waitMs = this.waits.get(row.id) ?? FIRST_RESEND_MS;
    this.waits.set(row.id, Math.min(waitMs * 2, LONGEST_RESEND_MS));
    this.sent.set(row.id, { class: row.class, backlog, atMs: now(), waitMs });
    if (backlog) this.backlog += 1;
  }

  onAcknowledgement(): void {
    this.lastAckMs = this.options.now();
    this.probeAtMs = Number.NEGATIVE_INFINITY;
    this.probeWaitMs = SILENCE_MS;
  }

  /** It is out of the spool, or the broker did not take it: nothing is waited for. */
  release(id: number): void {
    this.forget(id);
    this.waits.delete(id);
  }

  /** Takes out what is due to be sent again, without what is still on its way to the broker. */
  takeDue(isOnItsWay: (id: number) => boolean): Due[] {
    const nowMs = this.options.now();
    const due: Due[] = [];
    for (const [id, { class: c, atMs, waitMs }] of this.sent) {
      if (nowMs - atMs >= waitMs && !isOnItsWay(id)) due.push({ id, class: c });
    }
    for (const { id } of due) this.forget(id);
    return due;
  }

  /** Messages are out, and for 30 s none was acknowledged. */
  get isSilent(): boolean {
    const [oldest] = this.sent.values();
    if (oldest === undefined) return false;
    const nowMs = this.options.now();
    return nowMs - Math.max(oldest.atMs, this.lastAckMs) >= SILENCE_MS;
  }

  /** Everything that is not acknowledged is to be sent again. */
  clear(): void {
    this.sent.clear();
    this.waits.clear();
    this.backlog = 0;
    this.overflowed = false;
  }

  private probed(): void {
    this.probeAtMs = this.options.now() + this.probeWaitMs;
    this.probeWaitMs = Math.min(this.probeWaitMs * 2, LONGEST_RESEND_MS);
  }

  private forget(id: number): void {
    if (this.sent.get(id)?.backlog) this.backlog -= 1;
    this.sent.delete(id);
  }
}
