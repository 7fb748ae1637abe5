// Hears what the server's parts tell of their work (recorder.ts) and makes events of it for whoever watches: after COMMIT,
// in that order, each message once. With nobody there it notes a few numbers, and nothing else.

import type { Tally } from '../../../schema/web/events.js';
import { Minutes } from '../../minutes.js';
import type { Recorder } from '../../recorder.js';
import type { Batch, CommitResult, Observation } from '../../store.js';
import type { Side } from '../health.js';
import type { EventHub } from './event-hub.js';
import { itemOf } from './items.js';
import type { KitSinks } from './kit-sinks.js';
import { Rate } from './rate.js';

/** Whoever writes to 200 pages 100 times a second does nothing else: what comes meanwhile goes together. */
const EVERY_MS = 25;
const TALLY_EVERY_MS = 1_000;
/** Between two tallies: a backlog is more than anybody could look at, or a page on a slow link could take. */
const MAX_LATE = 100;
/** Of one event. */
const MAX_ITEMS = 2_000;

type Told = Tally['minutes'][number];

export class LiveFeed implements Recorder {
  readonly receivedRate = new Rate();
  readonly storedRate = new Rate();
  waitingMessages = 0;
  droppedMessages = 0;
  /** Committed, and not told yet. */
  private pending: Observation[] = [];
  private changedKits = new Set<string>();
  /** These three since the last tally. */
  private late = 0;
  private skipped = 0;
  private readonly untold = new Minutes();
  private timer: NodeJS.Timeout | undefined;
  private tallyTimer: NodeJS.Timeout | undefined;
  private toldMs = 0;

  constructor(
    private readonly hub: EventHub,
    private readonly sinks: KitSinks,
    /** Something about the broker or the database has changed. */
    private readonly onServer: () => void,
  ) {}

  received({ observations, rejects, reports }: Batch): void {
    this.receivedRate.add(observations.length + rejects.length);
    for (const { status } of reports) if (status !== undefined) this.sinks.take(status, Date.now());
  }

  dropped({ observations, rejects }: Batch): void {
    this.droppedMessages += observations.length + rejects.length;
  }

  overQuota(batch: Batch): void {
    this.dropped(batch);
  }

  waiting(messages: number): void {
    this.waitingMessages = messages;
  }

  committed({ contacts, reports }: Batch, { stored }: CommitResult): void {
    const nowMs = Date.now();
    this.storedRate.add(stored.length);
    if (!this.hub.isWatched) return;
    for (const observation of stored) {
      this.untold.note(observation, nowMs);
      this.queue(observation);
    }
    for (const { kitId } of reports) this.changedKits.add(kitId);
    for (const { kitId, online } of contacts) if (!online) this.changedKits.add(kitId);
    this.tellSoon();
    if (stored.length > 0) this.tallyTimer ??= setTimeout(() => this.tally(), TALLY_EVERY_MS);
  }

  commitFailed(): void {
    this.onServer();
  }

  store(): void {
    this.onServer();
  }

  broker(): void {
    this.onServer();
  }

  sessionLost(): void {}

  acknowledged(): void {}

  /** An operator has changed it. */
  kitChanged(kitId: string): void {
    this.changedKits.add(kitId);
    this.tellSoon();
  }

  stop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.tallyTimer);
  }

  private queue(observation: Observation): void {
    const isLate = observation.replay === true;
    if (this.pending.length >= MAX_ITEMS || (isLate && this.late >= MAX_LATE)) {
      this.skipped += 1;
      return;
    }
    if (isLate) this.late += 1;
    this.pending.push(observation);
  }

  /** At once when nothing was told lately. */
  private tellSoon(): void {
    if (this.timer !== undefined) return;
    const waitMs = Math.max(0, this.toldMs + EVERY_MS - performance.now());
    this.timer = setTimeout(() => this.tell(), waitMs);
  }

  private tell(): void {
    this.timer = undefined;
    this.toldMs = performance.now();
    const { pending, changedKits } = this;
    this.pending = [];
    this.changedKits = new Set();
    if (pending.length > 0) this.hub.publish('news', { messages: pending.map(itemOf), at: Date.now() });
    for (const kit_id of changedKits) this.hub.publish('kit', { kit_id });
  }

  private tally(): void {
    this.tallyTimer = undefined;
    // A commit that went well may be the first since the database was down.
    this.onServer();
    const minutes = this.untold.take().map(({ atMs, kitId, kind, messages, late, longestMs }): Told => {
      return { at: atMs, kit_id: kitId, kind, messages, late, latency_ms_max: messages > late ? longestMs : null };
    });
    const { skipped } = this;
    this.skipped = 0;
    this.late = 0;
    this.hub.publish('tally', { at: Date.now(), skipped, minutes });
  }
}

/** What the page is told of each side. */
export function sideOf({ ok, problem }: Side): { ok: boolean; problem: string | null } {
  return { ok, problem: problem ?? null };
}
