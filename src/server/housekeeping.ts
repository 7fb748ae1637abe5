// node-cron's door: deletes at the start and once an hour what is past its retention.
import { type ScheduledTask, schedule, setLogger } from 'node-cron';
import { AppError, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Store } from './store.js';

export class Housekeeping implements Part {
  readonly name = 'housekeeping';
  private task: ScheduledTask | null = null;
  private stopped = false;
  private problem = '';

  constructor(
    private readonly store: Pick<Store, 'prune'>,
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
    this.task = schedule('17 * * * *', () => this.prune(), { noOverlap: true });
    // Also what it may not do is said now, and not within the hour.
    void this.prune();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.task?.destroy();
  }

  private async prune(): Promise<void> {
    try {
      const rows = await this.store.prune(Date.now() * 1_000);
      if (rows > 0) this.log.info({ rows }, 'deleted what is past its retention');
      this.problem = '';
    } catch (thrown: unknown) {
      // The store may be closed in the middle of it.
      if (!this.stopped) this.say(toError(thrown));
    }
  }

  /** The same problem again is no news. */
  private say(error: Error): void {
    const { code, hint } = error instanceof AppError ? error : { code: error.name, hint: undefined };
    const level = code === this.problem ? 'debug' : 'warn';
    this.problem = code;
    this.log[level]({ code, hint }, `what is past its retention stays: ${error.message}; tried again every hour`);
  }
}
