// What goes out on one connection: the backlog never exceeds the window that servers offer, and never goes without its
// share of the broker's window while new messages go.
import type { Kind } from '../../../src/schema/kinds.js';
import { decodeFrame, STREAM_WIRE } from '../../../src/schema/stream-frame.js';
import { DEFAULT_TOPICS, parseTopic } from '../../../src/schema/topics.js';
import type { LinkWatch, Message } from './broker.js';
import type { KitProcess } from './kit-process.js';
import { identityOf } from './outside-ledger.js';
import type { KitPlace } from './world.js';

const MAX_BACKLOG = 1_500;
const BACKLOG_SHARE = 4;
const STATE_PLACES = 2;

export class SendingWatch implements LinkWatch {
  /** Replays that were sent to servers that are there, and are still in the spool. */
  private readonly outstanding = new Set<string>();
  /** Those and what was evicted since: the kit may take a while to notice. */
  private readonly held = new Set<string>();
  /** Sent, and not confirmed by the broker; true for a replay. */
  private readonly inFlight = new Map<string, boolean>();
  /** What waited when the connection began, and has not been sent on it. */
  private readonly backlog: Set<string>;
  /** Kinds that were refused on this connection: they are held for a while. */
  private readonly refused = new Set<Kind>();

  constructor(
    private readonly kit: KitProcess,
    private readonly place: KitPlace,
  ) {
    const waiting = [...place.book.present].filter(([, { isAside, isHandedOver }]) => !isAside && !isHandedOver);
    this.backlog = new Set(waiting.map(([identity]) => identity));
  }

  onSent(message: Message): void {
    const { outside, wire } = this.place;
    const { servers } = this.kit.publisher;
    for (const { identity, isReplay, isFramed } of read(message)) {
      outside.get(identity).sent = true;
      outside.expect(!isFramed || servers.offers(STREAM_WIRE), () => `${identity} goes in a frame that nobody reads`);
      outside.expect(
        isReplay || wire === 'topics' || servers.isServed,
        () => `${identity} is sent, and no server is there`,
      );
      this.backlog.delete(identity);
      if (isReplay) this.replay(identity);
      else if (!isFramed) this.live(identity);
      this.inFlight.set(identity, isReplay);
    }
  }

  private replay(identity: string): void {
    const { isServed, credit } = this.kit.publisher.servers;
    if (!isServed || this.place.delivery === 'broker') return;
    this.held.add(identity);
    // Evicted after it was read, it may still be sent.
    if (this.outstanding.has(identity) || !this.place.book.present.has(identity)) return;
    this.outstanding.add(identity);
    const most = Math.min(MAX_BACKLOG, credit);
    const { size } = this.outstanding;
    this.place.outside.expect(size <= most, () => `${size} of the backlog are unacknowledged, ${most} may be`);
  }

  private live(identity: string): void {
    const { outside, delivery, drainRateKbps, receiveMaximum } = this.place;
    const { isServed, credit } = this.kit.publisher.servers;
    const mayBacklog = delivery === 'broker' || (isServed && this.held.size < Math.min(MAX_BACKLOG, credit));
    // In frames the backlog has a share of each, and does not wait for the same places.
    if (!mayBacklog || drainRateKbps > 0 || this.kit.publisher.servers.offers(STREAM_WIRE)) return;
    const replays = [...this.inFlight.values()].filter((isReplay) => isReplay).length;
    if (replays >= Math.ceil((receiveMaximum - STATE_PLACES) / BACKLOG_SHARE)) return;
    const passed = [...this.backlog].find((one) => this.waits(one) && !this.refused.has(outside.get(one).kind));
    outside.expect(passed === undefined, () => `${identity} takes the share of ${passed}, which waits`);
  }

  private waits(identity: string): boolean {
    const place = this.place.book.present.get(identity);
    return place !== undefined && !place.isAside && !place.isHandedOver;
  }

  onSettled(message: Message, refusal: string | null): void {
    for (const { identity, kind } of read(message)) this.settled(identity, kind, refusal);
  }

  private settled(identity: string, kind: Kind, refusal: string | null): void {
    // The kit hears of it two turns of its promises later.
    queueMicrotask(() => queueMicrotask(() => this.inFlight.delete(identity)));
    if (refusal === null) this.place.outside.get(identity).confirmed = true;
    else {
      this.held.delete(identity);
      this.refused.add(kind);
      // A kind that is denied is passed over: when everything goes again, others go in its place.
      for (const one of this.outstanding) if (this.place.outside.get(one).kind === kind) this.outstanding.delete(one);
    }
  }

  gone(identities: readonly string[], isAcknowledged: boolean): void {
    for (const identity of identities) {
      this.outstanding.delete(identity);
      if (isAcknowledged) this.held.delete(identity);
    }
  }

  /** Everything that is not acknowledged may go again. */
  restarts(): void {
    this.outstanding.clear();
    this.held.clear();
    this.backlog.clear();
  }
}

interface Read {
  readonly identity: string;
  readonly kind: Kind;
  readonly isReplay: boolean;
  readonly isFramed: boolean;
}

function read({ topic, payload }: Message): Read[] {
  const parsed = parseTopic(DEFAULT_TOPICS, topic);
  const one = (kind: Kind, text: string, isFramed: boolean): Read => {
    const { sink } = JSON.parse(text) as { sink: { epoch: string; seq: number; replay?: true } };
    return { identity: identityOf({ kind, ...sink }), kind, isReplay: sink.replay === true, isFramed };
  };
  if (parsed.about === 'stream') return decodeFrame(payload).messages.map(({ kind, text }) => one(kind, text, true));
  return parsed.about === 'history' ? [one(parsed.kind, payload.toString(), false)] : [];
}
