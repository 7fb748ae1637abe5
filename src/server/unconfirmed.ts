// Watches what the broker waits for on one connection. A message that is never confirmed, by whatever fault, holds one
// of the places there are for ever, and the broker does not send it again on the connection that had it.
import type { Batcher } from './batcher.js';

export interface UnconfirmedOptions {
  readonly batcher: Pick<Batcher, 'workedMsSince'>;
  /** Called at most once. */
  readonly onStuck: () => void;
  readonly everyMs?: number;
  readonly stuckMs?: number;
}

const EVERY_MS = 30_000;
/** While the database takes everything: then a message is confirmed within seconds. */
const STUCK_MS = 300_000;

export class Unconfirmed {
  /** Since when, oldest first. */
  private readonly since = new Map<object, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly options: UnconfirmedOptions) {
    this.timer = setInterval(() => this.look(), options.everyMs ?? EVERY_MS).unref();
  }

  /** The same `ack`, known of here until it is called. */
  take(ack: () => void): () => void {
    const key = {};
    this.since.set(key, performance.now());
    return () => {
      ack();
      this.since.delete(key);
    };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const [oldest] = this.since.values();
    if (oldest === undefined || this.options.batcher.workedMsSince(oldest) < (this.options.stuckMs ?? STUCK_MS)) return;
    this.stop();
    this.options.onStuck();
  }
}
