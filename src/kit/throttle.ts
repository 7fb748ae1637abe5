// A token bucket: how much of the backlog a metered link carries.

/** A second's worth may go at once. */
const BURST_S = 1;

export class Throttle {
  private readonly bytesPerMs: number;
  private readonly burstBytes: number;
  private tokens: number;
  private filledAt: number;

  /** `kbps` is in kilobits a second; 0 holds nothing back. */
  constructor(
    private readonly kbps: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.bytesPerMs = kbps / 8;
    this.burstBytes = this.bytesPerMs * 1_000 * BURST_S;
    this.tokens = this.burstBytes;
    this.filledAt = now();
  }

  /** How many milliseconds until something may be sent; 0 for now. */
  waitMs(): number {
    if (this.kbps === 0) return 0;
    const now = this.now();
    this.tokens = Math.min(this.burstBytes, this.tokens + (now - this.filledAt) * this.bytesPerMs);
    this.filledAt = now;
    return this.tokens > 0 ? 0 : Math.ceil((1 - this.tokens) / this.bytesPerMs);
  }

  /** May go below zero: a message is never cut, the next one waits for longer. */
  spend(bytes: number): void {
    if (this.kbps > 0) this.tokens -= bytes;
  }
}
