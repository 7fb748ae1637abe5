// Finds rows by (epoch, seq). There is no index of it, as each row would be written to that too, and be taken out of it
// again: within a class ids rise with (epoch, seq), so a place is found as in any sorted list.
import { SpoolError } from '../base/errors.js';
import * as plans from './plans.js';
import { DAMAGED_HINT } from './spool-problems.js';
import type { Statements } from './statements.js';

/** Above every id. */
export const NOWHERE = Number.MAX_SAFE_INTEGER;

export interface Place {
  readonly id: number;
  readonly epoch: string;
  readonly seq: number;
}

/** Ids of a class; it may go on for ever. */
export interface IdSpan {
  readonly fromId: number;
  readonly uptoId: number;
}

interface Outer {
  readonly low: number | null;
  readonly high: number | null;
}

export class IdentitySearch {
  constructor(private readonly statements: Statements) {}

  /** The first row of the class with at least this id. */
  rowFrom(c: number, id: number): Place | undefined {
    return this.statements.row<Place>(plans.firstFrom(c), id);
  }

  /** Whether these are the class's first row and its last. */
  isAll(c: number, firstId: number, lastId: number): boolean {
    const { low, high } = this.outerIds(c);
    return low === firstId && high === lastId;
  }

  /** The id of the first row of the class that does not come before (epoch, seq); NOWHERE when all do. */
  idOf(c: number, epoch: string, seq: number): number {
    let { low, high } = this.outerIds(c);
    let found = NOWHERE;
    while (low !== null && high !== null && low <= high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.rowFrom(c, middle);
      if (row === undefined) break;
      if (row.epoch < epoch || (row.epoch === epoch && row.seq < seq)) {
        low = row.id + 1;
      } else {
        found = row.id;
        high = middle - 1;
      }
    }
    return found;
  }

  /** Where the rows of an epoch are that have one of these seqs; nowhere when `fromId` is above `uptoId`. */
  private spanOf(c: number, epoch: string, first: number, last: number): IdSpan {
    return { fromId: this.idOf(c, epoch, first), uptoId: this.idOf(c, epoch, last + 1) - 1 };
  }

  /**
   * The first rows of an epoch that have one of these seqs, at most `limit`, for whoever deletes them.
   *
   * @throws SpoolError with the code `corrupt` when others lie between them: the search has then led anywhere.
   */
  rowsOf(c: number, epoch: string, first: number, last: number, limit: number): Place[] {
    const { fromId, uptoId } = this.spanOf(c, epoch, first, last);
    const rows = this.statements.all<Place>(plans.rowsBetween(c), fromId, uptoId, limit);
    const stranger = rows.find((row) => row.epoch !== epoch || row.seq < first || row.seq > last);
    if (stranger === undefined) return rows;
    const { epoch: e, seq, id } = stranger;
    throw new SpoolError(`row ${id} of class ${c} is ${e}/${seq}, among ${epoch}/${first} to ${last}`, {
      code: 'corrupt',
      hint: DAMAGED_HINT,
    });
  }

  /** The first row of each epoch that has any. */
  firstOfEpochs(c: number): Place[] {
    const first: Place[] = [];
    let row = this.rowFrom(c, 0);
    while (row !== undefined) {
      first.push(row);
      row = this.rowFrom(c, this.idOf(c, row.epoch, NOWHERE));
    }
    return first;
  }

  private outerIds(c: number): Outer {
    return this.statements.row<Outer>(plans.outerIds(c)) ?? { low: null, high: null };
  }
}
