// One connection's worth of sending: rows leave the spool's lanes into a window of our own, and leave the spool when
// they are confirmed (by the broker or by the server: delivery.ts). Nothing here outlives the connection; what was not
// confirmed is simply still in the spool.
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { MqttLink } from '../base/mqtt-link.js';
import type { Kind } from '../schema/kinds.js';
import { STREAM_WIRE } from '../schema/stream-frame.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import { AckWindow } from './ack-window.js';
import { classOf, kindOf } from './classes.js';
import type { OnConfirmed } from './delivery.js';
import { FRAME_MESSAGES, FramePace } from './frame-pace.js';
import { Lanes, type NextRow, type Place } from './lanes.js';
import { Outbox } from './outbox.js';
import type { Outgoing, Packet } from './packets.js';
import type { SentLog } from './sent-log.js';
import type { Servers } from './servers.js';
import { Settling } from './settling.js';
import type { Throttle } from './throttle.js';
import { type Carrier, liveCarrier, replayCarrier, type WireOptions } from './wires.js';

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
  /** Rows above it wait, whatever else may be sent. */
  readonly sendUptoId?: () => number;
  readonly wires: WireOptions;
  readonly throttle: Throttle;
  /** The spool could not be read. */
  readonly onUnreadable: (error: Error) => void;
  readonly log: Logger;
  readonly now: () => number;
}

const AFTER_QUOTA_MS = 5_000;
/** A broker that says no without a reason may be in trouble; at this message again and again, it is the message. */
const REFUSALS_BEFORE_QUARANTINE = 3;
const AFTER_DENIAL_MS = 60_000;
const AFTER_UNREADABLE_MS = 5_000;

interface Carriers {
  readonly live: Carrier;
  readonly replay: Carrier;
}

type Refusal = Error & { code?: string; hint?: string };

