// One connection's worth of sending: rows leave the spool's lanes into a window of our own, and leave the spool when
// they are confirmed (by the broker or by the server: delivery.ts). Nothing here outlives the connection; what was not
// confirmed is simply still in the spool.
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { MqttLink, Qos } from '../base/mqtt-link.js';
import { ENVELOPE_VERSION, seal } from '../schema/envelope.js';
import type { Kind } from '../schema/kinds.js';
import { historyTopic, type TopicNames } from '../schema/topics.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import { AckWindow } from './ack-window.js';
import { classOf, kindOf } from './classes.js';
import type { OnConfirmed } from './delivery.js';
import { Lanes, type NextRow } from './lanes.js';
import type { SentLog } from './sent-log.js';
import type { Servers } from './servers.js';
import { Settling } from './settling.js';
import type { Throttle } from './throttle.js';

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
  readonly link: Pick<MqttLink, 'publish' | 'isOpen' | 'maximumPacketBytes'>;
  readonly spool: Spool;
  /** The rows with an id up to this one are backlog; without it, all that are there. */
  readonly backlogUptoId?: number;
  readonly outgoing: Outgoing;
  /** How many messages may be unconfirmed by the broker at once. */
  readonly window: number;
  readonly counts: SendCounts;
  readonly sent: SentLog;
  readonly servers: Servers;
  /** What a broker's confirmation is worth now. */
  readonly onConfirmed: () => OnConfirmed;
  /** False leaves the backlog in the spool. */
  readonly mayReplay: boolean;
  readonly throttle: Throttle;
  /** The spool could not be read. */
  readonly onUnreadable: (error: Error) => void;
  readonly log: Logger;
  readonly now: () => number;
}

/** The largest packet we send: what brokers are set up for, and what the server takes. */
const MAX_PACKET_BYTES = 65_536;
/** Fixed header, topic length, packet id and properties of a PUBLISH [MQTT5-3.3]. */
const PACKET_OVERHEAD_BYTES = 32;
const AFTER_QUOTA_MS = 5_000;
/** A broker that says no without a reason may be in trouble; at this message again and again, it is the message. */
const REFUSALS_BEFORE_QUARANTINE = 3;
const AFTER_DENIAL_MS = 60_000;
const AFTER_UNREADABLE_MS = 5_000;

interface InFlight {
  readonly row: SpoolRow;
  readonly replay: boolean;
  /** The server has it already. */
  isReleased: boolean;
}

