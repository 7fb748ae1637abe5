// The server role: MQTT in, the database behind it.
import { Backoff, sleep } from '../base/backoff.js';
import { AppError, StoreError, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { TopicNames } from '../schema/topics.js';
import { Acknowledger } from './acknowledger.js';
import { Batcher } from './batcher.js';
import { Decoder } from './decode.js';
import { Housekeeping } from './housekeeping.js';
import type { Store } from './store.js';
import { CREDIT, Subscriber, type SubscriberOptions } from './subscriber.js';

export interface ServerOptions {
  /** Opens the database, and makes its tables where they are missing. */
  readonly openStore: () => Promise<Store>;
  readonly broker: SubscriberOptions['broker'];
  readonly serverId: string;
  readonly topics: TopicNames;
  readonly log: Logger;
}

const BACKOFF = { minMs: 500, maxMs: 15_000 };

export class Server implements Part {
  readonly name = 'server';
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private parts: Part[] = [];
  private store: Store | null = null;
  /** Why the database could not be opened, as said last. */
  private problem = '';

  constructor(private readonly options: ServerOptions) {}

  /** @throws StoreError when the database can't be used at all, whatever one waits for. */
  async start(): Promise<void> {
    const first = await this.tryOpen();
    if (first !== null) await this.serve(first);
    else this.running = this.openLater();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    for (const part of [...this.parts].reverse()) await part.stop();
    await this.store?.close();
  }

  /** Null when it is away and may come back. */
  private async tryOpen(): Promise<Store | null> {
    try {
      return await this.options.openStore();
    } catch (thrown: unknown) {
      if (!(thrown instanceof StoreError && thrown.retryable)) throw thrown;
      this.say(thrown);
      return null;
    }
  }

  private async openLater(): Promise<void> {
    const { signal } = this.stopping;
    const backoff = new Backoff(BACKOFF);
    while (!signal.aborted) {
      await sleep(backoff.next(), signal);
      if (signal.aborted) return;
      try {
        const store = await this.options.openStore();
        return await this.serve(store);
      } catch (thrown: unknown) {
        this.say(toError(thrown));
      }
    }
  }

  /** The same problem again is no news. */
  private say(error: Error): void {
    const { code, hint } = error instanceof AppError ? error : { code: error.name, hint: undefined };
    const level = code === this.problem ? 'debug' : 'error';
    this.problem = code;
    this.options.log[level]({ code, hint }, `database: ${error.message}; trying again`);
  }

  /** Only with a database behind us is there a reason to take messages from the broker. */
  private async serve(store: Store): Promise<void> {
    const { topics, broker, serverId, log } = this.options;
    this.store = store;
    const { storeId } = store;
    const acknowledger = new Acknowledger({
      storeId,
      credit: CREDIT,
      publish: (message) => subscriber.publish(message),
      nowUs: () => Date.now() * 1_000,
    });
    const batcher = new Batcher({
      store,
      onCommitted: (batch, streams) => acknowledger.committed(batch, streams),
      onStore: (state) => subscriber.setStore(state),
      log,
    });
    const decoder = new Decoder(topics);
    const subscriber = new Subscriber({ broker, serverId, storeId, topics, decoder, batcher, acknowledger, log });
    this.parts = [
      new Housekeeping(store, log),
      { name: 'batcher', start: () => {}, stop: () => batcher.stop() },
      subscriber,
    ];
    for (const part of this.parts) await part.start();
    log.info({ serverId, storeId }, 'the database is open');
  }
}
