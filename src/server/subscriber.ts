// The server's side of the broker: one persistent session at QoS 1, so that the broker keeps what comes while we are
// away, and a retained hello that tells kits we are here.
import { randomBytes } from 'node:crypto';
import { Backoff } from '../base/backoff.js';
import { keepLinked } from '../base/keep-linked.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import { type LinkOptions, type MqttLink, type OutgoingMessage, openLink } from '../base/mqtt-link.js';
import type { Hello } from '../schema/hello.js';
import { helloTopic, ingestFilters, type TopicNames } from '../schema/topics.js';
import type { Acknowledger } from './acknowledger.js';
import type { Batcher } from './batcher.js';
import type { Decoder } from './decode.js';

export interface SubscriberOptions {
  readonly broker: Omit<LinkOptions, 'clientId' | 'will' | 'clean' | 'receiveMaximum'>;
  readonly serverId: string;
  readonly storeId: string;
  readonly topics: TopicNames;
  readonly decoder: Decoder;
  readonly batcher: Batcher;
  readonly acknowledger: Pick<Acknowledger, 'stop'>;
  readonly log: Logger;
}

/** How many messages the broker may have unacknowledged with us: also the bound of our memory. */
const RECEIVE_MAXIMUM = 1_000;
/** How many unacknowledged messages a kit may have with us. */
export const CREDIT = 1_500;
const BACKOFF = { minMs: 500, maxMs: 30_000 };

export class Subscriber implements Part {
  readonly name = 'subscriber';
  private readonly bootId = randomBytes(8).toString('hex');
  /** Rises when the broker has lost our session: what it had for us is gone, and kits must send it again. */
  private session = 1;
  private connections = 0;
  private storeState: 'ok' | 'down' = 'ok';
  private link: MqttLink | null = null;
  /** We have said hello on this link: before, we would not hear what it brings. */
  private saidHello = false;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: SubscriberOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Tells the kits whether the database takes anything. */
  setStore(state: 'ok' | 'down'): void {
    this.storeState = state;
    if (this.saidHello) this.publish(this.hello(true)); // else the one to come says it
  }

  /** Sends on the connection that is there, or drops it. */
  publish(message: OutgoingMessage): void {
    this.link?.publish(message).catch(() => {}); // closed: whoever needs it asks again
  }

  private run(): Promise<void> {
    const { broker, serverId, log } = this.options;
    const clientId = `dragonsink-${serverId}`;
    const settings = { ...broker, clientId, clean: false, receiveMaximum: RECEIVE_MAXIMUM, will: this.hello(false) };
    return keepLinked({
      open: () => openLink(settings),
      use: (link) => this.use(link),
      backoff: new Backoff(BACKOFF),
      log,
      signal: this.stopping.signal,
    });
  }

  private async use(link: MqttLink): Promise<void> {
    const { batcher, decoder, topics, log } = this.options;
    // Before the subscription: a persistent session delivers at once.
    link.onMessage(({ topic, payload, ack }) => {
      batcher.add({ batch: decoder.decode({ topic, payload, receivedUs: Date.now() * 1_000 }), ack });
    });
    this.link = link;
    this.connections += 1;
    if (this.connections > 1 && !link.sessionPresent) {
      this.session += 1;
      log.warn('the broker had lost our session: what it kept for us is gone');
    }
    try {
      await link.subscribe(ingestFilters(topics), 1);
      this.saidHello = true;
      await link.publish(this.hello(true));
      const { signal } = this.stopping;
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.race([link.closed, signal.aborted ? undefined : stopped]);
      if (signal.aborted) await this.leave(link);
    } finally {
      this.link = null;
      this.saidHello = false;
    }
  }

  /** What was taken is committed and acknowledged over this last connection. */
  private async leave(link: MqttLink): Promise<void> {
    await this.options.batcher.stop();
    this.options.acknowledger.stop();
    await Promise.race([link.publish(this.hello(false)), link.closed]);
  }

  private hello(online: boolean): OutgoingMessage {
    const { serverId, storeId } = this.options;
    const hello: Hello = {
      v: 1,
      server_id: serverId,
      store_id: storeId,
      boot_id: this.bootId,
      session: this.session,
      wire: ['topics'],
      credit: CREDIT,
      store: this.storeState,
      online,
    };
    return { topic: helloTopic(serverId), payload: JSON.stringify(hello), qos: 1, retain: true };
  }
}
