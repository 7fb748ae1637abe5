// Sends the spool, connection after connection: listens to the servers, keeps what outlives a connection, and finds the
// message that breaks each of them.
import { beforeAbort } from '../base/abort.js';
import { sleep } from '../base/backoff.js';
import { type AppError, errorCode, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { IncomingMessage, MqttLink } from '../base/mqtt-link.js';
import { Pulse } from '../base/pulse.js';
import type { Ack } from '../schema/ack.js';
import type { Hello } from '../schema/hello.js';
import { type Kind, perKind } from '../schema/kinds.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import { Acknowledgements, takeByHand } from './acknowledgements.js';
import { type Delivery, onConfirmed } from './delivery.js';
import type { Outgoing } from './packets.js';
import { PublishSession, type SendCounts } from './publish-session.js';
import { SentLog } from './sent-log.js';
import { ServerDialogue } from './server-dialogue.js';
import { readServerMessage, serverFilters } from './server-messages.js';
import { Servers } from './servers.js';
import { Throttle } from './throttle.js';
import type { Wire, WireOptions } from './wires.js';

/**
 * QoS 1 gains nothing above 100; of QoS 2, mosquitto loses what is beyond 20 without a word (on 3.1.1) or as an error.
 */
const WINDOW = { 0: 100, 1: 100, 2: 10 } as const;
/** Places of the broker's receive maximum that are left to the state topics, to Home Assistant's and to the status. */
const STATE_PLACES = 3;
/** How long the servers' retained hellos may take to come before anything is sent. */
const HELLO_MS = 2_000;
const TICK_MS = 1_000;
/** A broker that answers pings and confirms nothing for so long, or a client that has lost count: either way nothing moves. */
const CONFIRMED_WITHIN_MS = 300_000;

/** After so many connections that broke without confirming anything, messages go out one at a time. */
const FRUITLESS_BEFORE_SINGLE = 2;
/** A connection that breaks so soon after a message was broken by it, not by the network. */
const BROKEN_BY_MESSAGE_MS = 5_000;
const STRIKES_BEFORE_QUARANTINE = 2;

export interface PublisherOptions {
  readonly spool: Spool;
  readonly outgoing: Omit<Outgoing, 'kitId'>;
  readonly delivery: Delivery;
  readonly wires: WireOptions;
  /** Rows above it wait; all may be sent unless given. */
  readonly sendUptoId?: () => number;
  /** The most kilobits a second for the backlog; 0 for no limit. */
  readonly drainRateKbps: number;
  /** A server has said hello. */
  readonly onHello: (hello: Hello) => void;
  /** An acknowledgement has come. */
  readonly onAck?: (ack: Ack) => void;
  /** A message that is no server's. */
  readonly onOther?: (message: IncomingMessage) => void;
  /** The spool could not be read or written. */
  readonly onSpoolError: (error: Error) => void;
  readonly log: Logger;
}

export class Publisher {
  readonly counts: SendCounts = { published: perKind(() => 0), resent: 0 };
  readonly servers: Servers;
  /** The broker does not let us hear what servers say. */
  isDeaf = false;
  /** Late when what was sent is neither confirmed nor given up. */
  readonly pulse = new Pulse();
  private readonly sent = new SentLog();
  private readonly acknowledgements: Acknowledgements;
  private readonly dialogue: ServerDialogue;
  private readonly throttle: Throttle;
  private session: PublishSession | null = null;
  private fruitless = 0;
  private suspect: { id: number; strikes: number } | null = null;

  constructor(private readonly options: PublisherOptions) {
    const { spool, drainRateKbps, log } = options;
    this.servers = new Servers(() => spool.storeId(), log);
    this.throttle = new Throttle(drainRateKbps);
    this.acknowledgements = new Acknowledgements({
      spool,
      credible: (covered) => this.sent.credible(covered),
      onReleased: (ids) => this.session?.released(ids),
      log,
    });
    const { servers, acknowledgements } = this;
    this.dialogue = new ServerDialogue({ spool, servers, acknowledgements, session: () => this.session });
  }

  /** Rows were accepted. */
  wake(): void {
    this.session?.pump();
  }

  /** Rows of any age wait again: the whole spool is looked at. */
  restart(): void {
    this.session?.restart();
  }

  /**
   * An acknowledgement that a person brought; resolves when all it covers is deleted.
   *
   * @throws SpoolError when it can't be.
   */
  async takeAck(ack: Ack): Promise<void> {
    const wasBound = this.options.spool.storeId() !== null;
    await takeByHand(this.options.spool, ack, (ids) => this.session?.released(ids));
    if (!wasBound) this.session?.restart();
  }

  /** The kit is bound to no database any more. */
  rebound(): void {
    this.servers.forgetConflict();
    this.restart();
  }

  get denied(): Kind[] {
    return [...(this.session?.denied ?? [])];
  }

  /** What new messages go out as now; null when they wait. */
  get wire(): Wire | null {
    const carrier = this.session?.carrier ?? null;
    return carrier && (carrier === 'frame' ? 'stream' : 'topics');
  }

  /** Before anything is said on a connection: an answer to the first status must find us listening. */
  async listen(link: MqttLink, kitId: string): Promise<void> {
    const { delivery, log } = this.options;
    this.servers.begin();
    link.onMessage((message) => {
      this.onMessage(message, kitId);
    });
    if (delivery === 'broker') return;
    try {
      await link.subscribe(serverFilters(kitId), 1);
      this.isDeaf = false;
    } catch (thrown: unknown) {
      const { code, message, hint } = thrown as AppError;
      if (code === 'closed') return; // whoever waits for the link will see
      if (!this.isDeaf) log.error({ code, hint }, `${message}: no server can acknowledge anything`);
      this.isDeaf = true;
    }
  }

  /** Sends until the link closes, or until `stop` aborts and what can be sent within `flushMs` is. */
  async run(link: MqttLink, kitId: string, stop: AbortSignal, flushMs: number): Promise<void> {
    const { spool, delivery } = this.options;
    const backlogUptoId = spool.lastId(); // what is heard while we wait is new
    if (delivery !== 'broker') {
      const closed = link.closed.then(() => 'closed');
      if ((await Promise.race([sleep(HELLO_MS, stop), closed])) === 'closed') return;
    }
    const window = this.windowFor(link);
    const session = this.openSession(link, kitId, window, backlogUptoId);
    this.session = session;
    session.pump();
    const ticking = setInterval(() => this.tick(session), TICK_MS);
    await beforeAbort(link.closed, stop);
    clearInterval(ticking);
    this.pulse.rest();
    if (stop.aborted) {
      session.hurry();
      await untilIdle(session, link, flushMs);
    }
    this.session = null;
    session.end();
    if (stop.aborted) await this.acknowledgements.idle();
    else this.judge(session, window);
  }

  private tick(session: PublishSession): void {
    session.tick();
    if (session.takeProgress()) this.pulse.expect(CONFIRMED_WITHIN_MS);
  }

  private openSession(link: MqttLink, kitId: string, window: number, backlogUptoId: number): PublishSession {
    const { spool, outgoing, delivery, wires, sendUptoId, onSpoolError, log } = this.options;
    const { counts, sent, servers, throttle } = this;
    return new PublishSession({
      link,
      spool,
      backlogUptoId,
      outgoing: { ...outgoing, kitId },
      window,
      counts,
      sent,
      servers,
      onConfirmed: () => onConfirmed(delivery, spool.storeId() !== null, servers.isServed),
      ...(sendUptoId === undefined ? {} : { sendUptoId }),
      wires,
      throttle,
      onUnreadable: onSpoolError,
      log,
      now: () => performance.now(),
    });
  }

  private onMessage(incoming: IncomingMessage, kitId: string): void {
    incoming.ack();
    const message = readServerMessage(incoming, kitId);
    if (message === null) {
      this.options.onOther?.(incoming);
      return;
    }
    try {
      if ('ack' in message) {
        this.options.onAck?.(message.ack);
        this.dialogue.acknowledgement(message.ack);
      } else {
        this.options.onHello(message.hello);
        this.dialogue.hello(message.hello, incoming.retain);
      }
    } catch (thrown: unknown) {
      // Of a disk that is full or fails. What was not acknowledged is acknowledged again when it is sent again.
      const error = toError(thrown);
      this.options.log.error({ code: errorCode(error) }, `a server's word could not be taken: ${error.message}`);
      this.options.onSpoolError(error);
    }
  }

  private windowFor(link: MqttLink): number {
    if (this.fruitless >= FRUITLESS_BEFORE_SINGLE) return 1;
    const highestQos = Object.values(this.options.outgoing.qos).reduce((a, b) => (a > b ? a : b));
    return Math.max(1, Math.min(WINDOW[highestQos], link.receiveMaximum - STATE_PLACES));
  }

  /**
   * A message that the broker answers by closing (too large for a 3.1.1 broker, or refused with a code the library
   * can't read) would come first on every new connection, for ever.
   */
  private judge(session: PublishSession, window: number): void {
    const sent = session.inFlight;
    if (session.confirmedRows > 0 || sent.length === 0) {
      this.fruitless = 0;
      return;
    }
    this.fruitless += 1;
    const [only] = sent;
    const broken = performance.now() - session.lastSentAt < BROKEN_BY_MESSAGE_MS;
    if (window === 1 && only !== undefined && broken) this.strike(session, only);
  }

  private strike(session: PublishSession, row: SpoolRow): void {
    const strikes = this.suspect?.id === row.id ? this.suspect.strikes + 1 : 1;
    this.suspect = { id: row.id, strikes };
    if (strikes < STRIKES_BEFORE_QUARANTINE) return;
    session.setAside(row, 'the broker closes the connection at this message');
    this.suspect = null;
    this.fruitless = 0;
  }
}

async function untilIdle(session: PublishSession, link: MqttLink, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  let isOpen = true;
  link.closed.then(() => {
    isOpen = false;
  });
  while (isOpen && !session.idle && performance.now() < deadline) await sleep(20);
}
