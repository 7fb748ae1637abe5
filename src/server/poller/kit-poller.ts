// Asks one kit's DragonSync API in turn, stores what is new, and notes whether the kit answers.
import { Backoff, sleep } from '../../base/backoff.js';
import { AppError, StoreError, toError } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import { type DragonSyncApi, RateLimitedError } from '../../dragonsync/api-client.js';
import { splitTracks } from '../../dragonsync/normalise.js';
import type { Batcher } from '../batcher.js';
import type { Kits } from '../kits.js';
import type { Answers, Shown } from './answers.js';

/** How often what is asked: 26 requests a minute, of the 100 that DragonSync answers an address. */
export interface PollTimes {
  readonly pollMs: number;
  readonly statusMs: number;
  /** The longest wait for a kit that does not answer. */
  readonly awayMs: number;
}

export interface KitPollerOptions {
  readonly kitId: string;
  readonly source: Pick<DragonSyncApi, 'drones' | 'signals' | 'status'>;
  readonly answers: Answers;
  readonly batcher: Pick<Batcher, 'add'>;
  readonly kits: Pick<Kits, 'answered' | 'failed'>;
  readonly times: PollTimes;
  readonly log: Logger;
}

/** One lost answer is no outage. */
const FAILURES_OF_AN_OUTAGE = 3;
const UNREACHABLE = new Set(['refused', 'timeout', 'unreachable']);

export class KitPoller {
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private readonly backoff: Backoff;
  private statusDueAt = 0;
  /** Its `/status` has said which kit it is, or has nothing to say yet. */
  private isIdentified = false;
  private failures = 0;
  private problem = '';
  /** The last turn's is not in the database yet. */
  private isWaiting = false;

  constructor(private readonly options: KitPollerOptions) {
    const { pollMs, awayMs } = options.times;
    this.backoff = new Backoff({ minMs: pollMs, maxMs: awayMs });
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const startedAt = performance.now();
      const holdMs = await this.turn();
      await sleep(Math.max(this.options.times.pollMs - (performance.now() - startedAt), holdMs, 0), signal);
    }
  }

  /** Returns how long the kit is to be left alone, in milliseconds. */
  private async turn(): Promise<number> {
    // What is not asked now the API shows later; what was asked would only wait here too.
    if (this.isWaiting) return 0;
    const { kitId, kits } = this.options;
    try {
      const shown: Shown[] = [];
      const failure = await this.ask(shown);
      if (this.stopping.signal.aborted) return 0;
      if (shown.length > 0 || failure === null) await this.hand(shown);
      if (failure !== null) throw failure;
      this.well();
      return 0;
    } catch (thrown: unknown) {
      const error = toError(thrown);
      this.say(error);
      if (error instanceof RateLimitedError) return error.retryAfterMs;
      if (error instanceof StoreError) return this.backoff.next();
      this.failures += 1;
      const code = error instanceof AppError ? error.code : '';
      if (this.failures >= FAILURES_OF_AN_OUTAGE || code === 'kit') {
        const status = UNREACHABLE.has(code) ? 'offline' : 'error';
        // With the database away there is nothing to note it in; the next turn tries again.
        await kits.failed(kitId, status, Date.now() * 1_000).catch(() => {});
      }
      return this.backoff.next();
    }
  }

  /** Gives the first failure, after which a kit that is reachable is asked the rest all the same. */
  private async ask(shown: Shown[]): Promise<Error | null> {
    const { source, times } = this.options;
    let failure: Error | null = null;
    const questions = [
      async () => {
        if (performance.now() < this.statusDueAt) return;
        const status = await source.status();
        this.isIdentified = false;
        if (status !== null) this.options.answers.checkKit(status['uid']);
        this.isIdentified = true;
        this.statusDueAt = performance.now() + times.statusMs;
        if (status !== null) shown.push({ kind: 'system', entry: status });
      },
      async () => {
        const { drones, aircraft } = splitTracks(await source.drones());
        shown.push(...drones.map((entry) => ({ kind: 'drone' as const, entry })));
        shown.push(...aircraft.map((entry) => ({ kind: 'aircraft' as const, entry })));
      },
      async () => {
        shown.push(...(await source.signals()).map((entry) => ({ kind: 'signal' as const, entry })));
      },
    ];
    for (const question of questions) {
      try {
        await question();
      } catch (thrown: unknown) {
        failure ??= toError(thrown);
        const code = thrown instanceof AppError ? thrown.code : '';
        // Another kit's, or one that would cost a timeout each: nothing more is asked.
        if (!this.isIdentified || thrown instanceof RateLimitedError || UNREACHABLE.has(code) || code === 'kit') break;
      }
    }
    return failure;
  }

  private async hand(shown: readonly Shown[]): Promise<void> {
    const { kitId, answers, batcher, kits } = this.options;
    const atUs = Date.now() * 1_000;
    answers.check(shown);
    // A kit that was removed or disabled meanwhile is not registered again by what it showed last.
    if (!(await kits.answered(kitId, atUs))) return;
    const batch = answers.take(shown, atUs);
    if (batch.observations.length + batch.rejects.length === 0) return;
    this.isWaiting = true;
    const ack = (): void => {
      this.isWaiting = false;
    };
    // Not waited for: there is one of each kit at most, and a stop does not wait for a database that is away.
    void batcher.add({ batch, ack, from: this });
  }

  private well(): void {
    if (this.problem !== '') this.options.log.info({ kitId: this.options.kitId }, 'the kit answers again');
    this.problem = '';
    this.failures = 0;
    this.backoff.reset();
  }

  /** A problem is said when it begins and when it changes. */
  private say(error: Error): void {
    const { code, hint } = error instanceof AppError ? error : { code: error.message, hint: undefined };
    if (this.problem === code) return;
    this.problem = code;
    this.options.log.warn({ kitId: this.options.kitId, code, hint }, `polling: ${error.message}`);
  }
}
