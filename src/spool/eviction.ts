// Which rows go when some must, and what is written down about them: all in the transaction they go in.
import { HandedOver } from './handed-over.js';
import * as plans from './plans.js';
import { RangeTable, rangesOf } from './range-table.js';
import type { Statements } from './statements.js';

export const EVICT_POLICIES = ['priority', 'oldest', 'reject-new'] as const;
export type EvictPolicy = (typeof EVICT_POLICIES)[number];

/** How many rows went from the message table of each class. */
export type Evicted = Map<number, number>;

interface OldRow {
  readonly id: number;
  readonly class: number;
  readonly epoch: string;
  readonly seq: number;
  /** 1 for a row in quarantine. */
  readonly aside: number;
}

export class Eviction {
  private readonly evicted: RangeTable;
  private readonly handedOver: HandedOver;

  /** `classes` in the order in which `priority` gives them up. */
  constructor(
    private readonly statements: Statements,
    private readonly classes: readonly number[],
    private readonly policy: EvictPolicy,
  ) {
    this.evicted = new RangeTable(statements, 'evicted');
    this.handedOver = new HandedOver(statements);
  }

  /** Evicts at most `limit` rows, first of those that somebody else has. False when the policy leaves nothing to evict. */
  evictSome(limit: number, sum: Evicted): boolean {
    for (const c of this.classes) {
      const range = this.handedOver.oldest(c);
      if (range === undefined) continue;
      const { epoch, first, last } = range;
      return this.evict(this.statements.all<OldRow>(plans.rowsOfRange(c), epoch, first, last, limit), sum);
    }
    switch (this.policy) {
      case 'reject-new':
        return false;
      case 'oldest':
        return this.evict(this.oldest(this.classes, Number.MAX_SAFE_INTEGER, limit), sum);
      case 'priority':
        return this.classes.some((c) => this.evict(this.oldest([c], Number.MAX_SAFE_INTEGER, limit), sum));
    }
  }

  /** Evicts at most `limit` rows up to an id. False when there are none. */
  evictUpTo(uptoId: number, limit: number, sum: Evicted): boolean {
    return this.evict(this.oldest(this.classes, uptoId, limit), sum);
  }

  /** A row of the quarantine that is given up. */
  giveUp(row: Omit<OldRow, 'aside'>): void {
    this.evict([{ ...row, aside: 1 }], new Map());
  }

  private oldest(classes: readonly number[], upto: number, limit: number): OldRow[] {
    return this.statements.all(plans.oldestUpTo(classes), { upto, limit });
  }

  private evict(rows: readonly OldRow[], sum: Evicted): boolean {
    for (const range of rangesOf(rows)) this.evicted.add(range);
    for (const c of new Set(rows.map((row) => row.class))) {
      const ofClass = rows.filter((row) => row.class === c);
      const messages = ofClass.filter(({ aside }) => aside === 0);
      const handedOver = this.handedOver.remove(messages);
      for (const { id, aside } of ofClass) {
        this.statements.run(aside === 1 ? plans.DELETE_QUARANTINED : plans.deleteMessage(c), id);
      }
      this.statements.run(plans.ADD_EVICTED, ofClass.length - handedOver, handedOver, c);
      sum.set(c, (sum.get(c) ?? 0) + messages.length);
    }
    return rows.length > 0;
  }
}
