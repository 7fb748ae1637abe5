// A queue that is emptied in turns, one item of each owner: whoever has much in it does not delay the others. Several may
// take from it at the same time, and still what is one owner's is done in its order, but for what may go ahead.

/** What somebody has taken. */
export interface Turn<T> {
  readonly items: readonly T[];
  /** The owners of these items are served again: until then, the rest of theirs waits. */
  done(): void;
}

export class FairQueue<T> {
  private readonly queues = new Map<string, T[]>();
  private readonly sizes = new Map<string, number>();
  /** How many of an owner's first items went ahead. */
  private readonly ahead = new Map<string, number>();
  private readonly served = new Set<string>();
  private total = 0;

  /** `sizeOfItem` says for how many an item counts. */
  constructor(private readonly sizeOfItem: (item: T) => number = () => 1) {}

  get size(): number {
    return this.total;
  }

  sizeOf(owner: string): number {
    return this.sizes.get(owner) ?? 0;
  }

  /** What goes ahead comes before all else of its owner, behind what went ahead before it. */
  push(owner: string, item: T, goesAhead = false): void {
    const queue = this.queues.get(owner) ?? [];
    this.queues.set(owner, queue);
    const before = this.ahead.get(owner) ?? 0;
    if (goesAhead) {
      queue.splice(before, 0, item);
      this.ahead.set(owner, before + 1);
    } else queue.push(item);
    this.grow(owner, this.sizeOfItem(item));
  }

  /**
   * Items until their cost comes to `limit`, at least one, if there is any whose owner is not being served. When there is
   * more, half of the owners are left to another taker.
   */
  take(limit: number, costOf: (item: T) => number): Turn<T> {
    const taken: T[] = [];
    const free = [...this.queues].filter(([owner]) => !this.served.has(owner));
    const mine = this.total > limit ? free.slice(0, Math.ceil(free.length / 2)) : free;
    const turns = mine.map(([owner, items]) => ({ owner, items, next: 0 }));
    let cost = 0;
    let before = -1;
    while (before < taken.length && cost < limit) {
      before = taken.length;
      for (const turn of turns) {
        if (cost >= limit) break;
        const item = turn.items[turn.next];
        if (item === undefined) continue;
        turn.next += 1;
        taken.push(item);
        cost += costOf(item);
      }
    }
    const owners = turns.filter(({ next }) => next > 0);
    for (const { owner, items, next } of owners) this.serve(owner, items, next);
    return { items: taken, done: () => owners.forEach(({ owner }) => void this.served.delete(owner)) };
  }

  /** Returns those that are let go. */
  keep(keeps: (item: T) => boolean): T[] {
    const gone: T[] = [];
    for (const [owner, items] of [...this.queues]) {
      const kept = items.filter(keeps);
      if (kept.length === items.length) continue;
      const left = items.filter((item) => !keeps(item));
      gone.push(...left);
      const before = this.ahead.get(owner) ?? 0;
      this.pass(owner, before - items.slice(0, before).filter(keeps).length);
      this.shrink(owner, left);
      if (kept.length === 0) this.queues.delete(owner);
      else this.queues.set(owner, kept);
    }
    return gone;
  }

  /** Who was served stands behind the others: with more owners than a batch has room for, each gets its turn. */
  private serve(owner: string, items: T[], taken: number): void {
    this.served.add(owner);
    this.shrink(owner, items.splice(0, taken));
    this.pass(owner, taken);
    this.queues.delete(owner);
    if (items.length > 0) this.queues.set(owner, items);
  }

  /** So many of its first are gone. */
  private pass(owner: string, count: number): void {
    const left = (this.ahead.get(owner) ?? 0) - count;
    if (left > 0) this.ahead.set(owner, left);
    else this.ahead.delete(owner);
  }

  private shrink(owner: string, gone: readonly T[]): void {
    this.grow(owner, -gone.reduce((sum, item) => sum + this.sizeOfItem(item), 0));
  }

  private grow(owner: string, by: number): void {
    this.total += by;
    const size = this.sizeOf(owner) + by;
    if (size > 0) this.sizes.set(owner, size);
    else this.sizes.delete(owner);
  }
}
