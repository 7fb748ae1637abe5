// A queue that is emptied in turns, one item of each owner: whoever has much in it does not delay the others. Several may
// take from it at the same time, and still what is one owner's is done in its order, but for what may go ahead: that leaves
// a quarter of what its owner gets to the rest, so that the rest moves however much goes ahead.

/** What somebody has taken. */
export interface Turn<T> {
  readonly items: readonly T[];
  /** The owners of these items are served again: until then, the rest of theirs waits. */
  done(): void;
}

/** Ahead of the rest of its owner; in its turn; or in its turn, and behind all that came before it, ahead or not. */
export type Place = 'ahead' | 'in turn' | 'behind all';

interface Line<T> {
  /** Each with its number. */
  ahead: Entry<T>[];
  /** Each with the number below which what goes ahead goes before it in any case. */
  rest: Entry<T>[];
  /** The next one's that goes ahead. */
  n: number;
  /** What went ahead since one of the rest was taken has cost so much. */
  aheadCost: number;
}

interface Entry<T> {
  readonly item: T;
  readonly n: number;
}

/** What goes ahead may cost so many times what the next of the rest does, before that is taken. */
const AHEAD_SHARE = 3;

export class FairQueue<T> {
  private readonly lines = new Map<string, Line<T>>();
  private readonly sizes = new Map<string, number>();
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

  push(owner: string, item: T, place: Place = 'in turn'): void {
    const line = this.lines.get(owner) ?? { ahead: [], rest: [], n: 0, aheadCost: 0 };
    this.lines.set(owner, line);
    if (place === 'ahead') line.ahead.push({ item, n: line.n++ });
    else line.rest.push({ item, n: place === 'behind all' ? line.n : 0 });
    this.grow(owner, this.sizeOfItem(item));
  }

  /**
   * Items until their cost comes to `limit`, at least one, if there is any whose owner is not being served. When there is
   * more, half of the owners are left to another taker. Where something goes ahead, the rest stops at `restLimit`: what
   * goes ahead waits for it too, and the next to come for the end of this turn.
   */
  take(limit: number, costOf: (item: T) => number, restLimit = limit): Turn<T> {
    const taken: T[] = [];
    const free = [...this.lines].filter(([owner]) => !this.served.has(owner));
    const mine = this.total > limit ? free.slice(0, Math.ceil(free.length / 2)) : free;
    const turns = mine.map(([owner, line]) => ({ owner, line, ahead: 0, rest: 0 }));
    let cost = 0;
    let restCost = 0;
    let isAnyAhead = false;
    let before = -1;
    while (before < taken.length && cost < limit) {
      before = taken.length;
      for (const turn of turns) {
        if (cost >= limit) break;
        const { ahead } = turn;
        const next = nextOf(turn, costOf, !isAnyAhead || restCost < restLimit);
        if (next === undefined) continue;
        taken.push(next.item);
        cost += costOf(next.item);
        if (turn.ahead > ahead) isAnyAhead = true;
        else restCost += costOf(next.item);
      }
    }
    const owners = turns.filter(({ ahead, rest }) => ahead + rest > 0);
    for (const { owner, line, ahead, rest } of owners) this.serve(owner, line, ahead, rest);
    return { items: taken, done: () => owners.forEach(({ owner }) => void this.served.delete(owner)) };
  }

  /** Returns those that are let go. */
  keep(keeps: (item: T) => boolean): T[] {
    const gone: T[] = [];
    for (const [owner, line] of [...this.lines]) {
      const left = [...line.ahead, ...line.rest].filter(({ item }) => !keeps(item));
      if (left.length === 0) continue;
      gone.push(...left.map(({ item }) => item));
      this.shrink(owner, left);
      line.ahead = line.ahead.filter(({ item }) => keeps(item));
      line.rest = line.rest.filter(({ item }) => keeps(item));
      if (isEmpty(line)) this.lines.delete(owner);
    }
    return gone;
  }

  /** Who was served stands behind the others: with more owners than a batch has room for, each gets its turn. */
  private serve(owner: string, line: Line<T>, ahead: number, rest: number): void {
    this.served.add(owner);
    this.shrink(owner, [...line.ahead.splice(0, ahead), ...line.rest.splice(0, rest)]);
    this.lines.delete(owner);
    if (!isEmpty(line)) this.lines.set(owner, line);
  }

  private shrink(owner: string, gone: readonly Entry<T>[]): void {
    this.grow(owner, -gone.reduce((sum, { item }) => sum + this.sizeOfItem(item), 0));
  }

  private grow(owner: string, by: number): void {
    this.total += by;
    const size = this.sizeOf(owner) + by;
    if (size > 0) this.sizes.set(owner, size);
    else this.sizes.delete(owner);
  }
}

/** The next of an owner, of which so many of both sorts were taken in this turn. */
function nextOf<T>(
  turn: { readonly line: Line<T>; ahead: number; rest: number },
  costOf: (item: T) => number,
  mayRest: boolean,
): Entry<T> | undefined {
  const { line } = turn;
  const ahead = line.ahead[turn.ahead];
  const rest = mayRest ? line.rest[turn.rest] : undefined;
  const isRestDue = rest !== undefined && line.aheadCost >= AHEAD_SHARE * costOf(rest.item);
  if (ahead !== undefined && (!isRestDue || ahead.n < rest.n)) {
    turn.ahead += 1;
    line.aheadCost += costOf(ahead.item);
    return ahead;
  }
  if (rest === undefined) return undefined;
  turn.rest += 1;
  line.aheadCost = 0;
  return rest;
}

function isEmpty({ ahead, rest }: Pick<Line<unknown>, 'ahead' | 'rest'>): boolean {
  return ahead.length + rest.length === 0;
}
