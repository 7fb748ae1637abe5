// How much is kept of rejects in an hour: housekeeping deletes the surplus once an hour, and a kit that sends nothing but
// nonsense would fill the disk until then. What is beyond is received and counted all the same.
import type { Logger } from '../base/log.js';
import type { Batch, Reject } from './store.js';

const HOUR_MS = 3_600_000;
/** 100,000 rejects, as many as are kept for long, of 1,300 bytes (a usual message) and a row's own 1,400 with its indexes. */
const MAX_BYTES = 256 * 1024 * 1024;
const ROW_BYTES = 1_400;

export interface RejectAllowanceOptions {
  readonly log: Logger;
  readonly nowMs?: () => number;
  readonly maxBytes?: number;
}

export class RejectAllowance {
  private used = 0;
  private readonly usedBy = new Map<string | null, number>();
  private beginsMs: number;
  private notKept = 0;
  private readonly nowMs: () => number;
  private readonly maxBytes: number;

  constructor(private readonly options: RejectAllowanceOptions) {
    this.nowMs = options.nowMs ?? (() => performance.now());
    this.maxBytes = options.maxBytes ?? MAX_BYTES;
    this.beginsMs = this.nowMs();
  }

  /** The batch, with those rejects marked that are not kept. To be called once for each. */
  mark(batch: Batch): Batch {
    if (batch.rejects.length === 0) return batch;
    this.renew();
    return {
      ...batch,
      rejects: batch.rejects.map((reject) => (this.takes(reject) ? reject : { ...reject, kept: false })),
    };
  }

  /** A kit takes at most as much as it leaves: one that takes all it gets leaves half, and the next one a quarter. */
  private takes({ kitId, payload }: Reject): boolean {
    const bytes = payload.length + ROW_BYTES;
    const own = (this.usedBy.get(kitId) ?? 0) + bytes;
    if (own > this.maxBytes - this.used - bytes) {
      if (this.notKept === 0)
        this.options.log.error(
          { kit: kitId },
          'too many rejects: for the rest of the hour they are counted, and not kept',
        );
      this.notKept += 1;
      return false;
    }
    this.used += bytes;
    this.usedBy.set(kitId, own);
    return true;
  }

  private renew(): void {
    const nowMs = this.nowMs();
    if (nowMs - this.beginsMs < HOUR_MS) return;
    if (this.notKept > 0) this.options.log.warn({ rejects: this.notKept }, 'rejects are kept again; so many were not');
    this.beginsMs = nowMs;
    this.used = 0;
    this.usedBy.clear();
    this.notKept = 0;
  }
}
