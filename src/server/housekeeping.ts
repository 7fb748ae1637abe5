// node-cron's door: deletes once an hour what is past its retention, and aggregates what came late.
import { type ScheduledTask, schedule, setLogger } from 'node-cron';
import { toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Store } from './store.js';

export class Housekeeping implements Part {
  readonly name = 'housekeeping';
  private tasks: ScheduledTask[] = [];

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
    this.tasks = [
      schedule('17 * * * *', () => this.prune(), { noOverlap: true }),
      schedule('*/5 * * * *', () => this.refresh(), { noOverlap: true }),
    ];
  }

  async stop(): Promise<void> {
    for (const task of this.tasks) await task.destroy();
  }

  private async prune(): Promise<void> {
    try {
      const rows = await this.store.prune(Date.now() * 1_000);
      if (rows > 0) this.log.info({ rows }, 'deleted what is past its retention');
    } catch (thrown: unknown) {
      this.log.warn(`housekeeping: ${toError(thrown).message}; again in an hour`);
    }
  }

  private async refresh(): Promise<void> {
    try {
      const hours = await this.store.refresh(Date.now() * 1_000);
      if (hours > 0) this.log.info({ hours }, 'aggregated again, for rows that came late');
    } catch (thrown: unknown) {
      this.log.warn(`aggregates: ${toError(thrown).message}; again in 5 minutes`);
    }
  }
}
