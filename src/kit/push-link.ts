// The way on which DragonSync's pushes come: its own connection to an endpoint of ours, or a broker on the kit.
import { randomBytes } from 'node:crypto';
import { beforeAbort } from '../base/abort.js';
import { Backoff, sleep } from '../base/backoff.js';
import { errorCode, toError } from '../base/errors.js';
import { keepLinked } from '../base/keep-linked.js';
import type { Logger } from '../base/log.js';
import { type IncomingMessage, type MqttLink, openLink } from '../base/mqtt-link.js';
import { MqttReceiver, type PushedMessage, type PushHandler } from '../base/mqtt-receiver.js';
import { ingestFilters, type TopicNames } from '../schema/topics.js';

export interface PushPlace {
  readonly host: string;
  readonly port: number;
  /** A broker, where others than our DragonSync may publish; else an endpoint of our own. */
  readonly isShared: boolean;
}

export interface PushLinkOptions {
  readonly place: PushPlace;
  /** The names DragonSync may use. */
  readonly topics: readonly TopicNames[];
  /** Null while it is not known. */
  readonly kitId: () => string | null;
  readonly onMessages: PushHandler;
  readonly log: Logger;
}

const LISTEN_AGAIN_MS = 10_000;
const BACKOFF = { minMs: 1_000, maxMs: 30_000 };
/** Messages that wait for one commit, beyond which the broker has to wait. */
const MAX_WAITING = 500;

export class PushLink {
  private readonly stopping = new AbortController();
  private readonly receiver: MqttReceiver | null;
  private running: Promise<void> = Promise.resolve();
  private isLinked = false;
  private problem: string | null = null;
  private waiting = 0;

  constructor(private readonly options: PushLinkOptions) {
    const { place, onMessages, log } = options;
    this.receiver = place.isShared ? null : new MqttReceiver({ host: place.host, port: place.port, onMessages, log });
  }

  start(): void {
    this.running = this.receiver === null ? this.subscribe() : this.listen(this.receiver);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.receiver?.stop();
  }

  get isConnected(): boolean {
    return this.receiver === null ? this.isLinked : this.receiver.connected > 0;
  }

  status(): { connected: boolean; problem: string | null; [fact: string]: unknown } {
    const { host, port } = this.options.place;
    const { receiver, problem } = this;
    const place = {
      [receiver === null ? 'broker' : 'listen']: `${host}:${port}`,
      connected: this.isConnected,
      problem,
    };
    if (receiver === null) return place;
    return {
      ...place,
      clients: receiver.connected,
      closed: { ...receiver.closed },
      subscriptions: receiver.subscriptions,
    };
  }

  /** Another program may have the port, for now: that is no reason to hear nothing at all. */
  private async listen(receiver: MqttReceiver): Promise<void> {
    const { place, log } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await receiver.start();
        this.problem = null;
        log.info(`DragonSync may push to ${place.host}:${place.port}`);
        return;
      } catch (thrown: unknown) {
        this.say(`${place.host}:${place.port} can't be listened on: ${toError(thrown).message}`, hintOf(thrown));
      }
      await sleep(LISTEN_AGAIN_MS, signal);
    }
  }

  private say(problem: string, hint: string): void {
    if (this.problem !== problem) this.options.log.error({ hint }, problem);
    this.problem = problem;
  }

  private subscribe(): Promise<void> {
    const { place, kitId } = this.options;
    const { host, port } = place;
    // Two kits under one id would throw each other out.
    const clientId = (): string => `dragonsink-source-${kitId() ?? randomBytes(6).toString('hex')}`;
    return keepLinked({
      open: () => openLink({ host, port, version: 5, clientId: clientId(), keepaliveS: 30, clean: true }),
      use: (link) => this.use(link),
      backoff: new Backoff(BACKOFF),
      log: this.options.log.child({ link: 'local_mqtt' }),
      signal: this.stopping.signal,
    });
  }

  private async use(link: MqttLink): Promise<void> {
    const { signal } = this.stopping;
    link.onMessage((message) => this.take(message));
    const filters = this.options.topics.flatMap((names) => ingestFilters(names));
    // All that DragonSync publishes is at QoS 0: for that no broker keeps a session, or sends anything again.
    await link.subscribe([...new Set(filters)].filter(isDragonSyncs), 0);
    this.isLinked = true;
    await beforeAbort(link.closed, signal);
    this.isLinked = false;
  }

  private take({ topic, payload, ack }: IncomingMessage): Promise<void> | undefined {
    const message: PushedMessage = { topic, payload, cut: false, ack, refuse: () => {} };
    this.waiting += 1;
    const committed = this.options.onMessages([message]).then(() => {
      this.waiting -= 1;
    });
    return this.waiting >= MAX_WAITING ? committed : undefined;
  }
}

/** What dragonsink's own messages are on, and who is there, is not DragonSync's news. */
function isDragonSyncs(filter: string): boolean {
  return !/^wardragon\/(sink|service)\//.test(filter);
}

function hintOf(thrown: unknown): string {
  if (errorCode(thrown) === 'EADDRINUSE') {
    return 'is there a broker already? then set local_mqtt_host and local_mqtt_port, or another port in listen';
  }
  return 'set listen to an address of this kit and a free port, as 127.0.0.1:1883';
}
