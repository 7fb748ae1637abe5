// Rows that a broker has acknowledged and no server ever has: kept, but not sent again until a server comes.
import { IdentitySearch, type IdSpan, NOWHERE, type Place } from './identity-search.js';
import * as plans from './plans.js';
import { RangeTable, rangesOf, type Stream, type StreamRange } from './range-table.js';
import type { Statements } from './statements.js';

export class HandedOver {
  private readonly ranges: RangeTable;
  private readonly search: IdentitySearch;

  constructor(private readonly statements: Statements) {
    this.ranges = new RangeTable(statements, 'handed_over');
    this.search = new IdentitySearch(statements);
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

  /** Within a transaction, for rows that are gone: returns how many of them were handed over. */
  remove(range: StreamRange): number {
    return this.isEmpty() ? 0 : this.ranges.remove(range);
  }

  /** Within a transaction: all of it waits again. */
  clear(): void {
    this.ranges.clear();
  }

  /** The first rows beyond an id that all wait. Null when there are none. */
  nextWaiting(c: number, afterId: number): IdSpan | null {
    let place = this.search.rowFrom(c, afterId + 1);
    while (place !== undefined) {
      const end = this.ranges.endOf({ epoch: place.epoch, class: c }, place.seq);
      if (end === null) return { fromId: place.id, uptoId: this.endOfWaiting(c, place) };
      place = this.search.rowFrom(c, this.search.idOf(c, place.epoch, end + 1));
    }
    return null;
  }

  private endOfWaiting(c: number, { epoch, seq }: Place): number {
    const next = this.ranges.nextAfter({ epoch, class: c }, seq);
    return next === undefined ? NOWHERE : this.search.idOf(c, next.epoch, next.first) - 1;
  }
}
