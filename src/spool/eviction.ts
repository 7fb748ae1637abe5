// Which rows go when some must, and what is written down about them: all in the transaction they go in.
import { HandedOver } from './handed-over.js';
import { IdentitySearch, type Place } from './identity-search.js';
import * as plans from './plans.js';
import { RangeTable, rangesOf } from './range-table.js';
import type { Statements } from './statements.js';

export const EVICT_POLICIES = ['priority', 'oldest', 'reject-new'] as const;
export type EvictPolicy = (typeof EVICT_POLICIES)[number];

interface OldRow extends Place {
  readonly class: number;
  /** 1 for a row in quarantine. */
  readonly aside: number;
}

export class Eviction {
  private readonly evicted: RangeTable;
  private readonly handedOver: HandedOver;
  private readonly search: IdentitySearch;

  /** `classes` in the order in which `priority` gives them up. */
  constructor(
    private readonly statements: Statements,
    private readonly classes: readonly number[],
    private readonly policy: EvictPolicy,
  ) {
    this.evicted = new RangeTable(statements, 'evicted');
    this.handedOver = new HandedOver(statements);
    this.search = new IdentitySearch(statements);
  }

  /** Evicts at most `limit` rows, first of those that somebody else has: how many; 0 when the policy leaves none. */
  evictSome(limit: number): number {
    for (const c of this.classes) {
      const range = this.handedOver.oldest(c);
      if (range === undefined) continue;
      const rows = this.search.rowsOf(c, range.epoch, range.first, range.last, limit);
      return this.evict(rows.map((row) => ({ ...row, class: c, aside: 0 })));
    }
    switch (this.policy) {
      case 'reject-new':
        return 0;
      case 'oldest':
        return this.evictUpTo(Number.MAX_SAFE_INTEGER, limit);
      case 'priority':
        for (const c of this.classes) {
          const evicted = this.evict(this.oldest([c], Number.MAX_SAFE_INTEGER, limit));
          if (evicted > 0) return evicted;
        }
        return 0;
    }
  }

  /** Evicts at most `limit` rows up to an id: how many. */
  evictUpTo(uptoId: number, limit: number): number {
    return this.evict(this.oldest(this.classes, uptoId, limit));
  }

  /** A row of the quarantine that is given up. */
  giveUp(row: Omit<OldRow, 'aside'>): void {
    this.evict([{ ...row, aside: 1 }]);
  }

  private oldest(classes: readonly number[], upto: number, limit: number): OldRow[] {
    return this.statements.all(plans.oldestUpTo(classes), { upto, limit });
  }

  private evict(rows: readonly OldRow[]): number {
    for (const { id, class: c, aside } of rows) {
      this.statements.run(aside === 1 ? plans.DELETE_QUARANTINED : plans.deleteMessage(c), id);
    }
    for (const range of rangesOf(rows)) {
      this.evicted.add(range);
      const handedOver = this.handedOver.remove(range);
      this.statements.run(plans.ADD_EVICTED, range.last - range.first + 1 - handedOver, handedOver, range.class);
    }
    return rows.length;
  }
}
