// The kit role: DragonSync's API and what it pushes in, the spool in the middle, MQTT out.
import { errorCode, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Qos } from '../base/mqtt-link.js';
import type { Kind } from '../schema/kinds.js';
import type { KitStatus } from '../schema/status.js';
import type { TopicNames } from '../schema/topics.js';
import type { Spool } from '../spool/spool.js';
import { KitClock } from './clock.js';
import { ClockProof } from './clock-proof.js';
import { Control } from './control.js';
import type { Delivery } from './delivery.js';
import { Answers } from './doctor/answers.js';
import type { LinkUse, Server } from './doctor/link-checks.js';
import { RunningKit } from './doctor/running-kit.js';
import { Discovery } from './home-assistant/discovery.js';
import type { EntityNames } from './home-assistant/entities.js';
import { Identity } from './identity.js';
import { type Accepted, type Heard, Intake } from './intake.js';
import { LastValues } from './last-values.js';
import { OwnCertificate, renewedFileBeside } from './own-certificate.js';
import { type DragonSyncSource, Poller } from './poller.js';
import { Publisher } from './publisher.js';
import type { PushPlace } from './push-link.js';
import { PushSource } from './push-source.js';
import { PushWatch, sourceState } from './push-watch.js';
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
  /** Where DragonSync pushes besides; null when it is only polled. */
  readonly push: PushPlace | null;
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
  /** Null announces nothing to Home Assistant. */
  readonly homeAssistant: HomeAssistantUse | null;
  readonly kitId: string | null;
  readonly kitIdFile: string;
  /** Null serves none. */
  readonly statusPort: number | null;
  /** The spool is damaged: only a new start can mend that. */
  readonly onCorrupt: (error: Error) => void;
  readonly log: Logger;
}

export interface HomeAssistantUse {
  readonly names: EntityNames;
  /** A drone that has been gone for so long is taken back. */
  readonly expireMs: number;
}

const MAINTAIN_EVERY_MS = 60_000;

