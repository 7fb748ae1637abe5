// A token bucket: so much a second over time, and a burst at once.

export interface TokenBucketOptions {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  private tokens: number;
  private filledAtMs: number;

  /** `now`: milliseconds of a monotonic clock; a test passes its own. */
  constructor(
    private readonly options: TokenBucketOptions,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.tokens = options.burst;
    this.filledAtMs = now();
  }

  /** How many milliseconds until there is a token; 0 when there is one now. */
  waitMs(): number {
    const { perSecond, burst } = this.options;
    const now = this.now();
    this.tokens = Math.min(burst, this.tokens + ((now - this.filledAtMs) / 1_000) * perSecond);
    this.filledAtMs = now;
    return this.tokens > 0 ? 0 : Math.ceil(((1 - this.tokens) / perSecond) * 1_000);
  }

  /** May go below zero: then the next one waits for longer. */
  spend(tokens: number): void {
    this.tokens -= tokens;
  }
}
