// The server's side of the broker: one persistent session at QoS 1, so that the broker keeps what comes while we are
// away, and a retained hello that tells kits we are here.
import { randomBytes } from 'node:crypto';
import { beforeAbort } from '../base/abort.js';
import { Backoff, sleep } from '../base/backoff.js';
import { keepLinked } from '../base/keep-linked.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import {
  type IncomingMessage,
  type LinkOptions,
  type MqttLink,
  type OutgoingMessage,
  openLink,
} from '../base/mqtt-link.js';
import type { Hello } from '../schema/hello.js';
import { helloTopic, ingestFilters, type TopicNames } from '../schema/topics.js';
import type { Acknowledger } from './acknowledger.js';
import type { Batcher } from './batcher.js';
import type { Decoder } from './decode.js';
import { Unconfirmed } from './unconfirmed.js';

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
/** A link that hangs takes no goodbye; the will says the same. */
const GOODBYE_MS = 2_000;

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
    const { batcher, log } = this.options;
    const { signal } = this.stopping;
    const unconfirmed = new Unconfirmed({ batcher, onStuck: () => this.letGo(link, 'a message was never confirmed') });
    this.link = link;
    // Before the subscription: a persistent session delivers at once.
    link.onMessage((message) => this.take(link, message, unconfirmed));
    this.connections += 1;
    if (this.connections > 1 && !link.sessionPresent) {
      this.session += 1;
      log.warn('the broker had lost our session: what it kept for us is gone');
    }
    try {
      const gone = Promise.race([link.closed, this.introduce(link).then(() => link.closed)]);
      gone.catch(() => {}); // when the stop has come before, nobody waits for it
      await beforeAbort(gone, signal);
      if (signal.aborted) await this.leave(link);
    } finally {
      this.link = null;
      this.saidHello = false;
      unconfirmed.stop();
      batcher.forget(link);
    }
  }

  private take(link: MqttLink, { topic, payload, qos, ack }: IncomingMessage, unconfirmed: Unconfirmed): void {
    // What is not taken the broker keeps; without this, leaving would last as long as anything comes.
    if (this.stopping.signal.aborted || this.link !== link) return;
    const { batcher, decoder } = this.options;
    const batch = decoder.decode({ topic, payload, receivedUs: Date.now() * 1_000 });
    if (qos === 0) {
      batcher.add({ batch, ack, from: null });
      return;
    }
    // A broker never repeats a message on the connection that had it, and this one would hold its place for ever.
    if (!batcher.add({ batch, ack: unconfirmed.take(ack), from: link })) this.letGo(link, 'no room for a message');
  }

  private async introduce(link: MqttLink): Promise<void> {
    await link.subscribe(ingestFilters(this.options.topics), 1);
    this.saidHello = true;
    await link.publish(this.hello(true));
  }

  /** Ends the connection, so that the broker sends again what it was not told to forget. */
  private letGo(link: MqttLink, why: string): void {
    if (this.link !== link) return;
    this.link = null;
    this.options.log.warn(`${why}: connecting anew, so that the broker sends it again`);
    void link.end();
  }

  /** What was taken is committed and acknowledged over this last connection. */
  private async leave(link: MqttLink): Promise<void> {
    await this.options.batcher.stop();
    this.options.acknowledger.stop();
    const said = new AbortController();
    const goodbye = Promise.race([link.publish(this.hello(false)), link.closed]);
    await Promise.race([goodbye, sleep(GOODBYE_MS, said.signal)]).finally(() => said.abort());
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
