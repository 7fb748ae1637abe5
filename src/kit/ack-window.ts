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
  atMs: number;
  readonly waitMs: number;
}

export interface Due {
  readonly id: number;
  readonly class: number;
}

export class AckWindow {
  private readonly sent = new Map<number, Sent>();
  /** How long a row that was due already waits next time. */
  private readonly waits = new Map<number, number>();
  private backlog = 0;
  /** When new messages were first sent that are not kept in mind. */
  private overflowedAtMs: number | null = null;
  private lastAckMs: number;
  private probeAtMs = Number.NEGATIVE_INFINITY;
  private probeWaitMs = SILENCE_MS;

  constructor(private readonly options: AckWindowOptions) {
    this.lastAckMs = options.now();
  }

  has(id: number): boolean {
    return this.sent.has(id);
  }

  /**
   * Whether one more message of the backlog may go, with so many `about` to be sent; to servers that stay silent one may
   * now and then, to find out.
   */
  isOpen(about: number): boolean {
    const { servers, now } = this.options;
    if (servers.isServed) return this.backlog + about < Math.min(MAX_BACKLOG, servers.credit);
    return servers.isInDoubt && about === 0 && now() >= this.probeAtMs;
  }

  /** Before the message is written: its acknowledgement may come before the broker's confirmation. */
  onSent(row: Pick<SpoolRow, 'id' | 'class'>, backlog: boolean): void {
    if (backlog && !this.options.servers.isServed) this.probed();
    this.remember(row, backlog);
  }

  /** Waits for its acknowledgement, if there is anybody to give one. */
  remember(row: Pick<SpoolRow, 'id' | 'class'>, backlog: boolean): void {
    const { servers, now } = this.options;
    if (!servers.isServed) return;
    if (!backlog && this.sent.size - this.backlog >= MAX_LIVE) {
      this.overflowedAtMs ??= now();
      return;
    }
    this.forget(row.id);
    const waitMs = this.waits.get(row.id) ?? FIRST_RESEND_MS;
    this.waits.set(row.id, Math.min(waitMs * 2, LONGEST_RESEND_MS));
    this.sent.set(row.id, { class: row.class, backlog, atMs: now(), waitMs });
    if (backlog) this.backlog += 1;
  }

  /** The broker has it: only now can it be acknowledged, on a slow link long after it was written. */
  onPublished(id: number): void {
    const sent = this.sent.get(id);
    if (sent !== undefined) sent.atMs = this.options.now();
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

  /** What is due to be sent again, without what is still on its way to the broker. */
  due(isOnItsWay: (id: number) => boolean): Due[] {
    const nowMs = this.options.now();
    const due: Due[] = [];
    for (const [id, { class: c, atMs, waitMs }] of this.sent) {
      if (nowMs - atMs >= waitMs && !isOnItsWay(id)) due.push({ id, class: c });
    }
    return due;
  }

  /** It waits to be sent again, and then for longer. */
  sendAgain(id: number): void {
    this.forget(id);
  }

  /**
   * New messages went out beyond those that are kept in mind, long enough ago for all of them to be acknowledged: what of
   * them is still in the spool has to be found there. True once.
   */
  takeOverflow(): boolean {
    if (this.overflowedAtMs === null || this.options.now() - this.overflowedAtMs < FIRST_RESEND_MS) return false;
    this.overflowedAtMs = null;
    return true;
  }

  /** Messages are out, and for 30 s none was acknowledged. */
  get isSilent(): boolean {
    const nowMs = this.options.now();
    if (nowMs - this.lastAckMs < SILENCE_MS) return false;
    return [...this.sent.values()].some(({ atMs }) => nowMs - atMs >= SILENCE_MS);
  }

  /** Everything that is not acknowledged is to be sent again. */
  clear(): void {
    this.sent.clear();
    this.waits.clear();
    this.backlog = 0;
    this.overflowedAtMs = null;
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
