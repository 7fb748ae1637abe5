// What is read for whoever looks, on either database: its statements are in read-plans.ts.
import type { JsonObject } from '../../base/json.js';
import type { Kit } from '../kits.js';
import type {
  BucketRow,
  HealthRow,
  HeardRow,
  PathRow,
  Reads,
  RejectRow,
  RejectsOf,
  RowOf,
  SignalFilter,
  SignalKey,
  SignalRow,
  Thing,
  ThingKey,
  TimeRange,
  TrackFilter,
  TrackKey,
  TrackRow,
} from '../reads.js';
import type { Clock, LedgerEntry } from '../store.js';
import { toEntry } from './missing.js';
import type { Reader } from './read-dialect.js';
import { type Plan, ReadPlans } from './read-plans.js';
import { microsOf } from './sqlite-ledger-rows.js';
import type { LedgerAccount } from './transaction.js';

/** PostgreSQL has booleans and JSON of its own, SQLite numbers and text. */
type Raw<R, Column extends keyof R> = Omit<R, Column> & { readonly [K in Column]: unknown };

export class StoreReads implements Reads {
  private readonly plans: ReadPlans;

  constructor(
    private readonly reader: Reader,
    private readonly toAccount: (row: never) => LedgerAccount,
    private readonly nowUs: Clock,
  ) {
    this.plans = new ReadPlans(reader.dialect);
  }

  async kits(): Promise<Kit[]> {
    const rows = await this.run<StoredKit>(this.plans.kits());
    return rows.map(({ kit_id: kitId, api_url: apiUrl, enabled, last_seen: seen, created_at: created, ...row }) => ({
      ...row,
      kitId,
      apiUrl,
      enabled: Boolean(enabled),
      lastSeenUs: seen === null ? null : microsOf(seen),
      createdUs: microsOf(created),
    }));
  }

  async ledger(): Promise<LedgerEntry[]> {
    const rows = await this.reader.rows(this.reader.dialect.accounts);
    return rows.map((row) => toEntry(this.toAccount(row as never), this.nowUs()));
  }

  async latestHealth(): Promise<HealthRow[]> {
    return (await this.run<RawHealth>(this.plans.latestHealth())).map(toHealth);
  }

  async latestPositions(since: string): Promise<HealthRow[]> {
    return (await this.run<RawHealth>(this.plans.latestPositions(since))).map(toHealth);
  }

  async health(kitId: string, range: TimeRange, limit: number, isPlaced: boolean): Promise<HealthRow[]> {
    return (await this.run<RawHealth>(this.plans.healthOf(kitId, range, limit, isPlaced))).map(toHealth);
  }

  things(filter: TrackFilter, limit: number, after: ThingKey | null): Promise<Thing[]> {
    return this.run<Thing>(this.plans.things(filter, limit, after));
  }

  async rowsAt(wanted: readonly RowOf[], filter: TrackFilter): Promise<TrackRow[]> {
    if (wanted.length === 0) return [];
    return (await this.run<RawTrack>(this.plans.rowsAt(wanted, filter))).map(toTrack);
  }

  async heardBy(things: readonly Thing[], range: TimeRange): Promise<HeardRow[]> {
    return things.length === 0 ? [] : this.run<HeardRow>(this.plans.heardBy(things, range));
  }

  async paths(things: readonly Thing[], filter: TrackFilter, points: number): Promise<PathRow[]> {
    if (things.length === 0 || points === 0) return [];
    const rows = await this.run<Raw<PathRow, 'late'>>(this.plans.paths(things, filter, points));
    return rows.map((row) => ({ ...row, late: Boolean(row.late) }));
  }

  async countTracks(filter: TrackFilter, atMost: number): Promise<number> {
    return (await this.run<{ n: number }>(this.plans.countTracks(filter, atMost)))[0]?.n ?? 0;
  }

  async trackRows(filter: TrackFilter, limit: number, after: TrackKey | null): Promise<TrackRow[]> {
    return (await this.run<RawTrack>(this.plans.trackRows(filter, limit, after))).map(toTrack);
  }

  async signals(filter: SignalFilter, limit: number, after: SignalKey | null): Promise<SignalRow[]> {
    const rows = await this.run<Raw<SignalRow, 'extra' | 'late'>>(this.plans.signals(filter, limit, after));
    return rows.map((row) => ({ ...row, extra: toJson(row.extra), late: Boolean(row.late) }));
  }

  async countSignals(filter: SignalFilter, atMost: number): Promise<number> {
    return (await this.run<{ n: number }>(this.plans.countSignals(filter, atMost)))[0]?.n ?? 0;
  }

  async buckets(range: TimeRange, stepS: number, kitId: string | undefined, limit: number): Promise<BucketRow[]> {
    const rows = await this.run<RawBucket>(this.plans.buckets(range, stepS, kitId, limit));
    return rows.map(({ p50, longest_ms: max, ...row }) => {
      return { ...row, latency_ms: p50 === null ? null : { p50: Math.min(p50, max), max } };
    });
  }

  rejects(of: RejectsOf, limit: number, before: number | null): Promise<RejectRow[]> {
    return this.run<RejectRow>(this.plans.rejects(of, limit, before));
  }

  async rejectCounts(of: RejectsOf): Promise<Map<string, number>> {
    const rows = await this.run<{ reason: string; n: number }>(this.plans.rejectCounts(of));
    return new Map(rows.map(({ reason, n }) => [reason, n]));
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  private run<R extends object>({ sql, values }: Plan): Promise<R[]> {
    return this.reader.rows<R>(sql, values);
  }
}

interface StoredKit extends Pick<Kit, 'name' | 'location' | 'source' | 'status'> {
  readonly kit_id: string;
  readonly api_url: string | null;
  readonly enabled: boolean | number;
  readonly last_seen: string | null;
  readonly created_at: string;
}

type RawHealth = Raw<HealthRow, 'gps_fix' | 'late'>;
type RawTrack = Raw<TrackRow, 'extra' | 'late'>;
type RawBucket = Omit<BucketRow, 'latency_ms'> & { readonly p50: number | null; readonly longest_ms: number };

function toHealth(row: RawHealth): HealthRow {
  return { ...row, gps_fix: row.gps_fix === null ? null : Boolean(row.gps_fix), late: Boolean(row.late) };
}

function toTrack(row: RawTrack): TrackRow {
  return { ...row, extra: toJson(row.extra), late: Boolean(row.late) };
}

function toJson(value: unknown): JsonObject | null {
  return (typeof value === 'string' ? JSON.parse(value) : value) as JsonObject | null;
}
