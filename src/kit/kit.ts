// The kit role: DragonSync's API in, the spool in the middle, MQTT out.
import { errorCode, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Qos } from '../base/mqtt-link.js';
import type { Kind } from '../schema/kinds.js';
import type { KitStatus } from '../schema/status.js';
import type { TopicNames } from '../schema/topics.js';
import type { Spool } from '../spool/spool.js';
import { Control } from './control.js';
import type { Delivery } from './delivery.js';
import { Answers } from './doctor/answers.js';
import type { LinkUse, Server } from './doctor/link-checks.js';
import { RunningKit } from './doctor/running-kit.js';
import { Identity } from './identity.js';
import { type Accepted, type Heard, Intake } from './intake.js';
import { LastValues } from './last-values.js';
import { type DragonSyncSource, Poller } from './poller.js';
import { Publisher } from './publisher.js';
import { ReceiverWatch } from './receivers/receiver-watch.js';
import { type PerDrone, States } from './states.js';
import { buildCondition, type KitCondition, ledgerOf } from './status.js';
import { StatusReporter } from './status-reporter.js';
import { StatusServer } from './status-server.js';
import { Uplink, type UplinkOptions } from './uplink.js';
import type { WireOptions } from './wires.js';

export interface KitOptions {
  readonly spool: Spool;
  readonly spoolPath: string;
  readonly source: DragonSyncSource;
  readonly pollMs: number;
  readonly aircraftIntervalMs: number;
  /** Where programs on this machine may publish the health of the radios, over ZeroMQ. */
  readonly receiverPorts: readonly number[];
  /** Kinds that are not wanted are not accepted. */
  readonly kinds: ReadonlySet<Kind>;
  /** Null spools only. */
  readonly broker: UplinkOptions['broker'] | null;
  readonly topics: TopicNames;
  readonly qos: Readonly<Record<Kind, Qos>>;
  readonly delivery: Delivery;
  readonly wires: WireOptions;
  /** The most kilobits a second for the backlog; 0 for no limit. */
  readonly drainRateKbps: number;
  readonly perDrone: PerDrone | null;
  readonly kitId: string | null;
  readonly kitIdFile: string;
  /** Null serves none. */
  readonly statusPort: number | null;
  /** The spool is damaged: only a new start can mend that. */
  readonly onCorrupt: (error: Error) => void;
  readonly log: Logger;
}

const MAINTAIN_EVERY_MS = 60_000;

