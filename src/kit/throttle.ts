// How much of the backlog a metered link carries.
import { TokenBucket } from '../base/token-bucket.js';

const BYTES_PER_KILOBIT = 125;

export class Throttle {
  /** A second's worth may go at once; null holds nothing back. */
  private readonly bucket: TokenBucket | null;

  /** `kbps` is in kilobits a second; 0 holds nothing back. */
  constructor(kbps: number, now?: () => number) {
    const perSecond = kbps * BYTES_PER_KILOBIT;
    this.bucket = kbps === 0 ? null : new TokenBucket({ perSecond, burst: perSecond }, now);
  }

  /** How many milliseconds until something may be sent; 0 for now. */
  waitMs(): number {
    return this.bucket?.waitMs() ?? 0;
  }

  /** A message is never cut: the next one waits for longer. */
  spend(bytes: number): void {
    this.bucket?.spend(bytes);
  }
}
