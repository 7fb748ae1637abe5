// What came in each minute of observation: how much of it late, and how long the rest took from detection to commit. The
// database does not know that, for a row has no time of its arrival; so it is of this start of the server alone.
import { type Kind, perKind } from '../../../schema/kinds.js';
import type { Bucket } from '../../../schema/web/answers.js';
import type { Observation } from '../../store.js';

export const MINUTE_MS = 60_000;
/** Minutes of a kit and kind; beyond it the first that were noted go. */
const MAX_CELLS = 30_000;
const MAX_KITS = 1_000;
const BOUNDS_MS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

export class Cell {
  messages = 0;
  late = 0;
  maxMs = 0;
  /** Of live messages, how many took at most BOUNDS_MS[i], and in the last one more. */
  private taken: number[] = [];

  constructor(
    /** Epoch milliseconds at which the minute begins. */
    readonly atMs: number,
    readonly kitId: string,
    readonly kind: Kind,
  ) {}

  note(isLate: boolean, tookMs: number): void {
    this.messages += 1;
    if (isLate) {
      this.late += 1;
      return;
    }
    const i = BOUNDS_MS.findIndex((bound) => tookMs <= bound);
    const slot = i < 0 ? BOUNDS_MS.length : i;
    // A backlog has many minutes, and no live message in any.
    if (this.taken.length === 0) this.taken = new Array(BOUNDS_MS.length + 1).fill(0);
    this.taken[slot] = (this.taken[slot] ?? 0) + 1;
    this.maxMs = Math.max(this.maxMs, tookMs);
  }

  add(other: Cell): void {
    this.messages += other.messages;
    this.late += other.late;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
    for (const [i, n] of other.taken.entries()) this.taken[i] = (this.taken[i] ?? 0) + n;
  }

  /** The half of them took no longer than `p50`, as far as the bounds tell; null without live messages. */
  get latency(): Bucket['latency_ms'] {
    const live = this.messages - this.late;
    if (live <= 0) return null;
    let sum = 0;
    const i = this.taken.findIndex((n) => {
      sum += n;
      return sum * 2 >= live;
    });
    const max = Math.round(this.maxMs);
    return { p50: Math.min(BOUNDS_MS[i] ?? max, max), max };
  }
}

export class Minutes {
  private readonly cells = new Map<string, Cell>();
  /** The newest of each kit: most observations are of the same minute as the one before of that kit and kind. */
  private readonly newest = new Map<string, Record<Kind, Cell | null>>();

  note({ timeUs, kitId, kind, replay }: Observation, nowMs: number): void {
    const timeMs = timeUs / 1_000;
    const atMs = Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
    this.cell(atMs, kitId, kind).note(replay === true, Math.max(0, nowMs - timeMs));
  }

  /** From one to another time, for these steps: of each kit and kind the sums. */
  sums(fromMs: number, toMs: number, stepMs: number): Map<string, Cell> {
    const sums = new Map<string, Cell>();
    for (const cell of this.cells.values()) {
      if (cell.atMs < fromMs || cell.atMs >= toMs) continue;
      const atMs = Math.floor(cell.atMs / stepMs) * stepMs;
      const key = cellKey(atMs, cell.kitId, cell.kind);
      const sum = sums.get(key) ?? new Cell(atMs, cell.kitId, cell.kind);
      sum.add(cell);
      sums.set(key, sum);
    }
    return sums;
  }

  /** Everything, and begins anew. */
  take(): Cell[] {
    const cells = [...this.cells.values()];
    this.cells.clear();
    this.newest.clear();
    return cells;
  }

  private cell(atMs: number, kitId: string, kind: Kind): Cell {
    const ofKit = this.newestOf(kitId);
    const newest = ofKit[kind];
    if (newest?.atMs === atMs) return newest;
    const key = cellKey(atMs, kitId, kind);
    const cell = this.cells.get(key) ?? new Cell(atMs, kitId, kind);
    this.cells.set(key, cell);
    ofKit[kind] = cell;
    if (this.cells.size > MAX_CELLS) {
      const [first = ''] = this.cells.keys();
      this.cells.delete(first);
    }
    return cell;
  }

  private newestOf(kitId: string): Record<Kind, Cell | null> {
    const known = this.newest.get(kitId);
    if (known !== undefined) return known;
    if (this.newest.size >= MAX_KITS) this.newest.clear();
    const none = perKind<Cell | null>(() => null);
    this.newest.set(kitId, none);
    return none;
  }
}

export function cellKey(atMs: number, kitId: string, kind: Kind): string {
  return `${atMs} ${kind} ${kitId}`;
}
