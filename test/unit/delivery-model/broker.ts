// A broker as bad as they come: what it has confirmed it may forget, what it keeps it may repeat and give out in another
// order (but for the order within a topic), and what was written to it may or may not have been read when a link breaks.
import type { IncomingMessage, MqttLink, OutgoingMessage, Qos } from '../../../src/base/mqtt-link.js';

export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

interface Written extends Message {
  settle(refusal?: string): void;
}

type Outbound = { readonly topic: 'PUBACK'; settle(): void } | (Message & { settle?: undefined });

export interface LinkLimits {
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
}

/** What a kit sees of its connection; `onSent` and `onSettled` let the model look on. */
export interface LinkWatch {
  onSent(message: Message): void;
  /** `refusal`: null for a PUBACK that says yes. */
  onSettled(message: Message, refusal: string | null): void;
}

export class KitLink {
  /** Written by the kit, and not read by the broker. */
  readonly written: Written[] = [];
  /** From the broker, and not read by the kit. */
  readonly outbound: Outbound[] = [];
  isOpen = true;
  isListening = false;
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
  readonly closed: Promise<Error>;
  private readonly unsettled = new Set<Written>();
  private resolveClosed: (why: Error) => void = () => {};
  private handle: (message: IncomingMessage) => void = () => {};

  constructor(
    private readonly broker: Broker,
    { receiveMaximum, maximumPacketBytes }: LinkLimits,
    private readonly watch: LinkWatch,
  ) {
    this.receiveMaximum = receiveMaximum;
    this.maximumPacketBytes = maximumPacketBytes;
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  get asMqttLink(): MqttLink {
    return this as unknown as MqttLink;
  }

  publish({ topic, payload, qos, retain }: OutgoingMessage): Promise<void> {
    if (!this.isOpen) return Promise.reject(refusalOf('closed'));
    const message = { topic, payload: Buffer.from(payload), qos, retain };
    this.watch.onSent(message);
    return new Promise((resolve, reject) => {
      const written: Written = {
        ...message,
        settle: (refusal) => {
          if (!this.unsettled.delete(written)) return;
          if (refusal !== 'closed') this.watch.onSettled(message, refusal ?? null);
          if (refusal === undefined) resolve();
          else reject(refusalOf(refusal));
        },
      };
      this.unsettled.add(written);
      this.written.push(written);
      if (qos === 0) written.settle();
    });
  }

  async subscribe(): Promise<void> {
    if (!this.isOpen) throw refusalOf('closed');
    this.isListening = true;
    this.broker.greet(this);
  }

  onMessage(handle: (message: IncomingMessage) => void): void {
    this.handle = handle;
  }

  /** The kit reads the first one of a topic: `which` chooses among the topics. */
  read(which: number): void {
    const next = takeOfTopic(this.outbound, which);
    if (next === undefined || !this.isOpen) return;
    if (next.settle !== undefined) next.settle();
    else this.hear(next);
  }

  hear({ topic, payload, qos, retain }: Message): void {
    if (this.isOpen && this.isListening) this.handle({ topic, payload, qos, retain, ack: () => {} });
  }

  /** The kit's process is gone: nothing is settled any more. */
  abandon(): void {
    this.unsettled.clear();
    this.close();
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.outbound.length = 0;
    for (const written of [...this.unsettled]) written.settle('closed');
    this.resolveClosed(refusalOf('closed'));
  }
}

/** What the broker keeps for a server. */
export class ServerSession {
  readonly queue: Message[] = [];
  /** Given to the server, and not confirmed by it. */
  readonly given: Message[] = [];
  isLinked = false;

  give(which: number): Message | undefined {
    const message = takeOfTopic(this.queue, which);
    if (message !== undefined && message.qos > 0) this.given.push(message);
    return message;
  }

  confirm(message: Message): void {
    const at = this.given.indexOf(message);
    if (at >= 0) this.given.splice(at, 1);
  }

  unlink(): void {
    this.isLinked = false;
    this.queue.unshift(...this.given.splice(0));
    // Without a link QoS 0 is kept for nobody.
    const kept = this.queue.filter(({ qos }) => qos > 0);
    this.queue.splice(0, this.queue.length, ...kept);
  }
}

export class Broker {
  kit: KitLink | null = null;
  readonly sessions = new Map<string, ServerSession>();
  /** Topics that the kit may not publish to. */
  readonly denied = new Set<string>();
  /** What the next message of a kit's history is answered with. */
  refusal: string | null = null;
  /** Everything servers ever said to kits. */
  readonly said: Message[] = [];
  /** Broken ones, of which something may still arrive. */
  readonly oldLinks: KitLink[] = [];
  private readonly retained = new Map<string, Message>();

  /** One client id: a new connection takes the place of the one before. */
  connect(limits: LinkLimits, watch: LinkWatch): KitLink {
    if (this.kit !== null) {
      this.kit.close();
      // The statuses of a kit come in their order: an opening that nobody has heard of is taken for the newest.
      this.kit.written.splice(0, this.kit.written.length, ...this.kit.written.filter(({ retain }) => !retain));
      this.oldLinks.push(this.kit);
    }
    this.kit = new KitLink(this, limits, watch);
    return this.kit;
  }

  greet(link: KitLink): void {
    for (const message of this.retained.values()) {
      if (message.topic.endsWith('/hello')) link.outbound.push({ ...message, retain: true });
    }
  }

  /** Reads so many messages of those that a kit wrote, also after its connection has broken. */
  read(link: KitLink, count: number): void {
    for (const written of link.written.splice(0, count)) {
      const refusal = written.retain ? null : this.refuse(written);
      if (refusal !== null) {
        link.outbound.push({ topic: 'PUBACK', settle: () => written.settle(refusal) });
        continue;
      }
      if (written.retain) this.retained.set(written.topic, written);
      for (const session of this.sessions.values()) {
        if (written.qos > 0 || session.isLinked) session.queue.push({ ...written, retain: false });
      }
      if (link.isOpen && written.qos > 0) link.outbound.push({ topic: 'PUBACK', settle: () => written.settle() });
    }
  }

  private refuse({ topic, qos }: Message): string | null {
    if (qos === 0) return null;
    if (this.denied.has(topic)) return 'not-authorised';
    const { refusal } = this;
    this.refusal = null;
    return refusal;
  }

  /** True when its session was still there. */
  connectServer(clientId: string): boolean {
    const known = this.sessions.get(clientId);
    const session = known ?? new ServerSession();
    session.isLinked = true;
    this.sessions.set(clientId, session);
    for (const message of this.retained.values()) {
      if (message.topic.endsWith('/status')) session.queue.push({ ...message, retain: true });
    }
    return known !== undefined;
  }

  fromServer(message: Message): void {
    this.said.push(message);
    if (message.retain) this.retained.set(message.topic, message);
    if (this.kit?.isListening === true) this.kit.outbound.push({ ...message, retain: false });
  }

  /** Restarted, with or without what it kept. */
  restart(forgets: boolean): void {
    this.kit?.close();
    for (const session of this.sessions.values()) session.unlink();
    if (!forgets) return;
    this.sessions.clear();
    this.retained.clear();
  }
}

function refusalOf(code: string): Error {
  return Object.assign(new Error(`the broker says ${code}`), { code });
}

function takeOfTopic<T extends { readonly topic: string }>(list: T[], which: number): T | undefined {
  const topics = [...new Set(list.map(({ topic }) => topic))];
  const topic = topics[which % Math.max(1, topics.length)];
  const at = list.findIndex((one) => one.topic === topic);
  return at < 0 ? undefined : list.splice(at, 1)[0];
}
