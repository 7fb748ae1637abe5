// Chance from a seed: the same seed makes the same schedule.

export class Random {
  private state: number;

  /** `name` keeps two faults with the same seed from taking the same steps. */
  constructor(name: string, seed: number) {
    this.state = seed >>> 0;
    for (const char of name) this.state = Math.imul(this.state ^ char.charCodeAt(0), 0x9e3779b1) >>> 0;
  }

  /** 0 <= x < 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number, both ends included. */
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.next() * list.length)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, at: this.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }

  /** Short ones as often as long ones: a fault of 50 ms finds other mistakes than one of 5 s. */
  durationMs(shortest: number, longest: number): number {
    return Math.exp(this.between(Math.log(shortest), Math.log(longest)));
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.whole(0, 15).toString(16)).join('');
  }
}
