// Feeds the service manager's watchdog as long as every part gets on: a timer alone would go on beating while nothing
// else moves.
import { toError } from './errors.js';
import type { Logger } from './log.js';
import type { ServiceManager } from './service-manager.js';

/** So that one beat that is late, or lost, kills nobody. */
const BEATS_IN_TIME = 3;

export interface Watched {
  /** What in it should have moved and has not; null when all is well. */
  stuck?(): string | null;
}

export class Watchdog {
  private timer: NodeJS.Timeout | undefined;
  private problem = '';

  constructor(
    private readonly manager: ServiceManager,
    private readonly parts: readonly Watched[],
    private readonly log: Logger,
  ) {}

  start(): void {
    const { watchdogMs } = this.manager;
    if (watchdogMs !== null) this.timer = setInterval(() => void this.beat(), watchdogMs / BEATS_IN_TIME);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async beat(): Promise<void> {
    try {
      const stuck = this.parts.map((part) => part.stuck?.()).filter((what) => typeof what === 'string');
      if (stuck.length > 0) this.say(`stuck: ${stuck.join(', ')}; the service manager will start this anew`);
      else {
        await this.manager.tell('WATCHDOG=1');
        this.problem = '';
      }
    } catch (thrown: unknown) {
      this.say(`the watchdog could not be fed: ${toError(thrown).message}`);
    }
  }

  private say(problem: string): void {
    if (problem !== this.problem) this.log.error(problem);
    this.problem = problem;
  }
}
