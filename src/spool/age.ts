// How old rows are, in time that this spool was open: a kit without a clock battery begins in 1970 and then jumps, and by
// that clock everything would be too old, or nothing.
import * as plans from './plans.js';
import type { Statements } from './statements.js';

/** An age is known to this part of the allowed one. */
const MARKS_PER_AGE = 100;
const LONGEST_INTERVAL_MS = 600_000;

export class Age {
  private readonly intervalMs: number;
  /** How long the spool was open before `openSince`. */
  private readonly earlierMs: number;
  private readonly openSince: number;
  private markedAt: number;

  constructor(
    private readonly statements: Statements,
    private readonly maxAgeMs: number,
    private readonly monotonicMs: () => number,
  ) {
    this.intervalMs = Math.min(maxAgeMs / MARKS_PER_AGE, LONGEST_INTERVAL_MS);
    this.earlierMs = statements.value<number>(plans.GET_META, 'running_ms') ?? 0;
    this.openSince = monotonicMs();
    this.markedAt = this.openSince;
  }

  /** False while it is too soon to look again. */
  isDue(): boolean {
    return this.monotonicMs() - this.markedAt >= this.intervalMs;
  }

  /** Within a transaction: the id up to which every row is too old; null when none is. */
  expired(highestId: number): number | null {
    const runningMs = this.save(highestId);
    return this.statements.value<number | null>(plans.AGED, runningMs - this.maxAgeMs) ?? null;
  }

  /** Within a transaction, when all that had expired is evicted. */
  forget(uptoId: number | null): void {
    if (uptoId !== null) this.statements.run(plans.FORGET_AGES, uptoId);
    this.markedAt = this.monotonicMs();
  }

  /** Within a transaction: a kit that is restarted every few minutes gets older too. */
  save(highestId: number): number {
    const runningMs = Math.round(this.earlierMs + (this.monotonicMs() - this.openSince));
    this.statements.run(plans.PUT_META, 'running_ms', runningMs);
    this.statements.run(plans.PUT_AGE, highestId, runningMs);
    return runningMs;
  }
}
