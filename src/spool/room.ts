// Keeps the spool within its limits: before rows are written it makes room for them, by evicting what the policy says,
// on record and in the same transaction.
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { SpoolError } from '../base/errors.js';
import type { Sqlite } from '../base/sqlite.js';
import { Ranges } from '../schema/ranges.js';
import * as plans from './plans.js';

export const EVICT_POLICIES = ['priority', 'oldest', 'reject-new'] as const;
export type EvictPolicy = (typeof EVICT_POLICIES)[number];

export interface Limits {
  /** Database, WAL and shared memory together. */
  readonly maxBytes: number;
  /** With less than this free on the disk the spool stops growing. */
  readonly minFreeBytes: number;
  readonly evict: EvictPolicy;
}

const SLICE_ROWS = 500;
/** What a row costs beside its body: its other columns, its index entry, its mark, and pages that are not quite full. */
const ROW_OVERHEAD_BYTES = 400;
/** For the WAL, which is checkpointed at half of it: one transaction more may follow before that happens. */
const WAL_RESERVE_BYTES = 8 * 1024 * 1024;
/** Kept free inside the file, so that deletions and counters always find a page. */
const SPARE_PAGES = 16;

interface OldRow {
  readonly id: number;
  readonly epoch: string;
  readonly seq: number;
  readonly bytes: number;
}

export class Room {
  private readonly pageBytes: number;
  private readonly maxPages: number;

  constructor(
    private readonly db: Sqlite,
    private readonly path: string,
    private readonly classes: readonly number[],
    private readonly limits: Limits,
  ) {
    this.pageBytes = db.pragma('page_size', { simple: true }) as number;
    const reserve = Math.min(WAL_RESERVE_BYTES, limits.maxBytes / 2);
    this.maxPages = Math.floor((limits.maxBytes - reserve) / this.pageBytes);
    db.pragma(`wal_autocheckpoint = ${Math.floor(reserve / 2 / this.pageBytes)}`);
    db.pragma(`journal_size_limit = ${Math.floor(reserve / 2)}`);
    // SQLite itself refuses to grow beyond it, and goes on deleting there, which on a full disk it could not.
    db.pragma(`max_page_count = ${this.maxPages}`);
  }

  /**
   * Within a transaction: evicts until `rows` fit; returns how many rows that cost, by class.
   *
   * @throws SpoolError `full` under `reject-new`, or when there is nothing left to evict.
   */
  make(rows: readonly { readonly body: string }[]): Map<number, number> {
    const bodyBytes = rows.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
    const neededPages = Math.ceil((bodyBytes + rows.length * ROW_OVERHEAD_BYTES) / this.pageBytes) + SPARE_PAGES;
    const evicted = new Map<number, number>();
    while (this.freePages() < neededPages) {
      const c = this.limits.evict === 'reject-new' ? undefined : this.nextClass();
      if (c === undefined) throw this.full(neededPages);
      evicted.set(c, (evicted.get(c) ?? 0) + this.evictSlice(c));
    }
    return evicted;
  }

  private freePages(): number {
    const pages = this.db.pragma('page_count', { simple: true }) as number;
    const unused = this.db.pragma('freelist_count', { simple: true }) as number;
    const { bavail, bsize } = statfsSync(dirname(this.path));
    const mayGrow = bavail * bsize >= this.limits.minFreeBytes;
    return (mayGrow ? Math.max(0, this.maxPages - pages) : 0) + unused;
  }

  /** The class to evict from: the first of the order that has rows, or the one with the oldest row of all. */
  private nextClass(): number | undefined {
    const oldest = this.classes.map((c) => ({
      c,
      row: this.db.prepare(plans.oldestRows(c)).get(1) as OldRow | undefined,
    }));
    const filled = oldest.filter(({ row }) => row !== undefined);
    if (this.limits.evict === 'oldest') filled.sort((a, b) => (a.row?.id ?? 0) - (b.row?.id ?? 0));
    return filled[0]?.c;
  }

  private evictSlice(c: number): number {
    const rows = this.db.prepare(plans.oldestRows(c)).all(SLICE_ROWS) as OldRow[];
    const last = rows.at(-1);
    if (last === undefined) return 0;
    for (const epoch of new Set(rows.map((row) => row.epoch))) {
      this.record(
        c,
        epoch,
        rows.filter((row) => row.epoch === epoch),
      );
    }
    this.db.prepare(plans.deleteUpTo(c)).run(last.id);
    this.db.prepare(plans.ADD_EVICTED).run(rows.length, c);
    return rows.length;
  }

  private record(c: number, epoch: string, rows: readonly OldRow[]): void {
    const ranges = new Ranges(this.db.prepare(plans.EVICTED_OF).raw().all(epoch, c) as [number, number][]);
    for (const { seq } of rows) ranges.add(seq);
    this.db.prepare(plans.CLEAR_EVICTED).run(epoch, c);
    for (const [first, last] of ranges.toJSON()) this.db.prepare(plans.PUT_EVICTED).run(epoch, c, first, last);
  }

  private full(neededPages: number): SpoolError {
    const mb = Math.ceil((neededPages * this.pageBytes) / 1e6);
    return new SpoolError(`the spool is full: ${this.path} has no room for ${mb} MB more`, {
      code: 'full',
      retryable: true,
      hint: 'raise [SPOOL] max_mb, free some of the disk, or mend the link to the broker',
    });
  }
}