export class PublishSession {
  /** Rows sent and not confirmed by the broker yet. */
  readonly inFlight = new Map<number, InFlight>();
  /** Kinds whose topic the broker denies us. */
  readonly denied = new Set<Kind>();
  confirmedRows = 0;
  lastSentAt = 0;
  private readonly ackWindow: AckWindow;
  private readonly settling: Settling;
  private readonly refusals = new Map<number, number>();
  /** How many messages the broker has confirmed or refused. */
  private answered = 0;
  private answeredSeen = 0;
  private backlogInFlight = 0;
  private backlogUptoId: number;
  private lanes: Lanes;
  private paused = false;
  private ended = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  private throttleTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: SessionOptions) {
    this.ackWindow = new AckWindow(options);
    this.settling = new Settling(options);
    this.backlogUptoId = options.backlogUptoId ?? options.spool.lastId();
    this.lanes = this.freshLanes(this.backlogUptoId);
  }

  /** Fills the window. Call it whenever rows were accepted. */
  pump(): void {
    const { link, window } = this.options;
    while (!this.ended && !this.paused && link.isOpen && this.inFlight.size < window) {
      const next = this.next();
      if (next === null) return;
      this.send(next.row, next.replay);
    }
  }

  get idle(): boolean {
    return this.inFlight.size === 0;
  }

  /** False when something is on its way and the broker has said nothing of anything since the last call. */
  takeProgress(): boolean {
    const moved = this.idle || this.answered > this.answeredSeen;
    this.answeredSeen = this.answered;
    return moved;
  }

  /** Call it once a second: sends again what is due, and notices when no server answers. */
  tick(): void {
    try {
      this.lookAtAcknowledgements();
    } catch (thrown: unknown) {
      this.options.onUnreadable(toError(thrown));
    }
    this.pump();
  }

  private lookAtAcknowledgements(): void {
    const { onConfirmed, servers, mayReplay } = this.options;
    if (onConfirmed() === 'await-ack') {
      const due = this.dueRows();
      if (this.ackWindow.isSilent) {
        servers.fellSilent();
        this.restart();
      } else if (mayReplay) {
        for (const row of due) this.sendAgain(row);
        if (this.ackWindow.takeOverflow()) this.lanes = this.freshLanes();
      }
    }
  }

  /** What is not acknowledged goes again, as backlog: a server is new, or is back, or is gone. */
  restart(): void {
    this.forgetSent();
    this.pump();
  }

  /** The same, without sending anything yet. */
  forgetSent(): void {
    this.settling.settle();
    this.ackWindow.clear();
    this.lanes = this.freshLanes();
    // They are passed over in the lanes while they are on their way, and must not be forgotten.
    for (const { row, replay, isReleased } of this.inFlight.values()) {
      if (!isReleased) this.ackWindow.remember(row, replay);
    }
  }

  /** An acknowledgement came. */
  onAcknowledgement(): void {
    this.ackWindow.onAcknowledgement();
  }

  /** Rows were acknowledged, and are out of the spool. */
  released(ids: readonly number[]): void {
    for (const id of ids) {
      this.ackWindow.release(id);
      const sent = this.inFlight.get(id);
      if (sent !== undefined) sent.isReleased = true;
    }
    this.lanes.drop(new Set(ids));
    this.pump();
  }

  /** Sends nothing more, and settles what was confirmed. */
  end(): void {
    this.ended = true;
    for (const timer of this.timers) clearTimeout(timer);
    clearTimeout(this.throttleTimer);
    this.settling.end();
  }

  private next(): NextRow | null {
    const { window, onUnreadable } = this.options;
    try {
      return this.lanes.next({ window, backlogInFlight: this.backlogInFlight, mayBacklog: this.mayBacklog() });
    } catch (thrown: unknown) {
      onUnreadable(toError(thrown));
      this.pause('the spool could not be read', AFTER_UNREADABLE_MS);
      return null;
    }
  }

  private mayBacklog(): boolean {
    const { mayReplay, throttle, onConfirmed } = this.options;
    if (!mayReplay || (onConfirmed() === 'await-ack' && !this.ackWindow.isOpen)) return false;
    const waitMs = throttle.waitMs();
    if (waitMs === 0) return true;
    this.throttleTimer ??= setTimeout(() => {
      this.throttleTimer = undefined;
      this.pump();
    }, waitMs);
    return false;
  }

  /** Those that are due to be sent again; one that was evicted in the meantime is not waited for. */
  private dueRows(): SpoolRow[] {
    return this.ackWindow
      .due((id) => this.inFlight.has(id))
      .map(({ id, class: c }) => {
        const row = this.options.spool.get(c, id);
        if (row === null) this.ackWindow.release(id);
        return row;
      })
      .filter((row) => row !== null);
  }

  private sendAgain(row: SpoolRow): void {
    this.ackWindow.sendAgain(row.id);
    this.lanes.again(row);
  }

  private send(row: SpoolRow, replay: boolean): void {
    const { link, outgoing, counts, sent, throttle, now } = this.options;
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
    if (!sent.add(row)) counts.resent += 1;
    this.inFlight.set(row.id, { row, replay, isReleased: false });
    if (replay) {
      this.backlogInFlight += 1;
      throttle.spend(bytes);
    }
    this.ackWindow.onSent(row, replay);
    this.lastSentAt = now();
    link.publish({ topic, payload, qos: outgoing.qos[kind], retain: false }).then(
      () => this.onPublished(row),
      (error: unknown) => this.onRefused(row, error),
    );
  }

  private onPublished(row: SpoolRow): void {
    this.options.counts.published[kindOf(row.class)] += 1;
    this.confirmedRows += 1;
    this.leaveFlight(row);
    this.refusals.delete(row.id);
    this.ackWindow.onPublished(row.id);
    if (this.options.onConfirmed() !== 'await-ack') this.settling.add(row);
    if (this.ended) this.settling.end();
    this.pump();
  }

  private onRefused(row: SpoolRow, thrown: unknown): void {
    const error = toError(thrown) as Error & { code?: string };
    // Unknown whether it arrived: it stays in flight for whoever asks why the connection broke, and in the spool.
    if (error.code === 'closed') return;
    this.leaveFlight(row);
    this.ackWindow.release(row.id);
    if (error.code === 'not-authorised') this.hold(row, error);
    else if (error.code === 'quota') this.pause(error.message, AFTER_QUOTA_MS);
    else if (error.code === 'unwilling' && !this.isRefusedOften(row)) this.pause(error.message, AFTER_QUOTA_MS);
    else this.setAside(row, error.message);
    this.pump();
  }

  private isRefusedOften({ id }: SpoolRow): boolean {
    const refusals = (this.refusals.get(id) ?? 0) + 1;
    this.refusals.set(id, refusals);
    return refusals >= REFUSALS_BEFORE_QUARANTINE;
  }

  /** The topic alone is held: other kinds go on. */
  private hold(row: SpoolRow, error: Error & { hint?: string }): void {
    const kind = kindOf(row.class);
    if (this.denied.has(kind)) return;
    this.denied.add(kind);
    this.options.log.error({ kind, hint: error.hint }, `${error.message}: keeping this kind in the spool`);
    this.later(AFTER_DENIAL_MS, () => this.denied.delete(kind));
  }

  private pause(why: string, ms: number): void {
    if (this.paused) return;
    this.paused = true;
    this.options.log.warn(`${why}: waiting`);
    this.later(ms, () => {
      this.paused = false;
    });
  }

  /** On a full disk it can't be set aside, and stays where it is: passed over on this connection, never in the way. */
  setAside(row: SpoolRow, reason: string): void {
    const { spool, log } = this.options;
    const identity = { kind: kindOf(row.class), epoch: row.epoch, seq: row.seq };
    try {
      spool.quarantine(row, reason);
      log.error({ ...identity, reason }, 'message set aside in quarantine');
    } catch (thrown: unknown) {
      log.error({ ...identity, reason }, `message passed over, not set aside: ${toError(thrown).message}`);
    }
  }

  private leaveFlight(row: SpoolRow): void {
    this.answered += 1;
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

  private freshLanes(backlogUptoId?: number): Lanes {
    const { spool, mayReplay, sent } = this.options;
    // Without a replay nothing goes twice, and what is new stays so, however long its topic or the broker was held up.
    if (mayReplay || backlogUptoId !== undefined) this.backlogUptoId = backlogUptoId ?? spool.lastId();
    const isOut = (row: SpoolRow): boolean =>
      this.inFlight.has(row.id) ||
      this.settling.has(row.id) ||
      this.ackWindow.has(row.id) ||
      (!mayReplay && sent.has(row));
    return new Lanes(
      {
        // Of a kind that is denied there may be a million.
        read: (afterId, uptoId, limit) =>
          spool.read(afterId, uptoId, limit, new Set([...this.denied].map((kind) => classOf(kind)))),
        lastId: () => spool.lastId(),
        skip: (row) => isOut(row) || this.denied.has(kindOf(row.class)),
      },
      this.backlogUptoId,
    );
  }
}
