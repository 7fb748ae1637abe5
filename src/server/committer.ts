// Brings batches into the database: tries again for as long as it is away, takes apart what it refuses, and says how it is.
import { Backoff, type BackoffOptions, sleep } from '../base/backoff.js';
import { AppError, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import { cut, replacementOf, sizeOf } from './batch-parts.js';
import { addCounts, noCounts } from './counts.js';
import type { Recorder } from './recorder.js';
import type { RejectAllowance } from './reject-allowance.js';
import type { Batch, CommitResult, Store } from './store.js';
import { tell } from './tell.js';

export interface CommitterOptions {
  readonly store: Pick<Store, 'commit'>;
  /** The database went away, or came back. */
  readonly onStore: (state: 'ok' | 'down') => void;
  readonly allowance: RejectAllowance;
  readonly log: Logger;
  readonly recorder: Recorder;
  readonly backoff?: BackoffOptions | undefined;
  /** Nothing is tried again after it. */
  readonly signal: AbortSignal;
}

/** A commit that takes longer waits for something. */
const SLOW_MS = 2_000;
const BACKOFF = { minMs: 200, maxMs: 10_000 };
/** Longer than a try may take, with its timeouts, and the wait for the next. */
const STUCK_MS = 120_000;

export class Committer {
  private problem = '';
  private worksSinceMs = performance.now();
  private committedMs = 0;
  /** Since when each commit under way runs, the oldest first. */
  private readonly running = new Map<Batch, number>();
  /** When a try last began or ended, or was announced. */
  private movedMs = 0;

  constructor(private readonly options: CommitterOptions) {}

  /** The database takes what it is given, and in time. */
  get works(): boolean {
    const [oldestMs = Number.POSITIVE_INFINITY] = this.running.values();
    return this.problem === '' && performance.now() - oldestMs < SLOW_MS;
  }

  /** After a time of nothing to do: a commit is to come. */
  wake(): void {
    this.movedMs = performance.now();
  }

  /** Asked while there is something to do: a try hangs, or none follows. An outage is not that, it is tried again and again. */
  get isStuck(): boolean {
    const [oldestMs = Number.POSITIVE_INFINITY] = this.running.values();
    return performance.now() - Math.min(this.movedMs, oldestMs) > STUCK_MS;
  }

  /** For how long commits have gone well since then, up to the last one. */
  workedMsSince(sinceMs: number): number {
    return this.committedMs - Math.max(sinceMs, this.worksSinceMs);
  }

  /**
   * Null when the signal came while the database was away. What twice took longer than a statement may is done in halves:
   * a replay that must unpack many compressed rows would never come to an end.
   */
  async commit(batch: Batch): Promise<CommitResult | null> {
    const { log, recorder, signal } = this.options;
    const backoff = new Backoff(this.options.backoff ?? BACKOFF);
    let sinceMs = performance.now();
    let timeouts = 0;
    for (;;) {
      const startedMs = performance.now();
      try {
        const result = await this.tryOnce(batch, startedMs);
        this.healthy();
        tell(log, () => recorder.committed(batch, result, (this.committedMs - startedMs) / 1_000));
        return result;
      } catch (thrown: unknown) {
        if (thrown instanceof AppError && thrown.code === 'data') return this.bisect(batch, thrown);
        recorder.commitFailed();
        this.failing(toError(thrown), sinceMs);
        sinceMs = performance.now();
        if (signal.aborted) return null;
        await sleep(backoff.next(), signal);
        if (signal.aborted) return null;
        if (isTimeout(thrown) && sizeOf(batch) > 1) timeouts += 1;
        if (timeouts > 1) return this.inHalves(batch);
      }
    }
  }

  private async tryOnce(batch: Batch, startedMs: number): Promise<CommitResult> {
    this.running.set(batch, startedMs);
    this.movedMs = startedMs;
    try {
      return await this.options.store.commit(batch);
    } finally {
      this.running.delete(batch);
      this.movedMs = performance.now();
    }
  }

  /** Something in it can't be stored: halves are tried until it stands alone, and then a reject takes its place. */
  private async bisect(batch: Batch, error: AppError): Promise<CommitResult | null> {
    if (sizeOf(batch) > 1) return this.inHalves(batch);
    const instead = this.options.allowance.mark(replacementOf(batch, error));
    if (sizeOf(instead) > 0) return this.commit(instead);
    this.options.log.error({ code: error.code }, `left out, for the database takes it in no form: ${error.message}`);
    return { counts: noCounts(), rejects: [], streams: [], stored: [] };
  }

  private async inHalves(batch: Batch): Promise<CommitResult | null> {
    const [first, second] = cut(batch);
    const before = await this.commit(first);
    const after = before && (await this.commit(second));
    return (
      after && {
        counts: addCounts(before.counts, after.counts),
        rejects: [...before.rejects, ...after.rejects],
        streams: [...before.streams, ...after.streams],
        stored: [...before.stored, ...after.stored],
      }
    );
  }

  private healthy(): void {
    this.committedMs = performance.now();
    if (this.problem === '') return;
    this.problem = '';
    this.worksSinceMs = this.committedMs;
    const { log, onStore } = this.options;
    log.info('the database is back');
    tell(log, () => onStore('ok'));
  }

  /**
   * An outage is said when it begins. While other commits go well there is none (`sinceMs` is when this one was begun, or
   * failed last), nor is one that only another writer was in the way of.
   */
  private failing(error: Error, sinceMs: number): void {
    const { log, onStore, recorder } = this.options;
    const { code, hint } = error instanceof AppError ? error : { code: 'unknown', hint: undefined };
    if (this.committedMs > sinceMs || code === 'conflict') {
      log.warn({ code, hint }, `database: ${error.message}; trying this commit again`);
      return;
    }
    if (this.problem === '') tell(log, () => onStore('down'));
    recorder.store('down', error.message);
    if (this.problem !== code) log.error({ code, hint }, `database: ${error.message}; trying again`);
    this.problem = code;
  }
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.code === 'timeout';
}
