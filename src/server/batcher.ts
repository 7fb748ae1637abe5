// Collects what was decoded, commits it in batches, and acknowledges to the broker only then. A commit begins as soon as
// something waits, so that an idle server stores a detection at once; while one waits for the disk, another one runs, of
// other kits.
import { within } from '../base/abort.js';
import { type BackoffOptions, sleep } from '../base/backoff.js';
import type { Logger } from '../base/log.js';
import { Committer } from './committer.js';
import { addCounts, noCounts } from './counts.js';
import { FairQueue, type Place, type Turn } from './fair-queue.js';
import { MAX_WAITING_OF_KIT, ownerOf, Quota } from './quota.js';
import { type Recorder, SILENT } from './recorder.js';
import { RejectAllowance } from './reject-allowance.js';
import type { Batch, CommitCounts, CommittedStream, Store } from './store.js';
import { tell } from './tell.js';

export interface Received {
  readonly batch: Batch;
  /** Called once, after everything of it is committed. */
  readonly ack: () => void;
  /** The connection that holds its place until `ack`, and after whose end it comes again; null when it comes only once. */
  readonly from: object | null;
  /** Of a message as it came. */
  readonly bytes?: number;
}

export interface BatcherOptions {
  readonly store: Pick<Store, 'commit'>;
  /** A batch is in the database, and acknowledged to the broker. */
  readonly onCommitted?: (batch: Batch, streams: readonly CommittedStream[]) => void;
  /** The database went away, or came back. */
  readonly onStore: (state: 'ok' | 'down') => void;
  readonly log: Logger;
  readonly recorder?: Recorder;
  readonly backoff?: BackoffOptions;
}

const MAX_BATCH_MESSAGES = 500;
/** Of backlog in a commit with something new: it and what comes next wait for the whole of it. */
const MAX_BACKLOG_BESIDE_LIVE = 100;
/** A larger message counts for as many, also where room is counted: memory and a transaction have to hold it. */
const BYTES_OF_A_MESSAGE = 4_096;
/** Commits at a time: with two, one computes while the other waits for the database. */
const LANES = 2;
/**
 * Messages that a broker holds back: as many as we let it have unacknowledged; beyond it nothing more is read. A kit that
 * sends too much must not take all the places.
 */
export const MAX_WAITING = 2 * MAX_WAITING_OF_KIT;
/** Messages at QoS 0 are not held back by the broker: beyond this they are dropped. */
const MAX_WAITING_ONCE = 5_000;
/** A database that hangs says so only after half a minute (stores/postgres-pool.ts): leaving does not wait for it. */
const LEAVE_WITHIN_MS = 5_000;

export class Batcher {
  readonly counts: CommitCounts = noCounts();
  dropped = 0;
  private readonly waiting = new FairQueue<Received>(messagesOf);
  /** How many of those come only once. */
  private waitingOnce = 0;
  private readonly lanes = new Set<Promise<void>>();
  private readonly committer: Committer;
  private readonly quota: Quota;
  private readonly allowance: RejectAllowance;
  private readonly recorder: Recorder;
  private readonly stopping = new AbortController();
  private stopped: Promise<void> | undefined;
  /** Dropped since the last time that nothing waited. */
  private droppedNow = 0;
  /** Who waits for room. */
  private readonly held: (() => void)[] = [];

