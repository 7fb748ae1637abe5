// The contract of the spool: what is accepted is on the disk, in order, until it is delivered, set aside or evicted.
// It knows bytes and an integer class (the kit's kinds), nothing of drones. One process owns a spool.
import type { Range } from '../schema/ranges.js';

/** What a poll brings for one thing. */
export interface NewRow {
  readonly class: number;
  /** What the row is about, within its class. */
  readonly thing: string;
  /** What of the thing was last accepted: the same mark again is no news, also after a restart. */
  readonly mark: string;
  readonly body: string;
}

/** Never changes once written. (epoch, class, seq) is its identity within the kit. */
export interface SpoolRow {
  /** Rises with every row ever accepted; never used twice. */
  readonly id: number;
  readonly class: number;
  readonly epoch: string;
  readonly seq: number;
  readonly body: string;
  readonly acceptedAtMs: number;
}

export interface StreamLedger {
  readonly epoch: string;
  readonly class: number;
  /** The lowest seq still in the spool; `next` when none is. */
  readonly floor: number;
  /** The seq that the next accepted row gets. */
  readonly next: number;
  readonly evicted: readonly Range[];
  readonly quarantined: readonly Range[];
}

export interface ClassCounts {
  /** Of the whole life of this spool. */
  readonly accepted: number;
  readonly delivered: number;
  readonly evicted: number;
  /** Now. */
  readonly waiting: number;
}

export interface SpoolCounts {
  readonly classes: ReadonlyMap<number, ClassCounts>;
  readonly waiting: number;
  readonly quarantined: number;
  /** Bytes on disk: database, WAL and shared memory. */
  readonly bytes: number;
  readonly oldestAtMs: number | null;
}

export interface QuarantinedRow extends SpoolRow {
  readonly reason: string;
  readonly quarantinedAtMs: number;
}

export interface Spool {
  /** Random, new at every opening. */
  readonly opening: string;

  /** The kit's id, fixed when it was first set. */
  kitId(): string | null;
  setKitId(kitId: string): void;

  /** The mark that was last accepted for a thing; null when it is new (or was forgotten: the memory is bounded). */
  lastMark(rowClass: number, thing: string): string | null;

  /**
   * Accepts all rows in one durable transaction, or none.
   *
   * @throws SpoolError `full` (retryable), `read-only`, `io`: nothing was accepted.
   */
  accept(rows: readonly NewRow[]): SpoolRow[];

  /** Rows with afterId < id <= uptoId, in the order of their acceptance. */
  read(afterId: number, uptoId: number, limit: number): SpoolRow[];
  /** The highest id ever given out. */
  lastId(): number;

  /** Deletes delivered rows in one transaction. A row that is gone is no error: it may be confirmed twice. */
  deliver(rows: readonly SpoolRow[]): void;
  /** Sets a row aside that can't be sent, so that it never blocks the next. */
  quarantine(row: SpoolRow, reason: string): void;
  quarantined(): QuarantinedRow[];

  ledger(): StreamLedger[];
  counts(): SpoolCounts;
  close(): void;
}

/** What a spool tells without being taken for this process: it may be another's, or nobody's. */
export type SpoolView = Pick<Spool, 'kitId' | 'ledger' | 'counts' | 'close'>;
