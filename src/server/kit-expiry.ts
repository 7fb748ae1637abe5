// Makes kits offline that nobody has heard of for a while: a kit that lost its power says nothing, and the last will of one
// that DragonSync alone publishes for never comes. One statement, so that any number of servers may run it.
import { toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Kits } from './kits.js';

const EVERY_MS = 15_000;

export class KitExpiry implements Part {
  readonly name = 'kit-expiry';
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly kits: Pick<Kits, 'expire'>,
    private readonly log: Logger,
    private readonly everyMs = EVERY_MS,
  ) {}

  start(): void {
    this.look();
    this.timer = setInterval(() => this.look(), this.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private look(): void {
    this.looking = this.looking.then(() => this.expire());
  }

  private async expire(): Promise<void> {
    try {
      const gone = await this.kits.expire(Date.now() * 1_000);
      if (gone > 0) this.log.info({ kits: gone }, 'not heard for three minutes: offline');
    } catch (thrown: unknown) {
      // The batcher says what the matter is; the next look makes it good.
      this.log.debug(`kits could not be looked through: ${toError(thrown).message}`);
    }
  }
}
