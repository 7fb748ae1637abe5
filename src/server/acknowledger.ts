// Tells each kit what of its streams is in the database, after the commit: that is what lets a kit delete. What is not
// told, because there is no link or too much at once, the kit sends again, and is told then.
import type { OutgoingMessage } from '../base/mqtt-link.js';
import type { Ack } from '../schema/ack.js';
import { isoMicros } from '../schema/time.js';
import { ackTopic } from '../schema/topics.js';
import { PendingAcks } from './pending-acks.js';
import type { Batch, Clock, CommittedStream, KitReport } from './store.js';

export interface AcknowledgerOptions {
  readonly storeId: string;
  /** How many unacknowledged messages the hello offers a kit. */
  readonly credit: number;
  /** Whether other servers get a part of each kit's messages. */
  readonly shares?: boolean;
  /** Sends at once, or drops it when there is no link. */
  readonly publish: (message: OutgoingMessage) => void;
  readonly nowUs: Clock;
  /** Runs `work` after `ms`, unless what it returns is called before. */
  readonly after?: (ms: number, work: () => void) => () => void;
}

const EVERY_MS = 5_000;
/** Of the credit: so often that a kit with a full window never waits for word. */
const PROMPT_SHARE = 1 / 3;
/** Of a window that is full, each member of a share may have but a part: so many may share. */
const MAX_MEMBERS = 16;
/** Kit ids come from outside: beyond this many the one that has been quiet longest is forgotten. */
const MAX_KITS = 1_000;

interface Kit {
  readonly pending: PendingAcks;
  /** The connection whose first status was answered. */
  connection: string;
  cancel: (() => void) | null;
}

export class Acknowledger {
  private readonly kits = new Map<string, Kit>();
  private readonly after: NonNullable<AcknowledgerOptions['after']>;

  constructor(private readonly options: AcknowledgerOptions) {
    this.after = options.after ?? inRealTime;
  }

  /** A batch is committed; `streams` are as they are since. */
  committed({ observations, rejects, reports }: Batch, streams: readonly CommittedStream[]): void {
    const touched = new Map<string, Kit>();
    const touch = (kitId: string): Kit => {
      const kit = touched.get(kitId) ?? this.kit(kitId);
      touched.set(kitId, kit);
      return kit;
    };
    for (const stream of streams) touch(stream.kitId).pending.update(stream);
    for (const { kitId, kind, identity } of observations) if (identity) touch(kitId).pending.answer(kind, identity);
    for (const { kitId, kind, identity } of rejects) {
      if (kitId !== null && kind !== null && identity !== null) touch(kitId).pending.answer(kind, identity);
    }
    const waiting = new Set<string>();
    for (const report of reports) if (this.opens(report, touch(report.kitId))) waiting.add(report.kitId);
    for (const [kitId, kit] of touched) this.tell(kitId, kit, waiting.has(kitId));
  }

  /** Tells what is still to be told, and nothing more. */
  stop(): void {
    for (const [kitId, kit] of this.kits) {
      while (!kit.pending.isEmpty) this.send(kitId, kit);
      kit.cancel?.();
    }
    this.kits.clear();
  }

  /** True for the first status of a connection, and for one that lists everything because a server is new. */
  private opens({ opening, reconnects, listing }: KitReport, kit: Kit): boolean {
    const connection = `${reconnects} ${opening}`;
    const isNew = kit.connection !== connection;
    kit.connection = connection;
    return isNew || listing !== null;
  }

  private tell(kitId: string, kit: Kit, atOnce: boolean): void {
    // Also when there is nothing to say: so a kit learns that a server is there.
    if (atOnce) this.send(kitId, kit, true);
    const { credit, shares = false } = this.options;
    const many = Math.max(1, (credit * PROMPT_SHARE) / (shares ? MAX_MEMBERS : 1));
    while (kit.pending.unanswered >= many) this.send(kitId, kit);
    this.arm(kitId, kit);
  }

  private arm(kitId: string, kit: Kit): void {
    if (kit.pending.isEmpty || kit.cancel !== null) return;
    kit.cancel = this.after(EVERY_MS, () => {
      kit.cancel = null;
      this.send(kitId, kit);
      this.arm(kitId, kit);
    });
  }

  private send(kitId: string, kit: Kit, evenEmpty = false): void {
    kit.cancel?.();
    kit.cancel = null;
    const acks = kit.pending.take();
    if (acks.length === 0 && !evenEmpty) return;
    const { storeId, nowUs, publish } = this.options;
    const ack: Ack = { v: 1, store_id: storeId, acks, time: isoMicros(nowUs()) };
    // Not retained: one that outlived its database would have a kit delete what nobody has.
    publish({ topic: ackTopic(kitId), payload: JSON.stringify(ack), qos: 1, retain: false });
  }

  private kit(kitId: string): Kit {
    const kit = this.kits.get(kitId) ?? { pending: new PendingAcks(), connection: '', cancel: null };
    this.kits.delete(kitId);
    this.kits.set(kitId, kit);
    const [quietest] = this.kits;
    if (this.kits.size > MAX_KITS && quietest !== undefined) {
      quietest[1].cancel?.();
      this.kits.delete(quietest[0]);
    }
    return kit;
  }
}

function inRealTime(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms).unref();
  return () => clearTimeout(timer);
}
