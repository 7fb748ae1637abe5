// A set of sequence numbers kept as closed ranges: what a ledger is made of.

export type Range = readonly [first: number, last: number];

/** Sorted, disjoint, never adjacent: [1,3][5,5], not [1,2][3,3][5,5]. */
export class Ranges {
  private readonly list: [number, number][];

  constructor(ranges: Iterable<Range> = []) {
    this.list = [];
    for (const [first, last] of ranges) this.add(first, last);
  }

  /** True when any of first..last was not in the set before. */
  add(first: number, last = first): boolean {
    if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last)) {
      throw new RangeError(`not a range: ${first}..${last}`);
    }
    const from = this.firstReaching(first - 1);
    const covering = this.list[this.firstReaching(first)];
    if (covering && covering[0] <= first && covering[1] >= last) return false;
    let to = from;
    let low = first;
    let high = last;
    for (let range = this.list[to]; range && range[0] <= last + 1; range = this.list[to]) {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
      to += 1;
    }
    this.list.splice(from, to - from, [low, high]);
    return true;
  }

  has(value: number): boolean {
    const range = this.list[this.firstReaching(value)];
    return range !== undefined && range[0] <= value;
  }

  /** What of first..last is in the set. */
  within(first: number, last: number): Range[] {
    const found: Range[] = [];
    for (let i = this.firstReaching(first); i < this.list.length; i += 1) {
      const [low, high] = this.list[i] ?? [last + 1, last];
      if (low > last) break;
      found.push([Math.max(low, first), Math.min(high, last)]);
    }
    return found;
  }

  /** What of first..last is not in the set. */
  gaps(first: number, last: number): Range[] {
    const missing: Range[] = [];
    let next = first;
    for (const [low, high] of this.list) {
      if (high < next) continue;
      if (low > last) break;
      if (low > next) missing.push([next, low - 1]);
      next = high + 1;
    }
    if (next <= last) missing.push([next, last]);
    return missing;
  }

  /** How many numbers are in the set. */
  get size(): number {
    return this.list.reduce((sum, [first, last]) => sum + (last - first + 1), 0);
  }

  get first(): number | undefined {
    return this.list[0]?.[0];
  }

  get last(): number | undefined {
    return this.list.at(-1)?.[1];
  }

  toJSON(): Range[] {
    return this.list.map(([first, last]) => [first, last]);
  }

  /** Index of the first range that ends at `value` or above. */
  private firstReaching(value: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.list[middle]?.[1] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
