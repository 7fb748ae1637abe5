// Whether a loop still goes round: each time it says by when it will be back here, and one that is not is stuck.

export class Pulse {
  private dueAtMs = Number.POSITIVE_INFINITY;

  /** `now`: milliseconds of a monotonic clock; a test passes its own. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** It will be heard of within `ms`. */
  expect(ms: number): void {
    this.dueAtMs = this.now() + ms;
  }

  /** It waits for something that has no bound: a connection that holds, a signal. */
  rest(): void {
    this.dueAtMs = Number.POSITIVE_INFINITY;
  }

  get isLate(): boolean {
    return this.now() > this.dueAtMs;
  }
}
