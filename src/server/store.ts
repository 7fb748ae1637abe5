// The contract of the server's database, whichever it is (sqlite-store.ts, postgres-store.ts). One transaction per
// batch holds the rows, their natural keys, the ledger, the rejects and the kits: a batch is there whole or not at all,
// and a batch that is committed again changes nothing but the counts of what was refused.
import type { JsonObject } from '../base/json.js';
import type { Kind } from '../schema/kinds.js';
import type { Range } from '../schema/ranges.js';
import type { KitStatus } from '../schema/status.js';
import type { Kits } from './kits.js';
import type { Reads } from './reads.js';
import type { Rejects } from './rejects.js';

/** A message's place in its kit's ledger; messages of a stock DragonSync have none. */
export interface Identity {
  readonly epoch: string;
  readonly seq: number;
}

export type ColumnValue = string | number | boolean | null;

/** One observation, ready for its table. (kit, kind, thing, keyUs) is its natural key. */
export interface Observation {
  readonly kind: Kind;
  readonly kitId: string;
  /** Drone id, ICAO address, signal uid; '' for a kit's health. */
  readonly thing: string;
  /** When, in microseconds since 1970 by the kit's own clock as it was: never corrected, so that it never changes. */
  readonly keyUs: number;
  /** When, in microseconds since 1970: the `time` column, unless another observation sits there already. */
  readonly timeUs: number;
  readonly identity: Identity | null;
  /** WarDragon Analytics' columns, in SI units, without `time` and `kit_id`. */
  readonly columns: Readonly<Record<string, ColumnValue>>;
  /** The fields that no column holds. */
  readonly extra: JsonObject;
  /**
   * Set on a message that came without any time: it is the same observation as a stored one of this thing whose key
   * lies within so many microseconds before `keyUs`.
   */
  readonly foldWithinUs?: number;
  /** Set on aircraft, which DragonSync sends without a time, and shows in its API with one. */
  readonly twin?: Twin;
  /** The kit says that it comes late. */
  readonly replay?: true;
  /** Asked for over HTTP: no word that the kit sends over MQTT. */
  readonly polled?: true;
  /** What it was made of, for the case that the database refuses the row. */
  readonly source?: Source;
}

/** What two copies of an observation, of which one came with a time and the other without, have in common. */
export interface Twin {
  /** The aircraft and a digest of what both ways tell of it. */
  readonly name: string;
  /** What the copy with a time has as its `thing`. */
  readonly thing: string;
  /** How far their keys may lie apart, in microseconds. */
  readonly withinUs: number;
}

/** A message as it came. */
export interface Source {
  readonly topic: string;
  /** Its bytes; of an element of an array, the element. */
  readonly original: unknown;
  readonly receivedUs: number;
}

/** A message that could not become a row, kept where it can be seen. */
export interface Reject {
  readonly receivedUs: number;
  readonly topic: string;
  readonly kitId: string | null;
  readonly kind: Kind | null;
  readonly identity: Identity | null;
  /** Stable: `json`, `frame`, `schema`, `kit`, `time`, `retention`, `database`, `internal`. */
  readonly reason: string;
  readonly detail: string;
  /** The raw bytes, at most 16 KiB of them. */
  readonly payload: Buffer;
  /** False beyond what is kept of so many: received and counted like the others, and not there to be seen. */
  readonly kept?: false;
}

/** A kit was heard, or said (or its last will did) that it is gone. */
export interface Contact {
  readonly kitId: string;
  readonly atUs: number;
  readonly online: boolean;
}

/** What a kit says of one stream of its own: schema/status.ts has the meaning of each. */
export interface StreamReport {
  readonly epoch: string;
  readonly kind: Kind;
  readonly floor: number;
  readonly next: number;
  readonly evicted: readonly Range[];
  readonly quarantined: readonly Range[];
}

/** A kit's half of the ledger. Of one opening only a higher `n` counts; a new opening replaces the one before. */
export interface KitReport {
  readonly kitId: string;
  readonly opening: string;
  readonly n: number;
  /** A part of a listing of every stream the spool has; a stream that a whole listing does not name is gone. */
  readonly listing: { readonly part: number; readonly of: number } | null;
  /** How often it has connected anew since it was opened: tells one of its connections from the next. */
  readonly reconnects: number;
  readonly streams: readonly StreamReport[];
  /** It does not check the certificate of the broker. */
  readonly insecure?: true;
  /** All of what it said. */
  readonly status?: KitStatus;
  /** By so many seconds the kit's clock is behind, which is more than any that is kept right. */
  readonly clockOffsetS?: number;
  /** In these epochs, besides the newest. */
  readonly clockOffsetEpochs?: readonly string[];
  /** Of its own certificate, in milliseconds since 1970. */
  readonly certificateEndsAtMs?: number;
  /** Of all its radios, where it knows of them. */
  readonly receivers?: readonly Receiver[];
}