export class Kit implements Part {
  readonly name = 'kit';
  private readonly values: LastValues;
  private readonly identity: Identity;
  private readonly intake: Intake;
  private readonly publisher: Publisher;
  private readonly poller: Poller;
  private readonly receivers: ReceiverWatch;
  private readonly uplink: Uplink | null;
  private readonly statusServer: StatusServer | null;
  private readonly reporter: StatusReporter;
  private readonly control: Control;
  private readonly answers = new Answers();
  private states: States | null = null;
  private maintainTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: KitOptions) {
    const { spool, log, source, pollMs, topics, qos, delivery, wires, drainRateKbps } = options;
    this.values = new LastValues(log);
    this.identity = new Identity({ spool, configured: options.kitId, kitIdFile: options.kitIdFile, log });
    this.intake = new Intake({ spool, aircraftIntervalMs: options.aircraftIntervalMs, log });
    this.reporter = new StatusReporter({
      condition: () => this.condition(),
      ledger: () => this.ledger(),
      onSpoolError: (error) => this.checkDamage(error),
      log,
    });
    this.publisher = new Publisher({
      spool,
      outgoing: { topics, qos },
      delivery,
      wires,
      drainRateKbps,
      onHello: (hello) => this.reporter.hello(hello),
      onAck: (ack) => this.answers.heard(ack),
      onSpoolError: (error) => this.checkDamage(error),
      log,
    });
    this.control = new Control({
      path: options.spoolPath,
      spool,
      onRequeued: () => this.publisher.restart(),
      onRebound: () => this.publisher.rebound(),
      takeAck: (ack) => this.publisher.takeAck(ack),
      log,
    });
    this.poller = new Poller({
      source,
      pollMs,
      take: (heard) => this.take(heard),
      onStatus: (status) => this.identity.offerStatus(status['uid']),
      log,
    });
    this.receivers = new ReceiverWatch({ ports: options.receiverPorts, log });
    this.uplink = options.broker && this.makeUplink(options.broker);
    this.statusServer = options.statusPort === null ? null : this.makeStatusServer(options.statusPort);
  }

  private makeStatusServer(port: number): StatusServer {
    const running = new RunningKit({
      uplink: this.uplink,
      use: () => this.linkUse(),
      server: () => this.serverSide(),
    });
    return new StatusServer({ port, status: () => this.status(), look: () => running.look(), log: this.options.log });
  }

  private linkUse(): LinkUse | null {
    const { broker, topics, qos, kinds, wires, perDrone, delivery } = this.options;
    const kitId = this.identity.current();
    if (kitId === null || broker === null) return null;
    const { version } = broker;
    return { version, kitId, topics, kinds, qos, wires, perDrone: perDrone !== null, listens: delivery !== 'broker' };
  }

  private serverSide(): Server {
    const { publisher, reporter, answers } = this;
    return {
      ask: () => answers.next(() => reporter.list()),
      boundTo: this.options.spool.storeId(),
      servers: publisher.servers,
    };
  }

  private makeUplink(broker: UplinkOptions['broker']): Uplink {
    const { identity, publisher, values } = this;
    return new Uplink({
      broker,
      identity,
      publisher,
      values,
      onConnected: (link, kitId) => {
        this.statesOf(kitId).online();
        this.reporter.begin(link, kitId);
      },
      onLeaving: () => this.states?.offline(),
      onGone: () => this.reporter.end(),
      log: this.options.log,
    });
  }

  async start(): Promise<void> {
    this.identity.lookAround();
    await this.statusServer?.start();
    await this.control.start();
    this.uplink?.start();
    this.poller.start();
    this.receivers.start();
    this.maintainTimer = setInterval(() => this.maintain(), MAINTAIN_EVERY_MS);
  }

  /** Intake first, then what is under way, then the spool: the rest is there at the next start. */
  async stop(): Promise<void> {
    clearInterval(this.maintainTimer);
    this.receivers.stop();
    await this.poller.stop();
    await this.uplink?.stop();
    await this.control.stop();
    await this.statusServer?.stop();
    this.options.spool.close();
  }

  stuck(): string | null {
    if (this.poller.pulse.isLate) return "DragonSync's API is not asked any more";
    if (this.uplink?.pulse.isLate) return 'the broker is not tried any more';
    if (this.publisher.pulse.isLate) return 'the broker confirms nothing that was sent';
    return null;
  }

  /** What the kit knows of itself now. */
  status(): KitStatus {
    return { ...this.condition(), ledger: this.ledger() };
  }

  private ledger(): KitStatus['ledger'] {
    return ledgerOf(this.options.spool.ledger());
  }

  private condition(): KitCondition {
    const { spool } = this.options;
    return buildCondition(spool, {
      opening: spool.opening,
      n: this.reporter.n,
      kitId: this.identity.current() ?? '',
      nowMs: Date.now(),
      resent: this.publisher.counts.resent,
      refused: this.intake.refused,
      link: {
        enabled: this.uplink !== null,
        connected: this.uplink?.connected ?? false,
        reconnects: this.uplink?.reconnects ?? 0,
        problem: this.uplink?.problem?.message ?? null,
        published: this.publisher.counts.published,
        denied: this.publisher.denied,
        deaf: this.publisher.isDeaf,
        delivery: this.options.delivery,
        store_id: spool.storeId(),
        store_conflict: this.publisher.servers.conflict,
        served: this.publisher.servers.isServed,
        wire: this.publisher.wire,
        ...(this.options.broker?.tls?.insecure === true ? { tls_insecure: true } : {}),
      },
      source: {
        state: this.poller.state,
        last_answer_at: this.poller.lastAnswerAtMs === null ? null : new Date(this.poller.lastAnswerAtMs).toISOString(),
        invalid: this.intake.invalid,
        kit_id_conflict: this.identity.conflict,
      },
      receivers: this.receivers.current(),
    });
  }

  private take(heard: readonly Heard[]): void {
    const accepted = this.accept(heard.filter(({ kind }) => this.options.kinds.has(kind)));
    if (accepted.length === 0) return;
    this.publisher.wake();
    const kitId = this.identity.current();
    if (kitId === null) return;
    for (const one of accepted) this.statesOf(kitId).accepted(one);
  }

  private accept(heard: readonly Heard[]): Accepted[] {
    try {
      return this.intake.take(heard);
    } catch (thrown: unknown) {
      this.checkDamage(thrown);
      throw thrown;
    }
  }

  private checkDamage(thrown: unknown): void {
    if (errorCode(thrown) === 'corrupt') this.options.onCorrupt(toError(thrown));
  }

  private statesOf(kitId: string): States {
    this.states ??= new States(this.values, this.options.topics, kitId, this.options.perDrone);
    return this.states;
  }

  private maintain(): void {
    try {
      const rows = this.options.spool.maintain();
      if (rows > 0) this.options.log.warn({ rows }, 'evicted: older than [SPOOL] max_age_h');
    } catch (thrown: unknown) {
      this.checkDamage(thrown);
      this.options.log.error(`the spool could not be looked after: ${toError(thrown).message}`);
    }
  }
}
