// The contract of the spool: what is accepted is on the disk, in order, until it is released, set aside or evicted.
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

/** What an acknowledgement covers of one stream. */
export interface Covered {
  readonly epoch: string;
  readonly class: number;
  readonly ranges: readonly Range[];
}

export interface StreamLedger {
  readonly epoch: string;
  readonly class: number;
  /** The lowest seq still in the spool and not set aside; `next` when none is. */
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
  /** Rows that were given up before anybody had them. */
  readonly evicted: number;
  /** Rows that were given up after a broker had acknowledged them. */
  readonly evictedHandedOver: number;
  /** Now, without what is handed over. */
  readonly waiting: number;
  readonly handedOver: number;
}

export interface SpoolCounts {
  readonly classes: ReadonlyMap<number, ClassCounts>;
  readonly waiting: number;
  readonly handedOver: number;
  readonly quarantined: number;
  /** Bytes on disk: database, WAL, shared memory and ballast. */
  readonly bytes: number;
  readonly oldestAtMs: number | null;
}

export interface QuarantinedRow extends SpoolRow {
  readonly reason: string;
  readonly quarantinedAtMs: number;
}

/** A row and where it is: `reason` is set in quarantine. */
export interface ExportedRow extends SpoolRow {
  readonly handedOver: boolean;
  readonly reason: string | null;
}

export interface Spool {
  /** Random, new at every opening. */
  readonly opening: string;
  /** Larger bodies are not accepted. */
  readonly maxBodyBytes: number;
  /** Of the rows accepted since this opening; null before the first. Nobody else has ever sent any of it. */
  currentEpoch(): string | null;

  /** The kit's id, fixed when it was first set. */
  kitId(): string | null;
  setKitId(kitId: string): void;
  /**
   * Forgets the kit's id, for another one to be set.
   *
   * @throws SpoolError `not-empty` while rows of the old one are there.
   */
  forgetKitId(): void;

  /** The database whose acknowledgements count; null until one has acknowledged anything. */
  storeId(): string | null;
  /** With the first one, all that was handed over waits again: it is this database that wants it. */
  setStoreId(storeId: string | null): void;

  /** A little of the kit's own state, kept beside the rows; null when there is none of this name. */
  note(name: string): string | null;
  setNote(name: string, text: string): void;

  /** The mark that was last accepted for a thing; null when it is new (or was forgotten: the memory is bounded). */
  lastMark(rowClass: number, thing: string): string | null;

  /**
   * Accepts rows in their order, durably. What is too much for one transaction takes several, and when a later one fails
   * fewer rows come back than were given: those were accepted, the rest was not.
   *
   * @throws SpoolError `full` (retryable), `too-large`, `read-only`, `io`, `corrupt`: nothing was accepted.
   */
  accept(rows: readonly NewRow[]): SpoolRow[];

  /**
   * Rows with afterId < id <= uptoId that are not handed over, in the order of their acceptance; those of the classes
   * `without` are passed over without being looked at.
   */
  read(afterId: number, uptoId: number, limit: number, without?: ReadonlySet<number>): SpoolRow[];
  /** One row; null when it is gone. */
  get(rowClass: number, id: number): SpoolRow | null;
  /** The highest id ever given out. */
  lastId(): number;

  /** Deletes delivered rows, also out of quarantine. A row that is gone is no error: it may be confirmed twice. */
  deliver(rows: readonly SpoolRow[]): void;
  /**
   * Deletes what an acknowledgement covers, also out of quarantine; returns the ids that went, at most RELEASE_ROWS: then
   * call it again.
   */
  release(covered: readonly Covered[]): number[];
  /** A broker has them, whoever may get them from it: kept, not read again, and the first to be evicted. */
  handOver(rows: readonly SpoolRow[]): void;
  /** All that was handed over waits again. */
  takeBack(): void;

  /** Sets a row aside that can't be sent, so that it never blocks the next. */
  quarantine(row: SpoolRow, reason: string): void;
  /** Those with a higher id than `afterId`, in the order of their acceptance. */
  quarantined(afterId: number, limit: number): QuarantinedRow[];
  /** Puts rows back among those that wait; returns how many of these ids were in quarantine. */
  retry(ids: readonly number[]): number;
  /** Gives quarantined rows up, on record as evicted; returns how many of these ids were in quarantine. */
  drop(ids: readonly number[]): number;

  /**
   * Evicts what is too old or, after a limit was lowered, too much, and gives space back to the disk; for a fraction of a
   * second at most. Call it about once a minute. Returns how many rows went.
   */
  maintain(): number;

  ledger(): StreamLedger[];
  counts(): SpoolCounts;
  close(): void;
}

/** At most so many rows go with one transaction: more would hold up what is accepted, and need too much of a full disk. */
export const RELEASE_ROWS = 500;

/** What a spool tells without being taken for this process: it may be another's, or nobody's. */
export interface SpoolView
  extends Pick<
    Spool,
    'kitId' | 'storeId' | 'note' | 'read' | 'lastId' | 'quarantined' | 'ledger' | 'counts' | 'close'
  > {
  /** What waits, what is handed over and what is set aside, in the order of acceptance. */
  readEverything(afterId: number, uptoId: number, limit: number): ExportedRow[];
}
