// node-cron's door: deletes once an hour what is past its retention.
import { type ScheduledTask, schedule, setLogger } from 'node-cron';
import { toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Store } from './store.js';

export class Housekeeping implements Part {
  readonly name = 'housekeeping';
  private task: ScheduledTask | null = null;

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
  }

  async stop(): Promise<void> {
    await this.task?.destroy();
  }

  private async prune(): Promise<void> {
    try {
      const rows = await this.store.prune(Date.now() * 1_000);
      if (rows > 0) this.log.info({ rows }, 'deleted what is past its retention');
    } catch (thrown: unknown) {
      this.log.warn(`housekeeping: ${toError(thrown).message}; again in an hour`);
    }
  }
}
