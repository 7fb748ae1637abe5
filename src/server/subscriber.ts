// The server's side of the broker: one session at QoS 1, which the broker keeps with what comes while we are away unless
// we share with others (subscriptions.ts), and a retained hello that tells kits we are here.
import { randomBytes } from 'node:crypto';
import { beforeAbort, within } from '../base/abort.js';
import { Backoff } from '../base/backoff.js';
import { toError } from '../base/errors.js';
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
import { Pulse } from '../base/pulse.js';
import type { Hello } from '../schema/hello.js';
import { STREAM_WIRE } from '../schema/stream-frame.js';
import { helloTopic, type TopicNames } from '../schema/topics.js';
import type { Acknowledger } from './acknowledger.js';
import { type Batcher, MAX_WAITING } from './batcher.js';
import type { Decoder } from './decode.js';
import { type Recorder, SILENT } from './recorder.js';
import { Subscriptions } from './subscriptions.js';
import { Unconfirmed } from './unconfirmed.js';

export interface SubscriberOptions {
  readonly broker: Omit<LinkOptions, 'clientId' | 'will' | 'clean' | 'receiveMaximum'>;
  readonly serverId: string;
  readonly storeId: string;
  readonly topics: TopicNames;
  /** The group whose members share the kits' messages; null when this server takes them all. */
  readonly shareGroup: string | null;
  readonly decoder: Decoder;
  readonly batcher: Batcher;
  readonly acknowledger: Pick<Acknowledger, 'stop'>;
  readonly log: Logger;
  readonly recorder?: Recorder;
}

/** How many unacknowledged messages a kit may have with us. */
export const CREDIT = 1_500;
const BACKOFF = { minMs: 500, maxMs: 30_000 };
/** A link that hangs takes no goodbye; the will says the same. */
const GOODBYE_MS = 2_000;

export class Subscriber implements Part {
  readonly name = 'subscriber';
  private readonly pulse = new Pulse();
  private readonly bootId = randomBytes(8).toString('hex');
  /** Rises when the broker has lost our session: what it had for us is gone, and kits must send it again. */
  private session = 1;
  private connections = 0;
  /** Of the newest message, in microseconds since 1970. */
  private receivedUs = 0;
  private storeState: 'ok' | 'down' = 'ok';
  private link: MqttLink | null = null;
  /** Of this link, once we have said hello on it: before, we would not hear what it brings. */
  private subscriptions: Subscriptions | null = null;
  /** Nothing more is taken. */
  private hasLeft = false;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  private readonly recorder: Recorder;

