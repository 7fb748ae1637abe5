// Collects what was decoded, commits it in batches, and acknowledges to the broker only then. A commit begins as soon as
// something waits, so that an idle server stores a detection at once; while one waits for the disk, another one runs, of
// other kits.
import { Backoff, sleep } from '../base/backoff.js';
import { AppError, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import { type Kind, perKind } from '../schema/kinds.js';
import { cut, replacementOf, sizeOf } from './batch-parts.js';
import { FairQueue, type Turn } from './fair-queue.js';
import { ownerOf, Quota } from './quota.js';
import { type Recorder, SILENT } from './recorder.js';
import { RejectAllowance } from './reject-allowance.js';
import type { Batch, CommitCounts, CommitResult, CommittedStream, KindCounts, Store } from './store.js';

export interface Received {
  readonly batch: Batch;
  /** Called once, after everything of it is committed. */
  readonly ack: () => void;
  /** The connection that holds its place until `ack`, and after whose end it comes again; null when it comes only once. */
  readonly from: object | null;
}

export interface BatcherOptions {
  readonly store: Pick<Store, 'commit'>;
  /** A batch is in the database, and acknowledged to the broker. */
  readonly onCommitted?: (batch: Batch, streams: readonly CommittedStream[]) => void;
  /** The database went away, or came back. */
  readonly onStore: (state: 'ok' | 'down') => void;
  readonly log: Logger;
  readonly recorder?: Recorder;
  readonly backoff?: Backoff;
}

const MAX_BATCH_ROWS = 500;
/** Commits at a time: with two, one computes while the other waits for the database; more gain nothing. */
const LANES = 2;
/** Of what the broker holds back: then nothing more is read. One that keeps to our receive maximum never gets beyond. */
const MAX_WAITING = 4_000;
/** Messages at QoS 0 are not held back by the broker: beyond this they are dropped. */
const MAX_WAITING_ONCE = 5_000;
/** A commit that takes longer waits for something: that is no kit's fault. */
const SLOW_MS = 2_000;
const BACKOFF = { minMs: 200, maxMs: 10_000 };
/** Longer than a try may take, with its timeouts, and the wait for the next. */
const STUCK_MS = 120_000;

export class Batcher {
  readonly counts: CommitCounts = noCounts();
  dropped = 0;
  private readonly waiting = new FairQueue<Received>();
  private readonly quota: Quota;
  private readonly allowance: RejectAllowance;
  /** Of those, how many come only once. */
  private waitingOnce = 0;
  private readonly lanes = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly backoff: Backoff;
  private readonly recorder: Recorder;
  private problem = '';
  /** Dropped since the last time that nothing waited. */
  private droppedNow = 0;
  private worksSinceMs = performance.now();
  private committedMs = 0;
  /** When a try to commit last began or ended, or the first message came to an empty queue. */
  private movedMs = 0;
  /** Since when each commit under way runs, the oldest first. */
  private readonly commits = new Map<Batch, number>();
  /** Who waits for room. */
  private readonly held: (() => void)[] = [];

  constructor(private readonly options: BatcherOptions) {
    this.backoff = options.backoff ?? new Backoff(BACKOFF);
    this.recorder = options.recorder ?? SILENT;
    this.quota = new Quota(options);
    this.allowance = new RejectAllowance(options);
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  /**
   * Takes it in, or drops it: when it is of those that come only once and too many of them wait, and when its kit is over
   * its quota, unless the database is away: then nothing is acknowledged.
   *
   * @returns what resolves when there is room for more; nothing when there is. mosquitto with `max_inflight_messages 0`
   *   sends all it has, whatever our receive maximum.
   */
  add(received: Received): Promise<void> | undefined {
    const comesOnce = received.from === null;
    this.recorder.received(received.batch);
    const owner = ownerOf(received.batch);
    if (this.works && !this.quota.admits(owner, received.batch, this.waiting.sizeOf(owner))) {
      this.recorder.overQuota(received.batch);
      this.tell(received.ack);
      return undefined;
    }
    if (comesOnce && this.waitingOnce >= MAX_WAITING_ONCE) {
      if (this.droppedNow === 0) this.options.log.error('too many messages wait for the database: dropping new ones');
      this.dropped += 1;
      this.recorder.dropped(received.batch);
      this.droppedNow += 1;
      return undefined;
    }
    if (this.lanes.size === 0 && this.waiting.size === 0) this.movedMs = performance.now();
    this.waiting.push(owner, received);
    this.recorder.waiting(this.waiting.size);
    if (comesOnce) this.waitingOnce += 1;
    this.begin();
    if (this.hasRoom) return undefined;
    return new Promise((resolve) => this.held.push(resolve));
  }

  /** The connection is gone: what is not being committed yet comes again on the next one, and would wait twice. */
  forget(from: object): void {
    this.waiting.keep((received) => received.from !== from);
    this.recorder.waiting(this.waiting.size);
    this.letIn();
  }

  /** For how long commits have gone well since then, up to the last one. */
  workedMsSince(sinceMs: number): number {
    return this.committedMs - Math.max(sinceMs, this.worksSinceMs);
  }

  /** Commits what was taken, unless the database is away; what is not acknowledged the broker keeps. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.lanes);
  }

  /** Something is to be done, and no try to commit it begins or ends. An outage is not that: it is tried again and again. */
  get isStuck(): boolean {
    if (this.waiting.size + this.lanes.size === 0) return false;
    const [oldestMs = Number.POSITIVE_INFINITY] = this.commits.values();
    return performance.now() - Math.min(this.movedMs, oldestMs) > STUCK_MS;
  }

  private get works(): boolean {
    const [oldestMs = Number.POSITIVE_INFINITY] = this.commits.values();
    return this.problem === '' && performance.now() - oldestMs < SLOW_MS;
  }

  private get hasRoom(): boolean {
    return this.waiting.size - this.waitingOnce < MAX_WAITING;
  }

  private letIn(): void {
    if (this.hasRoom) for (const goOn of this.held.splice(0)) goOn();
  }

  private begin(): void {
    if (this.lanes.size >= LANES) return;
    const lane = this.run().finally(() => this.lanes.delete(lane));
    this.lanes.add(lane);
  }

  private async run(): Promise<void> {
    await sleep(0); // what arrived in the same packet comes along
    for (let turn = this.take(); turn.items.length > 0; turn = this.take()) {
      this.letIn();
      if (this.waiting.size > 0) this.begin();
      const isStored = await this.store(turn.items);
      turn.done();
      // Stopped while the database was away.
      if (!isStored) return;
    }
    if (this.waiting.size > 0) return; // of kits that another commit has; it goes on with them
    if (this.droppedNow > 0)
      this.options.log.warn({ dropped: this.droppedNow }, 'there is room again for new messages');
    this.droppedNow = 0;
  }

  private async store(taken: readonly Received[]): Promise<boolean> {
    const batch = this.allowance.mark(merge(taken.map((received) => received.batch)));
    const result = await this.commit(batch);
    if (result === null) return false;
    Object.assign(this.counts, add(this.counts, result.counts));
    for (const { ack } of taken) this.tell(ack);
    this.tell(() => this.options.onCommitted?.(batch, result.streams));
    return true;
  }

  /** Whoever hears of a commit can't undo it, or keep the next one from coming. */
  private tell(listener: () => void): void {
    try {
      listener();
    } catch (thrown: unknown) {
      const { message, stack } = toError(thrown);
      this.options.log.error({ stack }, `telling of a commit: ${message}`);
    }
  }

  /** Whole messages only: an array is acknowledged when all of it is there. */
  private take(): Turn<Received> {
    const turn = this.waiting.take(MAX_BATCH_ROWS, ({ batch }) => rowsOf(batch));
    this.waitingOnce -= turn.items.filter(({ from }) => from === null).length;
    this.recorder.waiting(this.waiting.size);
    return turn;
  }

  private async commit(batch: Batch): Promise<CommitResult | null> {
    for (;;) {
      const startedMs = performance.now();
      try {
        const result = await this.tryCommit(batch, startedMs);
        this.healthy();
        this.tell(() => this.recorder.committed(batch, result, (this.committedMs - startedMs) / 1_000));
        return result;
      } catch (thrown: unknown) {
        if (thrown instanceof AppError && thrown.code === 'data') return this.bisect(batch, thrown);
        this.recorder.commitFailed();
        this.failing(toError(thrown), startedMs);
        if (this.stopping.signal.aborted) return null;
        await sleep(this.backoff.next(), this.stopping.signal);
        if (this.stopping.signal.aborted) return null;
      }
    }
  }

  private async tryCommit(batch: Batch, startedMs: number): Promise<CommitResult> {
    this.commits.set(batch, startedMs);
    this.movedMs = startedMs;
    try {
      return await this.options.store.commit(batch);
    } finally {
      this.commits.delete(batch);
      this.movedMs = performance.now();
    }
  }

  /** Something in it can't be stored: halves are tried until it stands alone, and then a reject takes its place. */
  private async bisect(batch: Batch, error: AppError): Promise<CommitResult | null> {
    if (sizeOf(batch) > 1) {
      const [first, second] = cut(batch);
      const before = await this.commit(first);
      const after = before && (await this.commit(second));
      return (
        after && {
          counts: add(before.counts, after.counts),
          rejects: [...before.rejects, ...after.rejects],
          streams: [...before.streams, ...after.streams],
        }
      );
    }
    const instead = this.allowance.mark(replacementOf(batch, error));
    if (sizeOf(instead) > 0) return this.commit(instead);
    this.options.log.error({ code: error.code }, `left out, for the database takes it in no form: ${error.message}`);
    return { counts: noCounts(), rejects: [], streams: [] };
  }

  private healthy(): void {
    this.backoff.reset();
    this.committedMs = performance.now();
    if (this.problem === '') return;
    this.problem = '';
    this.worksSinceMs = this.committedMs;
    this.options.log.info('the database is back');
    this.tell(() => this.options.onStore('ok'));
  }

  /** An outage is said when it begins; while other commits go well there is none. */
  private failing(error: Error, startedMs: number): void {
    const { code, hint } = error instanceof AppError ? error : { code: 'unknown', hint: undefined };
    if (this.committedMs > startedMs) {
      this.options.log.warn({ code, hint }, `database: ${error.message}; trying this commit again`);
      return;
    }
    if (this.problem === '') this.tell(() => this.options.onStore('down'));
    this.recorder.store('down', error.message);
    if (this.problem !== code) this.options.log.error({ code, hint }, `database: ${error.message}; trying again`);
    this.problem = code;
  }
}

function rowsOf({ observations, rejects, reports }: Batch): number {
  return observations.length + rejects.length + reports.length;
}

function merge(batches: readonly Batch[]): Batch {
  return {
    observations: batches.flatMap(({ observations }) => observations),
    rejects: batches.flatMap(({ rejects }) => rejects),
    contacts: batches.flatMap(({ contacts }) => contacts),
    reports: batches.flatMap(({ reports }) => reports),
  };
}

function noCounts(): CommitCounts {
  return perKind(() => ({ stored: 0, merged: 0, refused: 0, rejected: 0 }));
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
