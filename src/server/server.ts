// The server role: MQTT and kits' APIs in, the database behind it.
import { within } from '../base/abort.js';
import { Backoff, sleep } from '../base/backoff.js';
import { AppError, StoreError, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { OutgoingMessage } from '../base/mqtt-link.js';
import type { TopicNames } from '../schema/topics.js';
import { Acknowledger } from './acknowledger.js';
import { Batcher } from './batcher.js';
import { Decoder, type IsEnrolled } from './decode.js';
import { Housekeeping } from './housekeeping.js';
import { InsecureKits } from './insecure-kits.js';
import { KitExpiry } from './kit-expiry.js';
import { Pollers } from './poller/pollers.js';
import { type Recorder, SILENT } from './recorder.js';
import { type NewerCertificate, Renewals } from './renewals.js';
import type { Store } from './store.js';
import { CREDIT, Subscriber, type SubscriberOptions } from './subscriber.js';

export interface ServerOptions {
  /** Opens the database, and makes its tables where they are missing. */
  readonly openStore: () => Promise<Store>;
  /** Null subscribes to none: kits are only polled. */
  readonly broker: SubscriberOptions['broker'] | null;
  readonly serverId: string;
  readonly shareGroup: SubscriberOptions['shareGroup'];
  readonly topics: TopicNames;
  readonly isEnrolled: IsEnrolled;
  readonly newerCertificate?: NewerCertificate;
  readonly log: Logger;
  readonly recorder?: Recorder;
}

const BACKOFF = { minMs: 500, maxMs: 15_000 };
/** The batcher's time and a goodbye to the broker; a statement that hangs longer ends with the process. */
const STOP_WITHIN_MS = 8_000;

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
    const stopped = this.stopParts();
    stopped.catch((thrown: unknown) => this.options.log.error(`stopping: ${toError(thrown).message}`));
    await within(STOP_WITHIN_MS, stopped);
  }

  private async stopParts(): Promise<void> {
    await this.running;
    for (const part of [...this.parts].reverse()) await part.stop();
    await this.store?.close();
  }

  stuck(): string | null {
    return this.parts.map((part) => part.stuck?.()).find((what) => typeof what === 'string') ?? null;
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
    this.options.recorder?.store('down', error.message);
    this.options.log[level]({ code, hint }, `database: ${error.message}; trying again`);
  }

  /** Only with a database behind us is there a reason to take messages from the broker. */
  private async serve(store: Store): Promise<void> {
    const { topics, isEnrolled, broker, serverId, shareGroup, log, recorder = SILENT } = this.options;
    this.store = store;
    const { storeId } = store;
    const toKits = {
      storeId,
      publish: (message: OutgoingMessage) => subscriber?.publish(message),
      nowUs: () => Date.now() * 1_000,
    };
    const acknowledger = new Acknowledger({ ...toKits, credit: CREDIT, shares: shareGroup !== null });
    const renewals = new Renewals({ ...toKits, newer: this.options.newerCertificate ?? (() => null), log });
    const insecureKits = new InsecureKits(log);
    const batcher = new Batcher({
      store,
      onCommitted: (batch, streams) => {
        acknowledger.committed(batch, streams);
        insecureKits.look(batch.reports);
        renewals.look(batch.reports);
      },
      onStore: (state) => subscriber?.setStore(state),
      log,
      recorder,
    });
    const decoder = new Decoder(topics, isEnrolled);
    const subscriber =
      broker &&
      new Subscriber({
        broker,
        serverId,
        shareGroup,
        storeId,
        topics,
        decoder,
        batcher,
        acknowledger,
        log,
        recorder,
      });
    this.parts = [
      new Housekeeping(store, log),
      new KitExpiry(store.kits, log),
      {
        name: 'batcher',
        start: () => {},
        stop: () => batcher.stop(),
        stuck: () => (batcher.isStuck ? 'no commit begins or ends' : null),
      },
      ...(subscriber === null ? [] : [subscriber]),
      new Pollers({ kits: store.kits, serverId, topics, decoder, batcher, log }),
    ];
    for (const part of this.parts) await part.start();
    log.info({ serverId, storeId }, 'the database is open');
    for (const warning of store.warnings) log.warn(`database: ${warning}`);
  }
}
