// node-cron's door: deletes what is past its retention, at the start and once an hour, and aggregates what came late.
import { type ScheduledTask, schedule, setLogger } from 'node-cron';
import { AppError, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Store } from './store.js';

interface Job {
  readonly when: string;
  readonly often: string;
  /** What is so when it fails. */
  readonly otherwise: string;
  run(nowUs: number): Promise<void>;
}

export class Housekeeping implements Part {
  readonly name = 'housekeeping';
  private tasks: ScheduledTask[] = [];
  private stopped = false;
  /** Why each of them failed, as said last. */
  private readonly problems = new Map<Job, string>();

  private readonly pruning: Job = {
    when: '17 * * * *',
    often: 'every hour',
    otherwise: 'what is past its retention stays',
    run: async (nowUs) => {
      const rows = await this.store.prune(nowUs);
      if (rows > 0) this.log.info({ rows }, 'deleted what is past its retention');
    },
  };
  private readonly refreshing: Job = {
    when: '*/5 * * * *',
    often: 'every 5 minutes',
    otherwise: 'aggregates lack what came late',
    run: async (nowUs) => {
      const hours = await this.store.refresh(nowUs);
      if (hours > 0) this.log.info({ hours }, 'aggregated again, for rows that came late');
    },
  };

  constructor(
    private readonly store: Pick<Store, 'prune' | 'refresh'>,
    private readonly log: Logger,
  ) {}

  start(): void {
    // It would write to the terminal itself.
    setLogger({
      info: (message) => this.log.debug(message),
      debug: (message) => this.log.debug(String(message)),
      warn: (message) => this.log.warn(message),
      error: (message) => this.log.error(String(message)),
    });
    this.tasks = [this.pruning, this.refreshing].map((job) =>
      schedule(job.when, () => this.attempt(job), { noOverlap: true }),
    );
    // Also what it may not do is said now, and not within the hour.
    void this.attempt(this.pruning);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const task of this.tasks) await task.destroy();
  }

  private async attempt(job: Job): Promise<void> {
    try {
      await job.run(Date.now() * 1_000);
      this.problems.delete(job);
    } catch (thrown: unknown) {
      // The store may be closed in the middle of it.
      if (!this.stopped) this.say(job, toError(thrown));
    }
  }

  /** The same problem again is no news. */
  private say(job: Job, error: Error): void {
    const { code, hint } = error instanceof AppError ? error : { code: error.name, hint: undefined };
    const level = code === this.problems.get(job) ? 'debug' : 'warn';
    this.problems.set(job, code);
    this.log[level]({ code, hint }, `${job.otherwise}: ${error.message}; tried again ${job.often}`);
  }
}
