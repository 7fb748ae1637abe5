// How the bytes of max_mb are shared out among the database, its WAL and the ballast, and how many pages are to be had now.
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { SpoolError } from '../base/errors.js';
import { availableBytes, type Ballast } from './ballast.js';
import { bytesOf, SIDE_FILES } from './spool-reader.js';
import type { Statements } from './statements.js';

const MIB = 1024 * 1024;
/** The WAL's share: it is checkpointed at half of it, and no transaction takes more than the other half. */
const WAL_BYTES = 8 * MIB;
const SHARED_MEMORY_BYTES = 64 * 1024;
/** What the spool may take though the disk has less than min_free_mb: without it a kit could not pass anything on. */
const LEAST_BYTES = 4 * MIB;
/** Looking at the disk costs more than writing a row. */
const LOOK_EVERY_MS = 250;
/** Kept free inside the file, so that deletions and counters always find a page. */
const SPARE_PAGES = 16;
/** What a row costs beside its body: its other columns, its index entry, its mark. */
const ROW_OVERHEAD_BYTES = 300;
/** More than any broker takes; a row in the WAL must not be more than the WAL's share either. */
const MAX_BODY_BYTES = 256 * 1024;

export interface SpaceLimits {
  /** Database, WAL, shared memory and ballast together. */
  readonly maxBytes: number;
  /** With less than this free on the disk the spool stops growing. */
  readonly minFreeBytes: number;
}

export interface Shares {
  readonly walBytes: number;
  readonly ballastBytes: number;
}

/** On a disk that is smaller than max_mb the shares are the disk's. */
export function sharesOf(path: string, { maxBytes }: SpaceLimits): Shares {
  const { blocks, bsize } = statfsSync(dirname(path));
  const walBytes = Math.min(WAL_BYTES, Math.min(maxBytes, blocks * bsize) / 4);
  // On a full disk a checkpoint may have to find room for half the WAL, and then a deletion for what it logs.
  return { walBytes, ballastBytes: Math.floor((walBytes * 5) / 8) };
}

export class Space {
  /** The largest body of a row. */
  readonly maxBodyBytes: number;
  /** So much goes with one transaction. */
  readonly transactionBytes: number;
  readonly transactionRows: number;
  private readonly pageBytes: number;
  private readonly maxPages: number;
  private readonly leastPages: number;
  private pagesByDisk = 0;
  private lookedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly statements: Statements,
    private readonly path: string,
    private readonly limits: SpaceLimits,
    private readonly shares: Shares,
    private readonly ballast: Ballast,
  ) {
    const { db } = statements;
    const { walBytes, ballastBytes } = shares;
    const checkpointBytes = walBytes / 2;
    this.pageBytes = db.pragma('page_size', { simple: true }) as number;
    const checkpointPages = Math.floor(checkpointBytes / this.pageBytes);
    this.maxPages = Math.floor((limits.maxBytes - walBytes - ballastBytes - SHARED_MEMORY_BYTES) / this.pageBytes);
    this.leastPages = Math.floor(Math.min(LEAST_BYTES, walBytes) / this.pageBytes);
    this.maxBodyBytes = Math.min(MAX_BODY_BYTES, Math.floor(checkpointBytes / 2));
    this.transactionBytes = Math.floor(checkpointBytes / 8);
    // Each may touch a page of its own among the marks.
    this.transactionRows = Math.ceil(checkpointPages / 4);
    db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    // Not less, or each checkpoint would cut the WAL and the next transaction make it longer again.
    db.pragma(`journal_size_limit = ${Math.floor(walBytes)}`);
    this.limitPages();
  }

  /** The most pages that rows with these bodies can take: a page is left partly empty when the next row does not fit. */
  pagesFor(rows: readonly { readonly body: string }[]): number {
    const pages = rows.reduce((sum, { body }) => {
      const bytes = Buffer.byteLength(body) + ROW_OVERHEAD_BYTES;
      if (bytes > this.pageBytes / 2) return sum + Math.ceil(bytes / this.pageBytes) + 1;
      return sum + bytes / (this.pageBytes - bytes);
    }, SPARE_PAGES);
    return Math.ceil(pages);
  }

  /** Pages that new rows may take: those free inside the file, and those it may still grow by. */
  freePages(): number {
    return this.unusedPages() + Math.max(0, this.growth());
  }

  /** By how many pages the file is larger than it may be: after max_mb was lowered. */
  excessPages(): number {
    return Math.max(0, this.pages() - this.maxPages);
  }

  /** Pages inside the file that hold nothing. */
  unusedPages(): number {
    return this.statements.value<number>('PRAGMA freelist_count') ?? 0;
  }

  /** Gives at most so many unused pages back to the disk; about one transaction's worth. */
  giveBack(pages: number): void {
    this.statements.db.pragma(`incremental_vacuum(${Math.min(pages, this.transactionRows)})`);
    this.limitPages();
  }

  /** SQLite itself refuses to grow beyond it, and goes on deleting there; but it takes no limit below the present size. */
  private limitPages(): void {
    this.statements.db.pragma(`max_page_count = ${this.maxPages}`);
  }

  pages(): number {
    return this.statements.value<number>('PRAGMA page_count') ?? 0;
  }

  bytesOfPages(pages: number): number {
    return pages * this.pageBytes;
  }

  /** @throws SpoolError `full` when the WAL has taken what is left of max_mb, as a reader keeps it from starting anew. */
  checkWal(): void {
    const walBytes = bytesOf(this.path + SIDE_FILES.wal);
    if (walBytes <= this.shares.walBytes) return;
    const rest = this.limits.maxBytes - this.pages() * this.pageBytes - this.shares.ballastBytes - SHARED_MEMORY_BYTES;
    if (walBytes + this.shares.walBytes / 2 <= rest || this.checkpoint()) return;
    throw new SpoolError(`${this.path}-wal has grown to ${Math.ceil(walBytes / MIB)} MiB`, {
      code: 'full',
      retryable: true,
      hint: 'another program reads the spool and does not let go of it: end that one (fuser shows it)',
    });
  }

  /** What was known of the disk may no longer hold. */
  lookAgain(): void {
    this.lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** True when all of the WAL is in the database: then it begins anew. Never waits for a reader. */
  checkpoint(): boolean {
    const [done] = this.statements.db.pragma('wal_checkpoint(PASSIVE)') as { log: number; checkpointed: number }[];
    return done !== undefined && done.log === done.checkpointed;
  }

  /** By how many pages the file may grow; below zero when it is too large already. */
  private growth(): number {
    const pages = this.pages();
    const now = performance.now();
    if (now - this.lookedAt > LOOK_EVERY_MS) {
      this.lookedAt = now;
      this.pagesByDisk = this.lookAtDisk(pages);
    }
    return Math.min(this.maxPages, this.pagesByDisk) - pages;
  }

  /** How many pages the disk has room for. */
  private lookAtDisk(pages: number): number {
    // Promised to others: what is in the WAL only, what the WAL may still take, and the ballast.
    const unwritten = Math.max(0, pages * this.pageBytes - bytesOf(this.path));
    const wal = Math.max(0, this.shares.walBytes - bytesOf(this.path + SIDE_FILES.wal));
    const spare = availableBytes(this.path) - unwritten - wal - this.ballast.missingBytes;
    const least = Math.min(spare, (this.leastPages - pages) * this.pageBytes);
    return pages + Math.floor(Math.max(spare - this.limits.minFreeBytes, least) / this.pageBytes);
  }
}
