// A queue that is emptied in turns, one item of each owner: whoever has much in it does not delay the others.

export class FairQueue<T> {
  private readonly queues = new Map<string, T[]>();
  private readonly sizes = new Map<string, number>();
  private total = 0;

  /** `sizeOfItem` says for how many an item counts. */
  constructor(private readonly sizeOfItem: (item: T) => number = () => 1) {}

  get size(): number {
    return this.total;
  }

  sizeOf(owner: string): number {
    return this.sizes.get(owner) ?? 0;
  }

  push(owner: string, item: T): void {
    const queue = this.queues.get(owner);
    if (queue === undefined) this.queues.set(owner, [item]);
    else queue.push(item);
    this.grow(owner, this.sizeOfItem(item));
  }

  /** Items until their cost comes to `limit`, at least one; those of one owner in their order. */
  take(limit: number, costOf: (item: T) => number): T[] {
    const taken: T[] = [];
    const turns = [...this.queues].map(([owner, items]) => ({ owner, items, next: 0 }));
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
    for (const { owner, items, next } of turns) if (next > 0) this.shorten(owner, items, next);
    return taken;
  }

  /** Returns those that are let go. */
  keep(keeps: (item: T) => boolean): T[] {
    const gone: T[] = [];
    for (const [owner, items] of [...this.queues]) {
      const kept = items.filter(keeps);
      if (kept.length === items.length) continue;
      const left = items.filter((item) => !keeps(item));
      gone.push(...left);
      this.shrink(owner, left);
      if (kept.length === 0) this.queues.delete(owner);
      else this.queues.set(owner, kept);
    }
    return gone;
  }

  /** Who was served stands behind the others: with more owners than a batch has room for, each gets its turn. */
  private shorten(owner: string, items: T[], served: number): void {
    this.shrink(owner, items.splice(0, served));
    this.queues.delete(owner);
    if (items.length > 0) this.queues.set(owner, items);
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