export class PublishSession {
  /** Kinds whose topic the broker denies us. */
  readonly denied = new Set<Kind>();
  confirmedRows = 0;
  lastSentAt = 0;
  private readonly ackWindow: AckWindow;
  private readonly settling: Settling;
  private readonly refusals = new Map<number, number>();
  private readonly outbox: Outbox;
  private readonly pace: FramePace;
  private isStreamDenied = false;
  private backlogUptoId: number;
  private lanes: Lanes;
  private paused = false;
  private ended = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  private throttleTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: SessionOptions) {
    this.ackWindow = new AckWindow(options);
    this.settling = new Settling(options);
    this.pace = new FramePace(options.now);
    this.outbox = new Outbox({
      link: options.link,
      outgoing: options.outgoing,
      frameMs: options.wires.frameMs,
      // Whoever sends one at a time looks for the one that breaks the connection.
      maxFrameMessages: options.window === 1 ? 1 : FRAME_MESSAGES,
      onDue: () => this.pump(),
      onRoom: () => this.pump(),
      onSending: (packet) => this.onSending(packet),
      onPublished: (packet) => this.onPublished(packet),
      onRefused: (packet, error) => this.onRefused(packet, error),
      onUnsendable: (row, reason) => this.setAside(row, reason),
    });
    this.backlogUptoId = options.backlogUptoId ?? options.spool.lastId();
    this.lanes = this.freshLanes(this.backlogUptoId);
  }

  /** Fills the window. Call it whenever rows were accepted. */
  pump(): void {
    const { outbox, pace } = this;
    const carriers = { live: this.carrier, replay: this.replayCarrier };
    while (this.maySend) {
      const next = outbox.isFrameNext ? null : this.next(carriers);
      if (next !== null) {
        const carrier = next.replay ? carriers.replay : carriers.live;
        if (!next.replay && carrier === 'topic') pace.liveSent();
        outbox.take(next, carrier, Math.min(outbox.maxFrameMessages, pace.messages));
      } else if (outbox.isFrameDue) outbox.closeFrame();
      else break;
    }
  }

  /** Nothing waits for others to share its frame any more. */
  hurry(): void {
    this.outbox.frame.beDue();
  }

  get idle(): boolean {
    return this.outbox.isEmpty;
  }

  /** Rows sent and not confirmed by the broker. */
  get inFlight(): SpoolRow[] {
    return [...this.outbox.inFlight.values()].map(({ row }) => row);
  }

  /** What new messages go out as now. */
  get carrier(): Carrier {
    const { wires, servers } = this.options;
    return liveCarrier(wires.wire, servers.isServed, this.takesFrames);
  }

  private get replayCarrier(): Carrier {
    return replayCarrier(this.options.wires.replay, this.takesFrames);
  }

  private get takesFrames(): boolean {
    return !this.isStreamDenied && this.options.servers.offers(STREAM_WIRE);
  }

  private get maySend(): boolean {
    const { link, window } = this.options;
    return !this.ended && !this.paused && link.isOpen && this.outbox.packets < window;
  }

  takeProgress(): boolean {
    return this.outbox.takeProgress();
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
    const { onConfirmed, servers } = this.options;
    if (onConfirmed() === 'await-ack') {
      const due = this.dueRows();
      if (this.ackWindow.isSilent) {
        servers.fellSilent();
        this.restart();
      } else if (this.mayReplay) {
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
    this.outbox.frame.take(); // none of it is sent
    this.lanes = this.freshLanes();
    // They are passed over in the lanes while they are on their way, and must not be forgotten.
    for (const { row, replay, isReleased } of this.outbox.inFlight.values()) {
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
      this.outbox.released(id);
    }
    this.lanes.drop(new Set(ids));
    this.pump();
  }

  /** Sends nothing more, and settles what was confirmed. */
  end(): void {
    this.ended = true;
    this.outbox.frame.take();
    for (const timer of this.timers) clearTimeout(timer);
    clearTimeout(this.throttleTimer);
    this.settling.end();
  }

  private get mayReplay(): boolean {
    return this.options.wires.replay !== 'off';
  }

  private next(carriers: Carriers): NextRow | null {
    const { onUnreadable } = this.options;
    try {
      const mayBacklog = this.mayBacklog(carriers.replay);
      return this.lanes.next({ ...this.share(carriers), mayBacklog, mayLive: carriers.live !== null });
    } catch (thrown: unknown) {
      onUnreadable(toError(thrown));
      this.pause('the spool could not be read', AFTER_UNREADABLE_MS);
      return null;
    }
  }

  /** Of what the backlog has its part: of each frame when both go in frames, else of the window. */
  private share({ live, replay }: Carriers): Pick<Place, 'window' | 'backlogInFlight'> {
    const { outbox } = this;
    if (live === 'frame' && replay === 'frame') {
      return { window: outbox.maxFrameMessages, backlogInFlight: outbox.frame.replays };
    }
    return { window: this.options.window, backlogInFlight: outbox.backlog + outbox.frame.replays };
  }

  private mayBacklog(carrier: Carrier): boolean {
    const { throttle, onConfirmed } = this.options;
    if (carrier === null || (carrier === 'frame' && this.outbox.backlogFrames >= this.pace.frames)) return false;
    if (onConfirmed() === 'await-ack' && !this.ackWindow.isOpen(this.outbox.frame.replays)) return false;
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
      .due((id) => this.outbox.has(id))
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

  private onSending({ sendings, bytes }: Packet): void {
    const { counts, sent, throttle, now } = this.options;
    for (const { row, replay } of sendings) {
      if (!sent.add(row)) counts.resent += 1;
      if (replay) throttle.spend(bytes / sendings.length);
      this.ackWindow.onSent(row, replay);
    }
    this.lastSentAt = now();
  }

  private onPublished(packet: Packet): void {
    const isEnough = this.options.onConfirmed() !== 'await-ack';
    for (const { row } of packet.sendings) {
      this.options.counts.published[kindOf(row.class)] += 1;
      this.confirmedRows += 1;
      this.refusals.delete(row.id);
      this.ackWindow.onPublished(row.id);
      if (isEnough) this.settling.add(row);
    }
    if (this.ended) this.settling.end();
  }

  private onRefused(packet: Packet, error: Refusal): void {
    for (const { row } of packet.sendings) this.ackWindow.release(row.id);
    const [{ row: first } = { row: null }] = packet.sendings;
    if (first === null) return;
    if (error.code === 'not-authorised') this.hold(packet, first, error);
    else if (error.code === 'quota') this.pause(error.message, AFTER_QUOTA_MS);
    else if (error.code === 'unwilling' && !this.isRefusedOften(first)) this.pause(error.message, AFTER_QUOTA_MS);
    else if (packet.sendings.length > 1) this.sendSmaller(packet, error);
    else this.setAside(first, error.message);
    this.pump();
  }

  /** One of them may be what the broker does not want: smaller frames find it. */
  private sendSmaller({ sendings }: Packet, error: Error): void {
    this.outbox.maxFrameMessages = Math.ceil(sendings.length / 2);
    this.options.log.warn({ messages: sendings.length }, `${error.message}: sending smaller frames`);
    this.lanes = this.freshLanes();
  }

  private isRefusedOften({ id }: SpoolRow): boolean {
    const refusals = (this.refusals.get(id) ?? 0) + 1;
    this.refusals.set(id, refusals);
    return refusals >= REFUSALS_BEFORE_QUARANTINE;
  }

  /** The topic alone is held: other kinds go on. Without frames all go on their topics. */
  private hold({ isFrame }: Packet, row: SpoolRow, error: Refusal): void {
    if (isFrame) {
      this.denyStream(error);
      return;
    }
    const kind = kindOf(row.class);
    if (this.denied.has(kind)) return;
    this.denied.add(kind);
    this.options.log.error({ kind, hint: error.hint }, `${error.message}: keeping this kind in the spool`);
    this.later(AFTER_DENIAL_MS, () => this.denied.delete(kind));
  }

  private denyStream(error: Refusal): void {
    if (this.isStreamDenied) return;
    this.isStreamDenied = true;
    this.options.log.error({ hint: error.hint }, `${error.message}: sending no frames`);
    this.later(AFTER_DENIAL_MS, () => {
      this.isStreamDenied = false;
    });
    this.restart();
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
    const { spool, sent, sendUptoId = () => Number.POSITIVE_INFINITY } = this.options;
    const { mayReplay } = this;
    // Without a replay nothing goes twice, and what is new stays so, however long its topic or the broker was held up.
    if (mayReplay || backlogUptoId !== undefined) this.backlogUptoId = backlogUptoId ?? spool.lastId();
    const isOut = (row: SpoolRow): boolean =>
      this.outbox.has(row.id) ||
      this.settling.has(row.id) ||
      this.ackWindow.has(row.id) ||
      (!mayReplay && sent.has(row));
    return new Lanes(
      {
        // Of a kind that is denied there may be a million.
        read: (afterId, uptoId, limit) =>
          spool.read(afterId, uptoId, limit, new Set([...this.denied].map((kind) => classOf(kind)))),
        lastId: () => Math.min(spool.lastId(), sendUptoId()),
        skip: (row) => isOut(row) || this.denied.has(kindOf(row.class)),
      },
      this.backlogUptoId,
    );
  }
}
