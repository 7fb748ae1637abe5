// Ranges of seq per stream, kept in a table: what was evicted, and what was handed over. A change costs the ranges it
// touches, however many there are.
import { type Range, Ranges } from '../schema/ranges.js';
import * as plans from './plans.js';
import type { Statements } from './statements.js';

export interface Stream {
  readonly epoch: string;
  readonly class: number;
}

export interface StreamRange extends Stream {
  readonly first: number;
  readonly last: number;
}

/** Every change is part of the transaction it is made in. */
export class RangeTable {
  constructor(
    private readonly statements: Statements,
    private readonly table: plans.RangeTableName,
  ) {}

  isEmpty(): boolean {
    return this.statements.value(plans.anyRange(this.table)) === undefined;
  }

  /** The first range of the class's oldest epoch. */
  oldest(c: number): Omit<StreamRange, 'class'> | undefined {
    return this.statements.row(plans.oldestRange(this.table), c);
  }

  /** The last seq of the range that `seq` lies in; null when it lies in none. */
  endOf({ epoch, class: c }: Stream, seq: number): number | null {
    const last = this.statements.value<number>(plans.rangeAt(this.table), c, epoch, seq);
    return last !== undefined && last >= seq ? last : null;
  }

  /** Where the next range begins, in this epoch of the class or in a later one. */
  nextAfter({ epoch, class: c }: Stream, seq: number): { readonly epoch: string; readonly first: number } | undefined {
    return this.statements.row(plans.rangeAfter(this.table), c, epoch, seq);
  }

  all(): StreamRange[] {
    return this.statements.all(plans.allRanges(this.table));
  }

  /** How many rows of the class. */
  size(c: number): number {
    return this.statements.value<number>(plans.sizeOfRanges(this.table), c) ?? 0;
  }

  add({ class: c, epoch, first, last }: StreamRange): void {
    const touching = this.touching({ class: c, epoch, first: first - 1, last: last + 1 });
    const merged = new Ranges([...touching, [first, last]]);
    for (const [start] of touching) this.statements.run(plans.dropRange(this.table), c, epoch, start);
    for (const [low, high] of merged.toJSON()) this.statements.run(plans.putRange(this.table), c, epoch, low, high);
  }

  /** Returns how many of them were there. */
  remove({ class: c, epoch, first, last }: StreamRange): number {
    let removed = 0;
    for (const [low, high] of this.touching({ class: c, epoch, first, last })) {
      this.statements.run(plans.dropRange(this.table), c, epoch, low);
      if (low < first) this.statements.run(plans.putRange(this.table), c, epoch, low, first - 1);
      if (high > last) this.statements.run(plans.putRange(this.table), c, epoch, last + 1, high);
      removed += Math.min(high, last) - Math.max(low, first) + 1;
    }
    return removed;
  }

  clear(): void {
    this.statements.run(plans.clearRanges(this.table));
  }

  private touching({ class: c, epoch, first, last }: StreamRange): Range[] {
    return this.statements.arrays(plans.rangesTouching(this.table), { class: c, epoch, from: first, upto: last });
  }
}

/** Rows as ranges of their streams. */
export function rangesOf(rows: readonly (Stream & { readonly seq: number })[]): StreamRange[] {
  const streams = new Map<string, Stream & { readonly seqs: Ranges }>();
  for (const { epoch, class: c, seq } of rows) {
    const key = `${epoch} ${c}`;
    const known = streams.get(key);
    if (known === undefined) streams.set(key, { epoch, class: c, seqs: new Ranges([[seq, seq]]) });
    else known.seqs.add(seq);
  }
  return [...streams.values()].flatMap(({ seqs, ...stream }) =>
    seqs.toJSON().map(([first, last]) => ({ ...stream, first, last })),
  );
}
