// What one batch needs of a database: the few bulk operations in which the commit is written, once for both.
import type { Kind } from '../../schema/kinds.js';
import type { Range } from '../../schema/ranges.js';
import type { Minute } from '../minutes.js';
import type { ColumnValue, Identity, Receiver, Reject, Twin } from '../store.js';
import type { TableName } from './tables.js';

export interface KitRow {
  readonly kitId: string;
  readonly source: string | null;
  readonly status: string | null;
  readonly lastSeenUs: number | null;
}

/** One stream of a kit's ledger. */
export interface StreamId {
  readonly kitId: string;
  readonly epoch: string;
  readonly kind: Kind;
}

export interface LedgerRow extends StreamId {
  readonly received: readonly Range[];
  /** One above the highest seq that is known to exist. */
  readonly next: number;
  readonly refused: number;
  readonly merged: number;
  readonly rejected: number;
  readonly lastContactUs: number;
}

/** With what the kit last said of it; null when it has said nothing. */
export interface LedgerWithFloor extends LedgerRow {
  readonly floor: number | null;
}

/** Which statuses of a kit count: those of the newest opening of its spool, in the order of their `n`. */
export interface OpeningRow {
  readonly kitId: string;
  readonly opening: string;
  readonly n: number;
  /** Of a listing that is coming in parts, the part that came last. */
  readonly listing: { readonly part: number; readonly of: number } | null;
  /** A whole listing has come: a stream that this opening has not named is gone from the spool. */
  readonly listed: boolean;
  /** The openings before, as far as they are remembered: what still comes of them is old. */
  readonly superseded: readonly string[];
  /** By so many seconds the kit's clock was behind in an epoch, as it last said in it; the newest epochs alone. */
  readonly clockOffsets: Readonly<Record<string, number>>;
}

/** Known to be missing since, in microseconds since 1970. */
export type MissingPart = readonly [first: number, last: number, sinceUs: number];

/** What a kit said of a stream, and what follows from it. */
export interface ReportRow extends StreamId {
  /** The opening that said it; also one that has listed all its streams without this one, which then is empty. */
  readonly opening: string;
  /** That opening has floor..next - 1, or has passed them on. */
  readonly floor: number;
  readonly next: number;
  /** The ledger's `next` when it was last looked for what is missing; above it nothing is said yet. */
  readonly examined: number;
  readonly evicted: readonly Range[];
  readonly quarantined: readonly Range[];
  readonly missing: readonly MissingPart[];
}

/** What a kit said of one of its radios, and when that came. */
export interface ReceiverRow extends Receiver {
  readonly kitId: string;
  readonly reportedUs: number;
}

/** Both halves of a stream; of one that the kit has said nothing of, `floor`, `reportedNext` and `examined` are 1. */
export interface LedgerAccount
  extends LedgerRow,
    Pick<ReportRow, 'floor' | 'examined' | 'evicted' | 'quarantined' | 'missing'> {
  readonly reportedNext: number;
}

/** A kit that has said something new. */
export interface ReportingKit {
  readonly kitId: string;
  readonly opening: string;
  /** All that this opening has not named is to be looked at too. */
  readonly listingEnds: boolean;
}

export interface NaturalKey {
  readonly kitId: string;
  readonly kind: Kind;
  readonly thing: string;
  readonly keyUs: number;
}

/** A natural key to be looked up, with the name under which its copy without, or with, a time may be found too. */
export interface LookUp extends NaturalKey {
  readonly twin?: Twin;
}

export interface FoldKey extends LookUp {
  readonly foldWithinUs: number;
}

/** A primary key: `part` is the drone id, the frequency as text, or '' for a kit's health. */
export interface Place {
  readonly kitId: string;
  readonly part: string;
  readonly timeUs: number;
}

/** A stored observation: its natural key, where its row lies, and whose state the row shows. */
export interface KeyRow extends NaturalKey {
  readonly timeUs: number;
  readonly part: string;
  readonly identity: Identity | null;
  /** The name that it shares with its copy with, or without, a time; null for what has no such copy. */
  readonly twin: string | null;
}

/** A row of a data table: a value, checked, for each column after `time` and `kit_id`. */
export interface DataRow extends KeyRow {
  readonly values: readonly ColumnValue[];
}

/** A row in the place of an older state of it. */
export interface ReplacedRow extends DataRow {
  /** Where the older state lies. */
  readonly from: Place;
}

export interface RejectRow extends Reject {
  /** The same for the same reject committed again, so that a batch of unknown outcome can be. */
  readonly digest: string;
}

export interface Transaction {
  /**
   * Registers the kits that are not there (unless `registers` says no) and locks them all, in the order given: no other
   * transaction reads or writes what belongs to them until this one ends.
   */
  lockKits(kitIds: readonly string[], registers?: (kitId: string) => boolean): Promise<KitRow[]>;
  putKits(kits: readonly KitRow[]): Promise<void>;

  /** Those that exist. */
  ledgers(streams: readonly StreamId[]): Promise<LedgerWithFloor[]>;
  putLedgers(rows: readonly LedgerRow[]): Promise<void>;

  /** Those that exist. */
  openings(kitIds: readonly string[]): Promise<OpeningRow[]>;
  putOpenings(rows: readonly OpeningRow[]): Promise<void>;
  /** Those that exist. */
  reports(streams: readonly StreamId[]): Promise<ReportRow[]>;
  putReports(rows: readonly ReportRow[]): Promise<void>;
  /** At most one of each kit and name. */
  putReceivers(rows: readonly ReceiverRow[]): Promise<void>;
  /** The streams of these kits that have grown since they were last looked at, or never were. */
  unexamined(kits: readonly ReportingKit[]): Promise<StreamId[]>;

  /** Those that exist, and the twins among what came without a time. */
  keys(keys: readonly LookUp[]): Promise<KeyRow[]>;
  /**
   * For each, the latest one at or before `keyUs`, at most `foldWithinUs` before, and the twins among what came with a
   * time.
   */
  keysBefore(keys: readonly FoldKey[]): Promise<KeyRow[]>;
  /** Fails when one exists. */
  insertKeys(rows: readonly KeyRow[]): Promise<void>;
  /** Adds them to what is counted of these minutes already. */
  addMinutes(minutes: readonly Minute[]): Promise<void>;
  /** Puts the new place and identity of keys that exist. */
  updateKeys(rows: readonly KeyRow[]): Promise<void>;

  /** The occupied places from each given one up to `spanUs` after it. */
  occupied(table: TableName, from: readonly Place[], spanUs: number): Promise<Place[]>;
  /** Puts new states, and with them new places, on rows that exist; returns those whose row is not there. */
  updateRows(table: TableName, rows: readonly ReplacedRow[]): Promise<ReplacedRow[]>;
  insertRows(table: TableName, rows: readonly DataRow[]): Promise<void>;

  /** Returns the digests of those that were not there. */
  insertRejects(rows: readonly RejectRow[]): Promise<string[]>;
}
