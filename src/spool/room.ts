// Keeps the spool within its limits: before rows are written it makes room for them, by evicting what the policy says, on
// record and in the same transaction.
import { SpoolError } from '../base/errors.js';
import type { Eviction, EvictPolicy } from './eviction.js';
import type { Space, SpaceLimits } from './space.js';
import { RELEASE_ROWS } from './spool.js';

export interface Limits extends SpaceLimits {
  /** Of the time the spool was open; null keeps rows for ever. */
  readonly maxAgeMs: number | null;
  readonly evict: EvictPolicy;
}

/** Few at a time: each new row should evict about one. */
const SLICE_ROWS = 32;
/** An event loop's turn must stay short while what is heard waits for it. */
const TIDY_MS = 200;
/** A file that is larger and half empty gives space back to the disk. */
const KEEP_UNUSED_BYTES = 32 * 1024 * 1024;

export class Room {
  constructor(
    private readonly path: string,
    private readonly space: Space,
    private readonly eviction: Eviction,
  ) {}

  /**
   * Cuts rows into what one transaction may hold: the WAL is a part of max_mb.
   *
   * @throws SpoolError `too-large` for a row that no transaction may hold.
   */
  slices<R extends { readonly body: string }>(rows: readonly R[]): R[][] {
    const slices: R[][] = [];
    let bytes = Number.POSITIVE_INFINITY;
    for (const row of rows) {
      const rowBytes = Buffer.byteLength(row.body);
      if (rowBytes > this.space.maxBodyBytes) throw this.tooLarge(rowBytes);
      const slice = slices.at(-1);
      if (
        slice !== undefined &&
        slice.length < this.space.transactionRows &&
        bytes + rowBytes <= this.space.transactionBytes
      ) {
        slice.push(row);
        bytes += rowBytes;
      } else {
        slices.push([row]);
        bytes = rowBytes;
      }
    }
    return slices;
  }

  /**
   * Within a transaction: evicts until `rows` fit, and no further, whatever the disk has left: what SQLite has freed it
   * uses again, but does not give back.
   *
   * @throws SpoolError `full` under `reject-new`, or when there is nothing left to evict.
   */
  make(rows: readonly { readonly body: string }[]): void {
    const needed = this.space.pagesFor(rows);
    if (this.space.freePages() < needed) this.space.lookAgain();
    while (this.space.freePages() < needed) {
      if (this.eviction.evictSome(SLICE_ROWS) === 0) throw this.full(needed);
    }
  }

  /**
   * Brings the file's size down where it may not be as large, or need not be: for a while, to go on at the next call.
   * `transaction` runs one step of it. Returns how many rows were evicted.
   */
  tidy(transaction: (step: () => number | null) => number | null): number {
    const until = performance.now() + TIDY_MS;
    const pages = this.space.pages();
    let evicted = 0;
    while (performance.now() < until) {
      const some = transaction(() => this.tidyStep());
      if (some === null) break;
      evicted += some;
    }
    if (this.space.pages() < pages) this.space.checkpoint(); // only then is the file shorter
    return evicted;
  }

  /** How many rows it evicted; null when there is no more to do. */
  private tidyStep(): number | null {
    const excess = this.space.excessPages();
    const unused = this.space.unusedPages();
    const mayGo = excess > 0 ? Math.min(unused, excess) : this.idlePages(unused);
    if (mayGo > 0) {
      this.space.giveBack(mayGo);
      return 0;
    }
    const evicted = excess > 0 ? this.eviction.evictSome(RELEASE_ROWS) : 0;
    return evicted > 0 ? evicted : null;
  }

  /** What may go back to the disk of a file that is half empty. */
  private idlePages(unused: number): number {
    const isIdle = unused > this.space.pages() / 2 && this.space.bytesOfPages(unused) > KEEP_UNUSED_BYTES;
    return isIdle ? unused : 0;
  }

  private full(neededPages: number): SpoolError {
    const mb = Math.ceil(this.space.bytesOfPages(neededPages) / 1e6);
    return new SpoolError(`the spool is full: ${this.path} has no room for ${mb} MB more`, {
      code: 'full',
      retryable: true,
      hint: 'raise [SPOOL] max_mb, free some of the disk, or mend the link to the broker',
    });
  }

  private tooLarge(bytes: number): SpoolError {
    const message = `a message of ${bytes} bytes is more than the spool takes (${this.space.maxBodyBytes})`;
    return new SpoolError(message, { code: 'too-large', hint: 'raise [SPOOL] max_mb, or leave this message out' });
  }
}