  constructor(private readonly options: BatcherOptions) {
    const { store, onStore, log, backoff, recorder = SILENT } = options;
    const { signal } = this.stopping;
    this.recorder = recorder;
    this.quota = new Quota({ log });
    this.allowance = new RejectAllowance({ log });
    this.committer = new Committer({ store, onStore, allowance: this.allowance, log, recorder, backoff, signal });
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  /**
   * Takes it in, or drops it: when it is of those that come only once and too many of them wait, and when its kit is over
   * its quota, unless the database is away: then nothing is acknowledged.
   *
   * @returns what resolves when there is room for more; nothing when there is. A broker need not keep to our receive
   *   maximum: over MQTT 3.1.1 there is none, and mosquitto 2.0.11 sends what it kept for a session all at once.
   */
  add(received: Received): Promise<void> | undefined {
    this.recorder.received(received.batch);
    const owner = ownerOf(received.batch);
    if (this.committer.works && !this.quota.admits(owner, received.batch, this.waiting.sizeOf(owner))) {
      this.recorder.overQuota(received.batch);
      tell(this.options.log, received.ack);
      return undefined;
    }
    const comesOnce = received.from === null;
    if (comesOnce && this.waitingOnce >= MAX_WAITING_ONCE) {
      this.drop(received);
      return undefined;
    }
    this.waiting.push(owner, received, placeOf(received.batch));
    this.recorder.waiting(this.waiting.size);
    if (comesOnce) this.waitingOnce += messagesOf(received);
    this.begin();
    if (comesOnce || this.hasRoom) return undefined;
    return new Promise((resolve) => this.held.push(resolve));
  }

  /** The connection is gone: what is not being committed yet comes again on the next one, and would wait twice. */
  forget(from: object): void {
    this.left(this.waiting.keep((received) => received.from !== from));
  }

  /** Something is to be committed, and nothing moves. */
  get isStuck(): boolean {
    return this.waiting.size + this.lanes.size > 0 && this.committer.isStuck;
  }

  /** For how long commits have gone well since then, up to the last one. */
  workedMsSince(sinceMs: number): number {
    return this.committer.workedMsSince(sinceMs);
  }

  /**
   * Commits what was taken, unless the database is away or hangs; what is not acknowledged the broker keeps. If a commit that
   * was not waited for takes place all the same, its messages are refused when they come again.
   */
  stop(): Promise<void> {
    this.stopped ??= this.leave();
    return this.stopped;
  }

  private async leave(): Promise<void> {
    this.stopping.abort();
    await within(LEAVE_WITHIN_MS, this.idle());
    if (this.lanes.size === 0) return;
    this.options.log.warn('the database does not answer: leaving without it, what it was to store comes again');
    this.left(this.waiting.keep(() => false));
  }

  private drop({ batch }: Received): void {
    if (this.droppedNow === 0) this.options.log.error('too many messages wait for the database: dropping new ones');
    this.dropped += 1;
    this.recorder.dropped(batch);
    this.droppedNow += 1;
  }

  private async idle(): Promise<void> {
    // One that ends may have let another begin.
    while (this.lanes.size > 0) await Promise.all(this.lanes);
  }

  private get hasRoom(): boolean {
    return this.waiting.size - this.waitingOnce < MAX_WAITING;
  }

  /** They wait no longer: others may come in. */
  private left(gone: readonly Received[]): void {
    for (const received of gone) if (received.from === null) this.waitingOnce -= messagesOf(received);
    this.recorder.waiting(this.waiting.size);
    if (this.hasRoom) for (const goOn of this.held.splice(0)) goOn();
  }

  private begin(): void {
    if (this.lanes.size >= LANES) return;
    if (this.lanes.size === 0) this.committer.wake();
    const lane = this.run().finally(() => this.lanes.delete(lane));
    this.lanes.add(lane);
  }

  private async run(): Promise<void> {
    await sleep(0); // what arrived in the same packet comes along
    for (let turn = this.take(); turn.items.length > 0; turn = this.take()) {
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

  /** Whole MQTT messages only: an array or a frame is acknowledged when all of it is there. */
  private take(): Turn<Received> {
    const turn = this.waiting.take(MAX_BATCH_MESSAGES, messagesOf, MAX_BACKLOG_BESIDE_LIVE);
    this.left(turn.items);
    return turn;
  }

  private async store(taken: readonly Received[]): Promise<boolean> {
    const { log, onCommitted } = this.options;
    const batch = this.allowance.mark(merge(taken.map((received) => received.batch)));
    const result = await this.committer.commit(batch);
    if (result === null) return false;
    Object.assign(this.counts, addCounts(this.counts, result.counts));
    for (const { ack } of taken) tell(log, ack);
    tell(log, () => onCommitted?.(batch, result.streams));
    return true;
  }
}

/** An array or a frame is many; and what is nothing for the database still takes room. */
function messagesOf({ batch: { observations, rejects, reports }, bytes = 0 }: Received): number {
  return Math.max(1, observations.length + rejects.length + reports.length, Math.floor(bytes / BYTES_OF_A_MESSAGE));
}

/**
 * What is new goes before its kit's backlog. A status goes behind all that was sent before it, for it counts once those rows
 * are committed.
 */
function placeOf({ observations, reports }: Batch): Place {
  if (reports.length > 0) return 'behind all';
  const isLive = observations.length > 0 && observations.every(({ replay }) => replay !== true);
  return isLive ? 'ahead' : 'in turn';
}

function merge(batches: readonly Batch[]): Batch {
  return {
    observations: batches.flatMap(({ observations }) => observations),
    rejects: batches.flatMap(({ rejects }) => rejects),
    contacts: batches.flatMap(({ contacts }) => contacts),
    reports: batches.flatMap(({ reports }) => reports),
  };
}
