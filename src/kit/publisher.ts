// Sends the spool, connection after connection, and finds the message that breaks each of them.
import type { Logger } from '../base/log.js';
import type { MqttLink } from '../base/mqtt-link.js';
import { type Kind, perKind } from '../schema/kinds.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import { type Outgoing, PublishSession, type SendCounts } from './publish-session.js';

/**
 * QoS 1 gains nothing above 100; of QoS 2, mosquitto loses what is beyond 20 without a word (on 3.1.1) or as an error.
 */
const WINDOW = { 0: 100, 1: 100, 2: 10 } as const;
/** One place of the broker's receive maximum is left to the state topics. */
const STATE_PLACES = 1;

/** After so many connections that broke without confirming anything, messages go out one at a time. */
const FRUITLESS_BEFORE_SINGLE = 2;
/** A connection that breaks so soon after a message was broken by it, not by the network. */
const BROKEN_BY_MESSAGE_MS = 5_000;
const STRIKES_BEFORE_QUARANTINE = 2;

export interface PublisherOptions {
  readonly spool: Spool;
  readonly outgoing: Omit<Outgoing, 'kitId'>;
  readonly log: Logger;
}

export class Publisher {
  readonly counts: SendCounts = { published: perKind(() => 0), resent: 0 };
  private readonly unsure = new Set<number>();
  private session: PublishSession | null = null;
  private fruitless = 0;
  private suspect: { id: number; strikes: number } | null = null;

  constructor(private readonly options: PublisherOptions) {}

  /** Rows were accepted. */
  wake(): void {
    this.session?.pump();
  }

  get denied(): Kind[] {
    return [...(this.session?.denied ?? [])];
  }

  /** Sends until the link closes, or until `stop` aborts and what can be sent within `flushMs` is. */
  async run(link: MqttLink, kitId: string, stop: AbortSignal, flushMs: number): Promise<void> {
    const { spool, outgoing, log } = this.options;
    const window = this.windowFor(link);
    const session = new PublishSession({
      link,
      spool,
      outgoing: { ...outgoing, kitId },
      window,
      counts: this.counts,
      unsure: this.unsure,
      log,
    });
    this.session = session;
    session.pump();
    const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([link.closed, stop.aborted ? undefined : stopped]);
    if (stop.aborted) await untilIdle(session, link, flushMs);
    this.session = null;
    session.end();
    if (!stop.aborted) this.judge(session, window);
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
    const sent = [...session.inFlight.values()].map(({ row }) => row);
    for (const row of sent) this.unsure.add(row.id);
    if (session.confirmedRows > 0 || sent.length === 0) {
      this.fruitless = 0;
      return;
    }
    this.fruitless += 1;
    const [only] = sent;
    const broken = performance.now() - session.lastSentAt < BROKEN_BY_MESSAGE_MS;
    if (window === 1 && only !== undefined && broken) this.strike(only);
  }

  private strike(row: SpoolRow): void {
    const strikes = this.suspect?.id === row.id ? this.suspect.strikes + 1 : 1;
    this.suspect = { id: row.id, strikes };
    if (strikes < STRIKES_BEFORE_QUARANTINE) return;
    this.options.log.error(
      { epoch: row.epoch, seq: row.seq },
      'the broker closes the connection at this message: set aside',
    );
    this.options.spool.quarantine(row, 'the broker closes the connection at this message');
    this.suspect = null;
    this.fruitless = 0;
  }
}

async function untilIdle(session: PublishSession, link: MqttLink, flushMs: number): Promise<void> {
  const idle = new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (session.idle) {
        clearInterval(timer);
        resolve();
      }
    }, 20);
    setTimeout(() => {
      clearInterval(timer);
      resolve();
    }, flushMs);
  });
  await Promise.race([idle, link.closed]);
}
