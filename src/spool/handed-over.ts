// Rows that a broker has acknowledged and no server ever has: kept, but not sent again until a server comes.
import * as plans from './plans.js';
import { RangeTable, rangesOf, type Stream, type StreamRange } from './range-table.js';
import type { Statements } from './statements.js';

interface Place extends Omit<Stream, 'class'> {
  readonly id: number;
  readonly seq: number;
}

/** Ids of a class, all of which wait; it may go on for ever. */
export interface Stretch {
  readonly fromId: number;
  readonly uptoId: number;
}

export class HandedOver {
  private readonly ranges: RangeTable;

  constructor(private readonly statements: Statements) {
    this.ranges = new RangeTable(statements, 'handed_over');
  }

  isEmpty(): boolean {
    return this.ranges.isEmpty();
  }

  size(c: number): number {
    return this.ranges.size(c);
  }

  oldest(c: number): Omit<StreamRange, 'class'> | undefined {
    return this.ranges.oldest(c);
  }

  /** Within a transaction. A row that is gone or set aside by now is passed over. */
  add(rows: readonly (Place & Stream)[]): void {
    const there = rows.filter(({ id, class: c }) => this.statements.value(plans.hasMessage(c), id) !== undefined);
    for (const range of rangesOf(there)) this.ranges.add(range);
  }

  /** Within a transaction, for rows that go: returns how many of them were handed over. */
  remove(rows: readonly (Stream & { readonly seq: number })[]): number {
    if (rows.length === 0 || this.isEmpty()) return 0;
    return rangesOf(rows).reduce((sum, range) => sum + this.ranges.remove(range), 0);
  }

  /** Within a transaction: all of it waits again. */
  clear(): void {
    this.ranges.clear();
  }

  /** The first stretch of waiting rows beyond an id; ids of a class rise with (epoch, seq). Null when there is none. */
  nextWaiting(c: number, afterId: number): Stretch | null {
    let place = this.statements.row<Place>(plans.firstAfter(c), afterId);
    while (place !== undefined) {
      const end = this.ranges.endOf({ epoch: place.epoch, class: c }, place.seq);
      if (end === null) return { fromId: place.id, uptoId: this.endOfStretch(c, place) };
      place = this.statements.row<Place>(plans.firstBeyond(c), place.epoch, end);
    }
    return null;
  }

  private endOfStretch(c: number, { epoch, seq }: Place): number {
    const next = this.ranges.nextAfter({ epoch, class: c }, seq);
    if (next === undefined) return Number.MAX_SAFE_INTEGER;
    const id = this.statements.value<number>(plans.firstFrom(c), next.epoch, next.first);
    return id === undefined ? Number.MAX_SAFE_INTEGER : id - 1;
  }
}