  constructor(private readonly options: SubscriberOptions) {
    this.recorder = options.recorder ?? SILENT;
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  stuck(): string | null {
    return this.pulse.isLate ? 'the broker is not tried any more' : null;
  }

  /** Tells the kits whether the database takes anything. */
  setStore(state: 'ok' | 'down'): void {
    this.storeState = state;
    const { link, subscriptions } = this;
    if (link === null || subscriptions === null) return; // the hello to come says it
    // Outside the share for good it would only look ready. The next connection begins with it, as it does when this one
    // is closed already.
    this.sayStore(link, subscriptions).catch((thrown: unknown) => this.letGo(link, toError(thrown).message));
  }

  /** Sends on the connection that is there, or drops it. */
  publish(message: OutgoingMessage): void {
    const { link, recorder } = this;
    link?.publish(message).then(
      () => recorder.acknowledged(),
      () => {}, // closed: whoever needs it asks again
    );
  }

  private run(): Promise<void> {
    const { broker, serverId, shareGroup, log } = this.options;
    const clientId = `dragonsink-${serverId}`;
    const clean = shareGroup !== null;
    const settings = { ...broker, clientId, clean, receiveMaximum: MAX_WAITING, will: this.hello(false) };
    return keepLinked({
      open: () => this.open(settings),
      use: (link) => this.use(link),
      backoff: new Backoff(BACKOFF),
      log,
      signal: this.stopping.signal,
      pulse: this.pulse,
    });
  }

  private async open(settings: LinkOptions): Promise<MqttLink> {
    try {
      return await openLink(settings);
    } catch (thrown: unknown) {
      this.recorder.broker(false, toError(thrown).message);
      throw thrown;
    }
  }

  private async use(link: MqttLink): Promise<void> {
    const { batcher, topics, shareGroup, log } = this.options;
    const { signal } = this.stopping;
    const subscriptions = new Subscriptions(link, topics, shareGroup);
    const unconfirmed = new Unconfirmed({ batcher, onStuck: () => this.letGo(link, 'a message was never confirmed') });
    this.link = link;
    // Before the subscription: a persistent session delivers at once.
    link.onMessage((message) => this.take(link, message, unconfirmed));
    this.connections += 1;
    if (this.connections > 1 && !link.sessionPresent) {
      this.session += 1;
      this.recorder.sessionLost();
      if (shareGroup === null) log.warn('the broker had lost our session: what it kept for us is gone');
    }
    try {
      const introduced = this.introduce(link, subscriptions);
      const gone = Promise.race([link.closed, introduced.then(() => link.closed)]);
      gone.catch(() => {}); // when the stop has come before, nobody waits for it
      await beforeAbort(gone, signal);
      if (signal.aborted) await this.leave(link, subscriptions);
    } finally {
      this.link = null;
      this.subscriptions = null;
      this.recorder.broker(false);
      unconfirmed.stop();
      batcher.forget(link);
    }
  }

  private take(
    link: MqttLink,
    { topic, payload, qos, ack }: IncomingMessage,
    unconfirmed: Unconfirmed,
  ): Promise<void> | undefined {
    // What is not taken the broker keeps; without this, leaving would last as long as anything comes.
    if (this.hasLeft || this.link !== link) return undefined;
    const { batcher, decoder } = this.options;
    // No two at the same time: a reject is told from another by its time, topic and bytes (stores/rejects.ts).
    this.receivedUs = Math.max(this.receivedUs + 1, Date.now() * 1_000);
    const batch = decoder.decode({ topic, payload, receivedUs: this.receivedUs });
    const bytes = payload.length;
    if (qos === 0) return batcher.add({ batch, ack, from: null, bytes });
    return batcher.add({ batch, ack: unconfirmed.take(ack), from: link, bytes });
  }

  private async introduce(link: MqttLink, subscriptions: Subscriptions): Promise<void> {
    await subscriptions.begin();
    this.subscriptions = subscriptions;
    await this.sayStore(link, subscriptions);
    if (this.link === link) this.recorder.broker(true);
  }

  /** A kit that hears of it sends again: not to us, when we can't store it, and to us as well, when we can. */
  private async sayStore(link: MqttLink, subscriptions: Subscriptions): Promise<void> {
    await subscriptions.setMember(this.storeState === 'ok');
    await link.publish(this.hello(true));
  }

  /** Ends the connection, so that the broker sends again what it was not told to forget, and takes what it refused. */
  private letGo(link: MqttLink, why: string): void {
    if (this.link !== link || !link.isOpen) return;
    this.link = null;
    this.options.log.warn(`${why}: connecting anew`);
    void link.end();
  }

  /** What was taken is committed and acknowledged over this last connection. */
  private async leave(link: MqttLink, subscriptions: Subscriptions): Promise<void> {
    // What is on its way to a member of a share is taken first: nobody would keep it.
    await within(GOODBYE_MS, Promise.race([subscriptions.setMember(false), link.closed]));
    this.hasLeft = true;
    await this.options.batcher.stop();
    this.options.acknowledger.stop();
    await within(GOODBYE_MS, Promise.race([link.publish(this.hello(false)), link.closed]));
  }

  private hello(online: boolean): OutgoingMessage {
    const { serverId, storeId } = this.options;
    const hello: Hello = {
      v: 1,
      server_id: serverId,
      store_id: storeId,
      boot_id: this.bootId,
      session: this.session,
      wire: ['topics', STREAM_WIRE],
      credit: CREDIT,
      store: this.storeState,
      online,
    };
    return { topic: helloTopic(serverId), payload: JSON.stringify(hello), qos: 1, retain: true };
  }
}
