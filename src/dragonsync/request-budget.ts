// DragonSync answers 100 requests per client address in any 60 seconds, all paths together, and 429 beyond that
// (DragonSync api_server.py). We stay below, and away while it asks us to.

/** A tenth is left to a person with a browser, or to a restart of ours within the minute. */
export const MAX_REQUESTS = 90;
const WINDOW_MS = 60_000;

export class RequestBudget {
  private readonly spent: number[] = [];
  private heldUntilMs = 0;

  constructor(private readonly monotonicMs: () => number = () => performance.now()) {}

  /** Milliseconds until the next request is allowed; 0 when it is now. */
  waitMs(): number {
    const now = this.monotonicMs();
    while (this.spent[0] !== undefined && this.spent[0] <= now - WINDOW_MS) this.spent.shift();
    const [oldest] = this.spent;
    const windowMs = oldest !== undefined && this.spent.length >= MAX_REQUESTS ? oldest + WINDOW_MS - now : 0;
    return Math.max(0, windowMs, this.heldUntilMs - now);
  }

  spend(): void {
    this.spent.push(this.monotonicMs());
  }

  /** The server said 429: nothing for so long. */
  hold(ms: number): void {
    this.heldUntilMs = Math.max(this.heldUntilMs, this.monotonicMs() + ms);
  }
}
