// The kit role: DragonSync's API in, the spool in the middle, MQTT out.
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { Qos } from '../base/mqtt-link.js';
import type { Kind } from '../schema/kinds.js';
import type { KitStatus } from '../schema/status.js';
import type { TopicNames } from '../schema/topics.js';
import type { Spool } from '../spool/spool.js';
import { Identity } from './identity.js';
import { type Heard, Intake } from './intake.js';
import { LastValues } from './last-values.js';
import { type DragonSyncSource, Poller } from './poller.js';
import { Publisher } from './publisher.js';
import { type PerDrone, States } from './states.js';
import { buildStatus } from './status.js';
import { StatusServer } from './status-server.js';
import { Uplink, type UplinkOptions } from './uplink.js';

export interface KitOptions {
  readonly spool: Spool;
  readonly source: DragonSyncSource;
  readonly pollMs: number;
  readonly aircraftIntervalMs: number;
  /** Kinds that are not wanted are not accepted. */
  readonly kinds: ReadonlySet<Kind>;
  /** Null spools only. */
  readonly broker: UplinkOptions['broker'] | null;
  readonly topics: TopicNames;
  readonly qos: Readonly<Record<Kind, Qos>>;
  readonly perDrone: PerDrone | null;
  readonly kitId: string | null;
  readonly kitIdFile: string;
  /** Null serves none. */
  readonly statusPort: number | null;
  readonly log: Logger;
}

const STATUS_EVERY_MS = 30_000;

export class Kit implements Part {
  readonly name = 'kit';
  private readonly values = new LastValues();
  private readonly identity: Identity;
  private readonly intake: Intake;
  private readonly publisher: Publisher;
  private readonly poller: Poller;
  private readonly uplink: Uplink | null;
  private readonly statusServer: StatusServer | null;
  private states: States | null = null;
  private statusTimer: NodeJS.Timeout | undefined;
  private statusN = 0;

  constructor(private readonly options: KitOptions) {
    const { spool, log, source, pollMs, topics, qos } = options;
    this.identity = new Identity({ spool, configured: options.kitId, kitIdFile: options.kitIdFile, log });
    this.intake = new Intake({ spool, aircraftIntervalMs: options.aircraftIntervalMs, log });
    this.publisher = new Publisher({ spool, outgoing: { topics, qos }, log });
    this.poller = new Poller({
      source,
      pollMs,
      take: (heard) => this.take(heard),
      onStatus: (status) => this.identity.offerStatus(status['uid']),
      log,
    });
    this.uplink = options.broker && this.makeUplink(options.broker);
    this.statusServer =
      options.statusPort === null
        ? null
        : new StatusServer({ port: options.statusPort, status: () => this.status(), log });
  }

  private makeUplink(broker: UplinkOptions['broker']): Uplink {
    const { identity, publisher, values } = this;
    return new Uplink({
      broker,
      identity,
      publisher,
      values,
      onConnected: (kitId) => this.onConnected(kitId),
      onLeaving: () => this.states?.offline(),
      log: this.options.log,
    });
  }

  async start(): Promise<void> {
    this.identity.lookAround();
    await this.statusServer?.start();
    this.uplink?.start();
    this.poller.start();
    this.statusTimer = setInterval(() => this.sayStatus(), STATUS_EVERY_MS);
  }

  /** Intake first, then what is under way, then the spool: the rest is there at the next start. */
  async stop(): Promise<void> {
    clearInterval(this.statusTimer);
    await this.poller.stop();
    await this.uplink?.stop();
    await this.statusServer?.stop();
    this.options.spool.close();
  }

  /** What the kit knows of itself now. */
  status(): KitStatus {
    const { spool } = this.options;
    return buildStatus(spool, {
      opening: spool.opening,
      n: this.statusN,
      kitId: this.identity.current() ?? '',
      nowMs: Date.now(),
      resent: this.publisher.counts.resent,
      refused: this.intake.refused,
      link: {
        enabled: this.uplink !== null,
        connected: this.uplink?.connected ?? false,
        reconnects: this.uplink?.reconnects ?? 0,
        published: this.publisher.counts.published,
        denied: this.publisher.denied,
      },
      source: {
        state: this.poller.state,
        last_answer_at: this.poller.lastAnswerAtMs === null ? null : new Date(this.poller.lastAnswerAtMs).toISOString(),
        invalid: this.intake.invalid,
        kit_id_conflict: this.identity.conflict,
      },
    });
  }

  private take(heard: readonly Heard[]): void {
    const accepted = this.intake.take(heard.filter(({ kind }) => this.options.kinds.has(kind)));
    if (accepted.length === 0) return;
    this.publisher.wake();
    const kitId = this.identity.current();
    if (kitId === null) return;
    for (const one of accepted) this.statesOf(kitId).accepted(one);
  }

  private statesOf(kitId: string): States {
    this.states ??= new States(this.values, this.options.topics, kitId, this.options.perDrone);
    return this.states;
  }

  private onConnected(kitId: string): void {
    this.statesOf(kitId).online();
    this.sayStatus();
  }

  private sayStatus(): void {
    this.statusN += 1;
    this.states?.status(this.status());
  }
}
