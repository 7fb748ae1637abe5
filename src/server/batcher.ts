// Collects what was decoded, commits it in batches, and acknowledges to the broker only then. A commit begins as soon as
// none is running and something waits, so that an idle server stores a detection at once.
import { Backoff, sleep } from '../base/backoff.js';
import { AppError, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import { type Kind, perKind } from '../schema/kinds.js';
import type {
  Batch,
  CommitCounts,
  CommitResult,
  CommittedStream,
  KindCounts,
  Observation,
  Reject,
  Store,
} from './store.js';

export interface Received {
  readonly batch: Batch;
  /** Called once, after everything of it is committed. */
  readonly ack: () => void;
}

export interface BatcherOptions {
  readonly store: Pick<Store, 'commit'>;
  /** A batch is in the database, and acknowledged to the broker. */
  readonly onCommitted?: (batch: Batch, streams: readonly CommittedStream[]) => void;
  /** The database went away, or came back. */
  readonly onStore: (state: 'ok' | 'down') => void;
  readonly log: Logger;
  readonly backoff?: Backoff;
}

const MAX_BATCH_ROWS = 500;
/** Messages at QoS 0 are not held back by the broker: beyond this they are dropped, and that is said. */
const MAX_WAITING = 10_000;
const BACKOFF = { minMs: 200, maxMs: 10_000 };
const MAX_KEPT_BYTES = 16_384;

export class Batcher {
  readonly counts: CommitCounts = perKind(() => ({ stored: 0, merged: 0, refused: 0, rejected: 0 }));
  dropped = 0;
  private waiting: Received[] = [];
  private running: Promise<void> | null = null;
  private readonly stopping = new AbortController();
  private readonly backoff: Backoff;
  private problem = '';

  constructor(private readonly options: BatcherOptions) {
    this.backoff = options.backoff ?? new Backoff(BACKOFF);
  }

  add(received: Received): void {
    if (this.waiting.length >= MAX_WAITING) {
      if (this.dropped === 0) this.options.log.error('too many messages wait for the database: dropping new ones');
      this.dropped += 1;
      return;
    }
    this.waiting.push(received);
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
  }

  /** Commits what was taken, unless the database is away; what is not acknowledged the broker keeps. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    await sleep(0); // what arrived in the same packet comes along
    while (this.waiting.length > 0) {
      const taken = this.take();
      const batch = merge(taken.map((received) => received.batch));
      const result = await this.commit(batch);
      // Null: stopped while the database was away.
      if (result === null) return;
      Object.assign(this.counts, add(this.counts, result.counts));
      for (const { ack } of taken) ack();
      this.options.onCommitted?.(batch, result.streams);
    }
  }

  /** Whole messages only: an array is acknowledged when all of it is there. */
  private take(): Received[] {
    let rows = 0;
    let count = 0;
    for (const { batch } of this.waiting) {
      if (count > 0 && rows >= MAX_BATCH_ROWS) break;
      rows += batch.observations.length + batch.rejects.length + batch.reports.length;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async commit(batch: Batch): Promise<CommitResult | null> {
    for (;;) {
      try {
        const result = await this.options.store.commit(batch);
        this.healthy();
        return result;
      } catch (thrown: unknown) {
        if (thrown instanceof AppError && thrown.code === 'data') return this.bisect(batch, thrown);
        this.failing(toError(thrown));
        if (this.stopping.signal.aborted) return null;
        await sleep(this.backoff.next(), this.stopping.signal);
        if (this.stopping.signal.aborted) return null;
      }
    }
  }

  /** Some row can't be stored: halves are tried until it stands alone, and then it is a reject. */
  private async bisect(batch: Batch, error: AppError): Promise<CommitResult | null> {
    const { observations, rejects, contacts, reports } = batch;
    const [only] = observations;
    if (observations.length === 0 || only === undefined) throw error;
    if (observations.length === 1) {
      return this.commit({ ...batch, observations: [], rejects: [...rejects, rejectOf(only, error)] });
    }
    const middle = observations.length >>> 1;
    const first = await this.commit({ observations: observations.slice(0, middle), rejects, contacts, reports: [] });
    if (first === null) return null;
    // What kits report counts after all of their messages.
    const rest = { observations: observations.slice(middle), rejects: [], contacts: [], reports };
    const second = await this.commit(rest);
    return second && { counts: add(first.counts, second.counts), streams: [...first.streams, ...second.streams] };
  }

  private healthy(): void {
    this.backoff.reset();
    if (this.problem === '') return;
    this.problem = '';
    this.options.log.info('the database is back');
    this.options.onStore('ok');
  }

  /** An outage is said when it begins. */
  private failing(error: Error): void {
    const { code, hint } = error instanceof AppError ? error : { code: 'unknown', hint: undefined };
    if (this.problem === '') this.options.onStore('down');
    if (this.problem !== code) this.options.log.error({ code, hint }, `database: ${error.message}; trying again`);
    this.problem = code;
  }
}

function merge(batches: readonly Batch[]): Batch {
  return {
    observations: batches.flatMap(({ observations }) => observations),
    rejects: batches.flatMap(({ rejects }) => rejects),
    contacts: batches.flatMap(({ contacts }) => contacts),
    reports: batches.flatMap(({ reports }) => reports),
  };
}

function add(a: CommitCounts, b: CommitCounts): CommitCounts {
  const sum = (kind: Kind): KindCounts => ({
    stored: a[kind].stored + b[kind].stored,
    merged: a[kind].merged + b[kind].merged,
    refused: a[kind].refused + b[kind].refused,
    rejected: a[kind].rejected + b[kind].rejected,
  });
  return perKind(sum);
}

function rejectOf(observation: Observation, error: Error): Reject {
  const { kitId, kind, identity, timeUs } = observation;
  const shown = JSON.stringify({ time_us: timeUs, ...observation.columns, extra: observation.extra });
  return {
    receivedUs: Date.now() * 1_000,
    topic: '',
    kitId,
    kind,
    identity,
    reason: 'database',
    detail: error.message,
    payload: Buffer.from(shown).subarray(0, MAX_KEPT_BYTES),
  };
}
