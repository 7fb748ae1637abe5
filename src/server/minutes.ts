// What came in each minute of observation: how much of it late, and how long the rest took from detection to the database.
// Kept beside the rows (stores/minutes-table.ts), for a day has millions of them: whoever looks at it reads its minutes.
import { type Kind, perKind } from '../schema/kinds.js';
import type { Observation } from './store.js';

const MINUTE_MS = 60_000;
/** Classes of how long a message took, in milliseconds: each up to its bound, and one for whatever took longer. */
export const BOUNDS_MS: readonly number[] = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/** The messages of one kit and kind that were observed in one minute. */
export interface Minute {
  /** Epoch milliseconds at which it begins. */
  readonly atMs: number;
  readonly kitId: string;
  readonly kind: Kind;
  messages: number;
  /** Of them, those that a replay brought. */
  late: number;
  /** Of the others: how many are of each class. */
  readonly took: number[];
  /** And the longest of these times. */
  longestMs: number;
}

export class Minutes {
  private readonly minutes = new Map<string, Minute>();
  /** The latest that was noted of each kit: most observations are of the same minute as the one before of that kind. */
  private readonly latest = new Map<string, Record<Kind, Minute | null>>();

  /** @param nowMs when it was stored. */
  note({ timeUs, kitId, kind, replay }: Observation, nowMs: number): void {
    const timeMs = timeUs / 1_000;
    const minute = this.minute(Math.floor(timeMs / MINUTE_MS) * MINUTE_MS, kitId, kind);
    minute.messages += 1;
    if (replay === true) {
      minute.late += 1;
      return;
    }
    // By two clocks: the kit's may be ahead.
    const tookMs = Math.max(0, Math.round(nowMs - timeMs));
    const i = classOf(tookMs);
    minute.took[i] = (minute.took[i] ?? 0) + 1;
    minute.longestMs = Math.max(minute.longestMs, tookMs);
  }

  /** Everything, and begins anew. */
  take(): Minute[] {
    const minutes = [...this.minutes.values()];
    this.minutes.clear();
    this.latest.clear();
    return minutes;
  }

  private minute(atMs: number, kitId: string, kind: Kind): Minute {
    const ofKit = this.latest.get(kitId) ?? perKind<Minute | null>(() => null);
    this.latest.set(kitId, ofKit);
    const latest = ofKit[kind];
    if (latest?.atMs === atMs) return latest;
    const key = `${atMs} ${kind} ${kitId}`;
    const minute = this.minutes.get(key) ?? emptyMinute(atMs, kitId, kind);
    this.minutes.set(key, minute);
    ofKit[kind] = minute;
    return minute;
  }
}

function emptyMinute(atMs: number, kitId: string, kind: Kind): Minute {
  const took = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  return { atMs, kitId, kind, messages: 0, late: 0, took, longestMs: 0 };
}

function classOf(tookMs: number): number {
  const i = BOUNDS_MS.findIndex((bound) => tookMs <= bound);
  return i < 0 ? BOUNDS_MS.length : i;
}

/** Of observations that are stored together. */
export function minutesOf(stored: readonly Observation[], nowMs: number): Minute[] {
  const minutes = new Minutes();
  for (const observation of stored) minutes.note(observation, nowMs);
  return minutes.take();
}
