// From the buckets of a history to what its charts show: sums by kind or kit, latencies, gaps, and what replays filled.
import { type Kind, perKind } from '../../schema/kinds.js';
import type { Kit } from '../../schema/web/answers.js';
import type { HistoryView } from './history-view.js';

export interface Rates {
  /** Beginnings of the steps, in milliseconds since 1970; none is left out. */
  readonly times: readonly number[];
  /** Messages a minute; as many as `times`. */
  readonly series: Readonly<Record<Kind, readonly number[]>>;
}

export interface Latencies {
  readonly times: readonly number[];
  /** Null where nothing came live. */
  readonly p50: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}

export interface Cell {
  readonly at: number;
  readonly messages: number;
  readonly late: number;
}

/** A time in which a kit has no rows, or in which a replay brought them. */
export interface Span {
  readonly kitId: string;
  readonly what: 'gap' | 'filled';
  readonly fromMs: number;
  readonly toMs: number;
  readonly messages: number;
}

const MINUTE_MS = 60_000;
/** A kit says how it is every 30 s: this long without a word is none of chance. */
const SHORTEST_GAP_MS = 120_000;

function stepsOf({ fromMs, toMs, stepMs }: HistoryView): number[] {
  const first = Math.floor(fromMs / stepMs) * stepMs;
  return Array.from({ length: Math.max(0, Math.floor((toMs - first) / stepMs) + 1) }, (_, i) => first + i * stepMs);
}

export function ratesByKind(view: HistoryView, kitId: string | null): Rates {
  const times = stepsOf(view);
  const first = times[0] ?? 0;
  const series = perKind(() => new Array<number>(times.length).fill(0));
  for (const { at, kit_id, kind, messages } of view.buckets) {
    if (kitId !== null && kit_id !== kitId) continue;
    const values = series[kind];
    const i = Math.floor((at - first) / view.stepMs);
    if (i in values) values[i] = (values[i] ?? 0) + (messages * MINUTE_MS) / view.stepMs;
  }
  return { times, series };
}

/** The worst of all kits and kinds. */
export function latencies(view: HistoryView, kitId: string | null): Latencies {
  const times = stepsOf(view);
  const first = times[0] ?? 0;
  const p50 = new Array<number | null>(times.length).fill(null);
  const max = new Array<number | null>(times.length).fill(null);
  for (const { at, kit_id, latency_ms: latency } of view.buckets) {
    if (latency === null || (kitId !== null && kit_id !== kitId)) continue;
    const i = Math.floor((at - first) / view.stepMs);
    if (i < 0 || i >= times.length) continue;
    p50[i] = Math.max(p50[i] ?? 0, latency.p50);
    max[i] = Math.max(max[i] ?? 0, latency.max);
  }
  return { times, p50, max };
}

/** Of a kit that the server knows. */
type KnownKit = Pick<Kit, 'kit_id' | 'created_at'>;

/** Each kit's steps, the oldest first; those that sent nothing have none. */
export function lanes(view: HistoryView, kits: readonly KnownKit[]): Map<string, Cell[]> {
  const found = new Map(kits.map(({ kit_id }) => [kit_id, new Map<number, Cell>()]));
  for (const { at, kit_id, messages, late } of view.buckets) {
    const cells = found.get(kit_id) ?? new Map<number, Cell>();
    found.set(kit_id, cells);
    const before = cells.get(at) ?? { at, messages: 0, late: 0 };
    cells.set(at, { at, messages: before.messages + messages, late: before.late + late });
  }
  const sorted = [...found].sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(sorted.map(([kitId, cells]) => [kitId, [...cells.values()].sort((one, other) => one.at - other.at)]));
}

/** Gaps before, between and after what a kit said, and what replays filled; the newest first. */
export function spans(view: HistoryView, kits: readonly KnownKit[]): Span[] {
  const createdMs = new Map(kits.map(({ kit_id, created_at }) => [kit_id, Date.parse(created_at)]));
  const found = [...lanes(view, kits)].flatMap(([kitId, cells]) => [
    ...gaps(kitId, cells, view, createdMs.get(kitId)),
    ...filled(kitId, cells, view),
  ]);
  return found.sort((one, other) => other.toMs - one.toMs);
}

/** @param createdMs when it was first known of; a kit that is in no list any more misses nothing before it is heard. */
function gaps(kitId: string, cells: readonly Cell[], view: HistoryView, createdMs?: number): Span[] {
  if (!view.loaded) return [];
  const begins = cells.map(({ at }) => at + view.stepMs);
  const ends = [...cells.map(({ at }) => at), view.toMs];
  const first = createdMs === undefined ? (ends[0] ?? view.toMs) : Math.max(view.fromMs, createdMs);
  return [first, ...begins].flatMap((fromMs, i) => {
    const toMs = ends[i] ?? view.toMs;
    return toMs - fromMs < SHORTEST_GAP_MS ? [] : [{ kitId, what: 'gap' as const, fromMs, toMs, messages: 0 }];
  });
}

function filled(kitId: string, cells: readonly Cell[], { stepMs }: HistoryView): Span[] {
  const found: Span[] = [];
  for (const { at, late } of cells) {
    if (late === 0) continue;
    const last = found.at(-1);
    const joins = last !== undefined && at - last.toMs <= SHORTEST_GAP_MS;
    const before = joins ? last : { kitId, what: 'filled' as const, fromMs: at, toMs: at, messages: 0 };
    if (joins) found.pop();
    found.push({ ...before, toMs: at + stepMs, messages: before.messages + late });
  }
  return found;
}

export function totals(view: HistoryView, kitId: string | null): Record<Kind, number> {
  const sums = perKind(() => 0);
  for (const bucket of view.buckets) {
    if (kitId === null || bucket.kit_id === kitId) sums[bucket.kind] += bucket.messages;
  }
  return sums;
}
