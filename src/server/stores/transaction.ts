// What one batch needs of a database: the few bulk operations in which the commit is written, once for both.
import type { Kind } from '../../schema/kinds.js';
import type { Range } from '../../schema/ranges.js';
import type { ColumnValue, Identity, Reject } from '../store.js';
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

export interface NaturalKey {
  readonly kitId: string;
  readonly kind: Kind;
  readonly thing: string;
  readonly keyUs: number;
}

export interface FoldKey extends NaturalKey {
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
}

/** A row of a data table: a value, checked, for each column after `time` and `kit_id`. */
export interface DataRow extends KeyRow {
  readonly values: readonly ColumnValue[];
}

export interface RejectRow extends Reject {
  /** The same for the same reject committed again, so that a batch of unknown outcome can be. */
  readonly digest: string;
}

export interface Transaction {
  /**
   * Registers the kits that are not there and locks them all, in the order given: no other transaction reads or writes
   * what belongs to them until this one ends.
   */
  lockKits(kitIds: readonly string[]): Promise<KitRow[]>;
  putKits(kits: readonly KitRow[]): Promise<void>;

  /** Those that exist. */
  ledgers(streams: readonly StreamId[]): Promise<LedgerRow[]>;
  putLedgers(rows: readonly LedgerRow[]): Promise<void>;

  /** Those that exist. */
  keys(keys: readonly NaturalKey[]): Promise<KeyRow[]>;
  /** For each, the latest one at or before `keyUs`, at most `foldWithinUs` before. */
  keysBefore(keys: readonly FoldKey[]): Promise<KeyRow[]>;
  /** Fails when one exists. */
  insertKeys(rows: readonly KeyRow[]): Promise<void>;
  /** Puts the new place and identity of keys that exist. */
  updateKeys(rows: readonly KeyRow[]): Promise<void>;

  /** The occupied places from each given one up to `spanUs` after it. */
  occupied(table: TableName, from: readonly Place[], spanUs: number): Promise<Place[]>;
  deleteRows(table: TableName, places: readonly Place[]): Promise<void>;
  insertRows(table: TableName, rows: readonly DataRow[]): Promise<void>;

  /** Returns the digests of those that were not there. */
  insertRejects(rows: readonly RejectRow[]): Promise<string[]>;
}
