// How many a second, over the last ten.

const SECONDS = 10;

export class Rate {
  private readonly counts: number[] = new Array(SECONDS).fill(0);
  private second = 0;

  add(n: number): void {
    this.turn();
    this.counts[this.second % SECONDS] = (this.counts[this.second % SECONDS] ?? 0) + n;
  }

  get perSecond(): number {
    this.turn();
    return this.counts.reduce((sum, n) => sum + n, 0) / SECONDS;
  }

  /** Seconds that have begun since are empty. */
  private turn(): void {
    const now = Math.floor(performance.now() / 1_000);
    for (let second = Math.max(this.second + 1, now - SECONDS + 1); second <= now; second += 1) {
      this.counts[second % SECONDS] = 0;
    }
    this.second = now;
  }
}
