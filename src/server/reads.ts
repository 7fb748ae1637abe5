// The contract of what is read for whoever looks (stores/store-reads.ts): bounded answers, on connections of their own, so
// that no commit waits for a reader.

import type { Kind } from '../schema/kinds.js';
import type { Bucket } from '../schema/web/answers.js';
import type { KitHealth, Signal, TrackState } from '../schema/web/shapes.js';
import type { Kit } from './kits.js';
import type { LedgerEntry } from './store.js';

/** From and up to, but not including, ISO 8601 with microseconds. */
export interface TimeRange {
  readonly from: string;
  readonly to: string;
}

export type TrackKind = 'drone' | 'aircraft';
type SignalType = 'analog' | 'dji' | 'other';

export interface TrackFilter extends TimeRange {
  readonly kinds?: readonly TrackKind[] | undefined;
  readonly kitId?: string | undefined;
  readonly thing?: string | undefined;
  /** In its id, description, MAC address or operator id, in any case. */
  readonly text?: string | undefined;
}

export interface SignalFilter extends TimeRange {
  readonly kitId?: string | undefined;
  readonly types?: readonly SignalType[] | undefined;
}

/** A drone or an aircraft in a time range. */
export interface Thing {
  readonly kind: TrackKind;
  readonly id: string;
  readonly first_at: string;
  readonly last_at: string;
  /** The latest that no replay brought; null when replays alone told of it. */
  readonly live_at: string | null;
  readonly points: number;
}

/** Which row of a thing is wanted: that of this time. */
export type RowOf = Pick<Thing, 'kind' | 'id'> & { readonly time: string };

export interface HeardRow {
  readonly kind: TrackKind;
  readonly id: string;
  readonly kit_id: string;
  readonly rssi: number | null;
  readonly freq_mhz: number | null;
  readonly points: number;
  readonly last_at: string;
}

export interface PathRow {
  readonly kind: TrackKind;
  readonly id: string;
  readonly time: string;
  readonly lat: number;
  readonly lon: number;
  readonly alt: number | null;
  readonly heading: number | null;
  readonly late: boolean;
}

/**
 * A replay brought it, and nothing else told of it before or in the same batch, nor later anything that changed the row: an
 * answer of the kit's API that comes behind the kit's own record does not.
 */
export interface Late {
  readonly late: boolean;
}

export type TrackRow = TrackState & Late & { readonly kind: TrackKind; readonly id: string };
export type SignalRow = Signal & Late;
export type HealthRow = KitHealth & Late & { readonly kit_id: string };

/** Where a page of rows ended: what the next one begins behind. */
export type TrackKey = Pick<TrackRow, 'id' | 'time' | 'kit_id'>;
export type ThingKey = Pick<Thing, 'kind' | 'id' | 'last_at'>;
export type SignalKey = Pick<SignalRow, 'time' | 'kit_id' | 'freq_mhz'>;

/** `at` in seconds since 1970. */
export type BucketRow = Bucket;

export interface RejectRow {
  readonly id: number;
  readonly received_at: string;
  readonly topic: string;
  readonly kit_id: string | null;
  readonly kind: Kind | null;
  readonly epoch: string | null;
  readonly seq: number | null;
  readonly reason: string;
  readonly detail: string;
  readonly payload: Uint8Array;
}

export interface RejectsOf {
  readonly kitId?: string | undefined;
  readonly reason?: string | undefined;
}

/** Every call throws a StoreError when the database is away or takes too long. */
export interface Reads {
  kits(): Promise<Kit[]>;
  ledger(): Promise<LedgerEntry[]>;

  /** Of each kit the newest health. */
  latestHealth(): Promise<HealthRow[]>;
  /** Of each kit the newest since then that has a position; a late one only where none is not late. */
  latestPositions(since: string): Promise<HealthRow[]>;
  /** The oldest first, thinned evenly; the newest is always there. @param isPlaced only rows with a position. */
  health(kitId: string, range: TimeRange, limit: number, isPlaced: boolean): Promise<HealthRow[]>;

  /** What was last heard latest first, after `after`. */
  things(filter: TrackFilter, limit: number, after: ThingKey | null): Promise<Thing[]>;
  /** The rows of these things at these times, of each one or more. */
  rowsAt(wanted: readonly RowOf[], filter: TrackFilter): Promise<TrackRow[]>;
  /** Which kits heard them, whatever kit is asked for. */
  heardBy(things: readonly Thing[], range: TimeRange): Promise<HeardRow[]>;
  /** The positions of each, the oldest first, thinned to about so many; the newest is always there. */
  paths(things: readonly Thing[], filter: TrackFilter, points: number): Promise<PathRow[]>;
  /** How many rows there are; `atMost + 1` when there are more. */
  countTracks(filter: TrackFilter, atMost: number): Promise<number>;
  /** Rows by thing, time and kit, after `after`. */
  trackRows(filter: TrackFilter, limit: number, after: TrackKey | null): Promise<TrackRow[]>;

  /** The newest first, after `after`. */
  signals(filter: SignalFilter, limit: number, after: SignalKey | null): Promise<SignalRow[]>;
  countSignals(filter: SignalFilter, atMost: number): Promise<number>;

  /** Messages per step, kit and kind, by whole minutes; those without any are left out. */
  buckets(range: TimeRange, stepS: number, kitId: string | undefined, limit: number): Promise<BucketRow[]>;

  /** The newest first, below `before`. */
  rejects(of: RejectsOf, limit: number, before: number | null): Promise<RejectRow[]>;
  rejectCounts(of: RejectsOf): Promise<Map<string, number>>;

  close(): Promise<void>;
}