export class Kit implements Part {
  readonly name = 'kit';
  private readonly values: LastValues;
  private readonly identity: Identity;
  private readonly intake: Intake;
  private readonly publisher: Publisher;
  private readonly poller: Poller;
  private readonly push: { readonly source: PushSource; readonly watch: PushWatch } | null;
  private readonly certificate: OwnCertificate | null;
  private readonly receivers: ReceiverWatch;
  private readonly uplink: Uplink | null;
  private readonly statusServer: StatusServer | null;
  private readonly reporter: StatusReporter;
  private readonly control: Control;
  private readonly clock: KitClock;
  private readonly answers = new Answers();
  private states: States | null = null;
  private discovery: Discovery | null = null;
  private maintainTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: KitOptions) {
    const { spool, log, source, pollMs, topics, qos, delivery, wires, drainRateKbps } = options;
    this.values = new LastValues(log);
    const proof = new ClockProof();
    this.clock = new KitClock({ spool, witness: () => proof.witness(), onKnown: () => this.publisher.wake(), log });
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
      outgoing: { topics, qos, clockOffsetOf: (row) => this.clock.offsetOf(row) },
      delivery,
      wires,
      sendUptoId: () => this.clock.sendUptoId,
      drainRateKbps,
      onHello: (hello) => this.reporter.hello(hello),
      onAck: (ack) => {
        this.answers.heard(ack);
        if (ack.certificate !== undefined) void this.uplink?.renew(ack.certificate);
      },
      onOther: (message) => this.discovery?.heard(message),
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
      take: (heard) => this.polled(heard),
      onStatus: (status) => {
        this.identity.offerStatus(status['uid']);
        this.clock.heard(status);
      },
      log,
    });
    this.push = options.push && this.makePush(options.push);
    this.certificate = this.ownCertificate();
    this.receivers = new ReceiverWatch({ ports: options.receiverPorts, log });
    this.uplink = options.broker && this.makeUplink(options.broker);
    this.statusServer = options.statusPort === null ? null : this.makeStatusServer(options.statusPort);
  }

  private makePush(place: PushPlace): { source: PushSource; watch: PushWatch } {
    const { topics, log } = this.options;
    const watch = new PushWatch({ isConnected: () => source.isConnected, log });
    const source = new PushSource({
      place,
      topics,
      take: (heard) => this.pushed(heard),
      isOurs: (named) => this.identity.isOurs(named),
      kitId: () => this.identity.current(),
      wantsAircraft: () => !this.poller.hearsTracks,
      onPushed: (kind) => watch.pushed(kind),
      onKitId: (uid) => this.identity.offerStatus(uid),
      onInvalid: (kind, error) => this.intake.complain(kind, error),
      log,
    });
    return { source, watch };
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
    const { broker, topics, qos, kinds, wires, perDrone, homeAssistant, delivery } = this.options;
    const kitId = this.identity.current();
    if (kitId === null || broker === null) return null;
    const { version } = broker;
    return {
      ...{ version, kitId, topics, kinds, qos, wires, perDrone: perDrone !== null, listens: delivery !== 'broker' },
      homeAssistant: homeAssistant?.names ?? null,
    };
  }

  private serverSide(): Server {
    const { publisher, reporter, answers } = this;
    return {
      ask: () => answers.next(() => reporter.list()),
      boundTo: this.options.spool.storeId(),
      servers: publisher.servers,
    };
  }

  private ownCertificate(): OwnCertificate | null {
    const { broker, spoolPath, log } = this.options;
    const { certFile, keyFile, caFile } = broker?.tls ?? {};
    if (certFile === undefined || keyFile === undefined) return null;
    return new OwnCertificate({ certFile, keyFile, caFile, renewedFile: renewedFileBeside(spoolPath) }, log);
  }

  private makeUplink(broker: UplinkOptions['broker']): Uplink {
    const { identity, publisher, values, certificate } = this;
    return new Uplink({
      broker,
      identity,
      publisher,
      values,
      certificate,
      onConnected: (link, kitId) => {
        this.statesOf(kitId).online();
        this.reporter.begin(link, kitId);
        void this.discovery?.begin(link);
      },
      onLeaving: () => this.states?.offline(),
      onGone: async () => {
        await Promise.all([this.reporter.end(), this.discovery?.end()]);
      },
      log: this.options.log,
    });
  }

  async start(): Promise<void> {
    this.identity.lookAround();
    await this.statusServer?.start();
    await this.control.start();
    this.uplink?.start();
    this.push?.source.start();
    this.poller.start();
    this.receivers.start();
    this.maintainTimer = setInterval(() => this.maintain(), MAINTAIN_EVERY_MS);
  }

  /** Intake first, then what is under way, then the spool: the rest is there at the next start. */
  async stop(): Promise<void> {
    clearInterval(this.maintainTimer);
    await this.push?.source.stop();
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
      clock: this.clock,
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
        ...(this.certificate?.endsAt ? { certificate_ends_at: this.certificate.endsAt } : {}),
      },
      source: {
        state: sourceState(this.poller.state, this.push?.watch.state ?? null),
        last_answer_at: this.poller.lastAnswerAtMs === null ? null : new Date(this.poller.lastAnswerAtMs).toISOString(),
        invalid: this.intake.invalid,
        kit_id_conflict: this.identity.conflict,
        ...(this.push === null ? {} : { crowded: this.intake.crowded, push: this.push.source.status() }),
      },
      receivers: this.receivers.current(),
    });
  }

  private polled(heard: readonly Heard[]): void {
    const accepted = this.take(heard);
    this.push?.watch.polled(accepted.map(({ kind }) => kind));
  }

  /** Returns those that are news and were not taken: the spool is full, or more are new than there can be. */
  private pushed(heard: readonly Heard[]): ReadonlySet<Heard> {
    const left = new Set<Heard>();
    this.take(heard, (one) => left.add(one));
    return left;
  }

  private take(heard: readonly Heard[], onLeft?: (one: Heard) => void): Accepted[] {
    this.clock.look();
    const wanted = heard.filter(({ kind }) => this.options.kinds.has(kind));
    const accepted = this.accept(wanted, onLeft);
    if (accepted.length === 0) return accepted;
    this.publisher.wake();
    const kitId = this.identity.current();
    if (kitId === null) return accepted;
    const states = this.statesOf(kitId);
    for (const one of accepted) {
      // It would count as received where its time is refused.
      if (this.clock.isWaiting(one.row.id)) continue;
      this.discovery?.accepted(one);
      states.accepted(one);
    }
    return accepted;
  }

  private accept(heard: readonly Heard[], onLeft?: (one: Heard) => void): Accepted[] {
    try {
      return this.intake.take(heard, onLeft);
    } catch (thrown: unknown) {
      this.checkDamage(thrown);
      throw thrown;
    }
  }

  private checkDamage(thrown: unknown): void {
    if (errorCode(thrown) === 'corrupt') this.options.onCorrupt(toError(thrown));
  }

  private statesOf(kitId: string): States {
    if (this.states !== null) return this.states;
    const { topics, perDrone, homeAssistant } = this.options;
    this.discovery = homeAssistant && this.makeDiscovery(homeAssistant, kitId);
    const { discovery } = this;
    const mayKeep = (droneId: string): boolean => discovery === null || discovery.holds(droneId);
    this.states = new States(this.values, topics, kitId, perDrone, (row) => this.clock.offsetOf(row), mayKeep);
    return this.states;
  }

  private makeDiscovery({ names, expireMs }: HomeAssistantUse, kitId: string): Discovery {
    const { topics, spool, wires, log } = this.options;
    return new Discovery({
      names,
      topics,
      expireMs,
      // In frames nobody but a server reads it.
      announcesKit: wires.wire === 'topics',
      kitId,
      spool,
      onBirth: () => this.values.again(),
      onTakenBack: (droneId) => this.states?.takeBack(droneId),
      log,
    });
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