/** A radio of a kit as it was last reported: schema/receivers.ts has the meaning of each. */
export interface Receiver {
  readonly name: string;
  readonly enabled: boolean;
  readonly state: string;
  readonly lastMessageUs: number | null;
  readonly messages: number | null;
  readonly errors: number | null;
  readonly dropped: number | null;
}

export interface Batch {
  readonly observations: readonly Observation[];
  readonly rejects: readonly Reject[];
  readonly contacts: readonly Contact[];
  readonly reports: readonly KitReport[];
}

export interface KindCounts {
  /** New rows. */
  stored: number;
  /** The same observation under another identity: one row, the later state. */
  merged: number;
  /** Resends: this identity was in the ledger already. */
  refused: number;
  rejected: number;
}

export type CommitCounts = Record<Kind, KindCounts>;

/** A stream that the batch had messages of, or whose kit reported it, as it is after the commit: what to acknowledge. */
export interface CommittedStream {
  readonly kitId: string;
  readonly epoch: string;
  readonly kind: Kind;
  /** Every seq that was received. */
  readonly received: readonly Range[];
  /** The lowest seq the kit still has, as far as it has said; 1 when it has said nothing. */
  readonly floor: number;
}

export interface CommitResult {
  readonly counts: CommitCounts;
  /** Those of the batch that were not there. */
  readonly rejects: readonly Pick<Reject, 'kind' | 'reason' | 'kept'>[];
  readonly streams: readonly CommittedStream[];
  /** Of the batch, those that became new rows, in its order. */
  readonly stored: readonly Observation[];
}

export interface LedgerEntry {
  readonly kitId: string;
  readonly epoch: string;
  readonly kind: Kind;
  /** Every seq that was received, as ranges. */
  readonly received: readonly Range[];
  /** One above the highest seq that is known to exist, by a message or by the kit's word. */
  readonly next: number;
  /** What the kit says it gave up, all it ever said, without what was received all the same. */
  readonly evicted: readonly Range[];
  /** What the kit, by its newest word, has set aside: what is tried once more is no longer among it. */
  readonly quarantined: readonly Range[];
  /** The kit still has them. */
  readonly waiting: readonly Range[];
  /** Neither received nor given up, and the kit no longer has them: for a minute at least, else they may be on their way. */
  readonly missing: readonly Range[];
  readonly refused: number;
  readonly merged: number;
  readonly rejected: number;
  readonly lastContactUs: number;
}

export interface TableCounts {
  /** Rows per kind. */
  readonly rows: Record<Kind, number>;
  /** Rows beyond the first with the same kit, kind, thing and kit time: always 0, and counted to prove it. */
  readonly doubled: number;
  readonly rejects: number;
}

/** Microseconds since 1970. */
export type Clock = () => number;

export interface Store {
  /** Made with the database, and the same for its life. */
  readonly storeId: string;
  readonly kits: Kits;
  readonly rejects: Rejects;
  /** For whoever looks: no commit waits for it. */
  readonly reads: Reads;
  /** What of its tables' upkeep the database does not take, in words for a log. */
  readonly warnings: readonly string[];

  /**
   * Commits a batch durably, once. An observation whose identity is in the ledger is refused; else one whose natural
   * key is stored is merged (the later (epoch, seq) wins, whichever came first; one without identity loses to one
   * with, and wins over another without, unless it was found by its content, which then is there); else it becomes a row, moved by 1 us until its primary key is free. What kits
   * report counts after all messages of the batch.
   *
   * @throws StoreError retryable when the database is away (commit the same batch again: it is idempotent), else with
   *   code `data`: some row is not storable and nothing of the batch was stored.
   */
  commit(batch: Batch): Promise<CommitResult>;

  ledger(kitId?: string): Promise<LedgerEntry[]>;
  counts(): Promise<TableCounts>;

  /** Deletes what is past its retention (raw rows 30/30/90 days, rejects by age and number); returns how many rows. */
  prune(nowUs: number): Promise<number>;

  /**
   * Brings the hourly aggregates up to date where rows came after the database had looked there for the last time, as
   * far as raw rows are kept; returns how many hours.
   *
   * @throws StoreError what could not be refreshed is so by a later call.
   */
  refresh(nowUs: number): Promise<number>;
  close(): Promise<void>;
}
