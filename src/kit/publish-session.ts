// One connection's worth of sending: rows leave the spool's lanes into a window of our own, and leave the spool when
// they are confirmed. Nothing here outlives the connection; what was not confirmed is simply still in the spool.
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { MqttLink, Qos } from '../base/mqtt-link.js';
import { ENVELOPE_VERSION, seal } from '../schema/envelope.js';
import type { Kind } from '../schema/kinds.js';
import { historyTopic, type TopicNames } from '../schema/topics.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import { kindOf } from './classes.js';
import { Lanes } from './lanes.js';

export interface Outgoing {
  readonly kitId: string;
  readonly topics: TopicNames;
  readonly qos: Readonly<Record<Kind, Qos>>;
}

/** What a whole kit has sent, over all its connections. */
export interface SendCounts {
  readonly published: Record<Kind, number>;
  resent: number;
}

export interface SessionOptions {
  readonly link: MqttLink;
  readonly spool: Spool;
  readonly outgoing: Outgoing;
  /** How many messages may be unconfirmed at once. */
  readonly window: number;
  readonly counts: SendCounts;
  /** Rows that were on their way when an earlier connection broke. */
  readonly unsure: Set<number>;
  readonly log: Logger;
}

/** The largest packet we send: what brokers are set up for, and what the server takes. */
const MAX_PACKET_BYTES = 65_536;
/** Fixed header, topic length, packet id and properties of a PUBLISH [MQTT5-3.3]. */
const PACKET_OVERHEAD_BYTES = 32;
const DELIVER_EVERY_MS = 50;
const DELIVER_EVERY_ROWS = 500;
const AFTER_QUOTA_MS = 5_000;
const AFTER_DENIAL_MS = 60_000;
const AFTER_FULL_DISK_MS = 1_000;

export class PublishSession {
  /** Rows sent and not confirmed yet. */
  readonly inFlight = new Map<number, { row: SpoolRow; replay: boolean }>();
  /** Kinds whose topic the broker denies us. */
  readonly denied = new Set<Kind>();
  confirmedRows = 0;
  lastSentAt = 0;
  private confirmed = new Map<number, SpoolRow>();
  private backlogInFlight = 0;
  private lanes: Lanes;
  private paused = false;
  private ended = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  private deliverTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: SessionOptions) {
    this.lanes = this.freshLanes();
  }

  /** Fills the window. Call it whenever rows were accepted. */
  pump(): void {
    while (!this.ended && !this.paused && this.inFlight.size < this.options.window) {
      const next = this.lanes.next(this.backlogInFlight, this.options.window);
      if (next === null) return;
      this.send(next.row, next.replay);
    }
  }

  get idle(): boolean {
    return this.inFlight.size === 0;
  }

  /** Sends nothing more, and takes what was confirmed out of the spool. */
  end(): void {
    this.ended = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.deliver();
    clearTimeout(this.deliverTimer);
  }

  private send(row: SpoolRow, replay: boolean): void {
    const { link, outgoing, counts, unsure } = this.options;
    const kind = kindOf(row.class);
    const topic = historyTopic(outgoing.topics, kind, outgoing.kitId);
    const sink = { v: ENVELOPE_VERSION, epoch: row.epoch, seq: row.seq, ...(replay ? { replay } : {}) } as const;
    const payload = Buffer.from(seal(row.body, outgoing.kitId, sink));
    const limit = Math.min(link.maximumPacketBytes, MAX_PACKET_BYTES);
    const bytes = payload.length + Buffer.byteLength(topic) + PACKET_OVERHEAD_BYTES;
    if (bytes > limit) {
      this.setAside(row, `too large: ${bytes} bytes, ${limit} are allowed`);
      return;
    }
    if (unsure.delete(row.id)) counts.resent += 1;
    this.inFlight.set(row.id, { row, replay });
    if (replay) this.backlogInFlight += 1;
    this.lastSentAt = performance.now();
    link.publish({ topic, payload, qos: outgoing.qos[kind], retain: false }).then(
      () => this.onConfirmed(row),
      (error: unknown) => this.onRefused(row, error),
    );
  }

  private onConfirmed(row: SpoolRow): void {
    this.options.counts.published[kindOf(row.class)] += 1;
    this.confirmedRows += 1;
    this.confirmed.set(row.id, row);
    this.leaveWindow(row);
    if (this.confirmed.size >= DELIVER_EVERY_ROWS || this.ended) this.deliver();
    else this.deliverTimer ??= setTimeout(() => this.deliver(), DELIVER_EVERY_MS);
    this.pump();
  }

  private onRefused(row: SpoolRow, thrown: unknown): void {
    const error = toError(thrown) as Error & { code?: string };
    // Unknown whether it arrived: it stays in flight for whoever asks why the connection broke, and in the spool.
    if (error.code === 'closed') return;
    this.leaveWindow(row);
    if (error.code === 'not-authorised') this.hold(row, error);
    else if (error.code === 'quota') this.pause(error);
    else this.setAside(row, error.message);
    this.pump();
  }

  /** The topic alone is held: other kinds go on. */
  private hold(row: SpoolRow, error: Error & { hint?: string }): void {
    const kind = kindOf(row.class);
    if (this.denied.has(kind)) return;
    this.denied.add(kind);
    this.options.log.error({ kind, hint: error.hint }, `${error.message}: keeping this kind in the spool`);
    this.later(AFTER_DENIAL_MS, () => this.denied.delete(kind));
  }

  private pause(error: Error): void {
    if (this.paused) return;
    this.paused = true;
    this.options.log.warn(`${error.message}: waiting`);
    this.later(AFTER_QUOTA_MS, () => {
      this.paused = false;
    });
  }

  private setAside(row: SpoolRow, reason: string): void {
    const { spool, log } = this.options;
    const identity = { kind: kindOf(row.class), epoch: row.epoch, seq: row.seq };
    try {
      spool.quarantine(row, reason);
      log.error({ ...identity, reason }, 'message set aside in quarantine');
    } catch (thrown: unknown) {
      log.error({ ...identity, reason }, `message passed over, not set aside: ${toError(thrown).message}`);
    }
  }

  private deliver(): void {
    clearTimeout(this.deliverTimer);
    this.deliverTimer = undefined;
    if (this.confirmed.size === 0) return;
    try {
      this.options.spool.deliver([...this.confirmed.values()]);
      this.confirmed = new Map();
    } catch (thrown: unknown) {
      // They stay in the spool, at worst to be sent again, which the server refuses.
      this.options.log.error(`confirmed messages could not be deleted: ${toError(thrown).message}`);
      if (!this.ended) this.deliverTimer = setTimeout(() => this.deliver(), AFTER_FULL_DISK_MS);
    }
  }

  private leaveWindow(row: SpoolRow): void {
    if (this.inFlight.get(row.id)?.replay) this.backlogInFlight -= 1;
    this.inFlight.delete(row.id);
  }

  /** After `ms`: ends what was waited for, and looks at the whole spool again for what was passed over. */
  private later(ms: number, resume: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      resume();
      this.lanes = this.freshLanes();
      this.pump();
    }, ms);
    this.timers.add(timer);
  }

  private freshLanes(): Lanes {
    const { spool } = this.options;
    return new Lanes({
      read: (afterId, uptoId, limit) => spool.read(afterId, uptoId, limit),
      lastId: () => spool.lastId(),
      skip: (row) => this.inFlight.has(row.id) || this.confirmed.has(row.id) || this.denied.has(kindOf(row.class)),
    });
  }
}
