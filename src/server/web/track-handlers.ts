// Handlers about what was heard: tracks, signals, and how much of it when.
import { KINDS } from '../../schema/kinds.js';
import { isoMicros } from '../../schema/time.js';
import type { Heard, PathPoint, Track } from '../../schema/web/answers.js';
import type { TrackState } from '../../schema/web/shapes.js';
import type { HeardRow, PathRow, Reads, RowOf, Thing, TimeRange, TrackFilter, TrackKind, TrackRow } from '../reads.js';
import { type Backend, readsOf } from './backend.js';
import type { Handlers } from './call.js';
import { cursorOf, DAY_US, FIVE_MINUTES_US, rangeOf, readCursor } from './time-range.js';

type Names = 'tracks' | 'signals' | 'timeline';

/** Of all paths of one answer: some 3 MB. */
const MAX_POINTS = 50_000;
const MAX_STEPS = 1_500;
const MAX_BUCKETS = 100_000;
const MINUTE_S = 60;

export function trackHandlers(backend: Backend): Handlers<Names> {
  const { hub } = backend;
  return {
    tracks: async ({ query: { from, to, kind, kit, id, q, path, limit, cursor } }) => {
      const event_id = hub.mark();
      const [fromUs, toUs, last_at, afterId, afterKind] = readCursor(cursor, [0, 0, '', '', '']) ?? [];
      const range = rangeOf({ from: fromUs ?? from, to: toUs ?? to }, FIVE_MINUTES_US, nowUs());
      const filter = { from: range.from, to: range.to, kinds: kind, kitId: kit, thing: id, text: q };
      const after = last_at === undefined ? null : { last_at, id: afterId ?? '', kind: afterKind as TrackKind };
      const reads = readsOf(backend);
      const found = await reads.things(filter, limit + 1, after);
      const things = found.slice(0, limit);
      const last = found.length > limit ? things.at(-1) : undefined;
      return {
        from: isoMicros(range.fromUs),
        to: isoMicros(range.toUs),
        event_id,
        tracks: await tracksOf(reads, things, filter, path),
        next: last === undefined ? null : cursorOf([range.fromUs, range.toUs, last.last_at, last.id, last.kind]),
      };
    },
    signals: async ({ query: { from, to, kit, type, limit, cursor } }) => {
      const event_id = hub.mark();
      const [fromUs, toUs, time, kit_id, freq_mhz] = readCursor(cursor, [0, 0, '', '', 0]) ?? [];
      const range = rangeOf({ from: fromUs ?? from, to: toUs ?? to }, FIVE_MINUTES_US, nowUs());
      const after = time === undefined ? null : { time, kit_id: kit_id ?? '', freq_mhz: freq_mhz ?? 0 };
      const filter = { from: range.from, to: range.to, kitId: kit, types: type };
      const found = await readsOf(backend).signals(filter, limit + 1, after);
      const signals = found.slice(0, limit);
      const last = found.length > limit ? signals.at(-1) : undefined;
      const next = last && cursorOf([range.fromUs, range.toUs, last.time, last.kit_id, last.freq_mhz]);
      return { from: isoMicros(range.fromUs), to: isoMicros(range.toUs), event_id, signals, next: next ?? null };
    },
    timeline: async ({ query: { step, kit, ...asked } }) => {
      const range = rangeOf(asked, DAY_US, nowUs());
      const lengthS = (range.toUs - range.fromUs) / 1e6;
      const reads = readsOf(backend);
      const kits = kit === undefined ? (await reads.kits()).length : 1;
      let step_s = stepOf(step, lengthS, kits);
      let rows = await reads.buckets(range, step_s, kit, MAX_BUCKETS + 1);
      // Kits that were taken out of the list may have left rows. What were cut would look like an outage.
      while (rows.length > MAX_BUCKETS && step_s < lengthS) {
        step_s *= 2;
        rows = await reads.buckets(range, step_s, kit, MAX_BUCKETS + 1);
      }
      const buckets = rows.map((row) => ({ ...row, at: row.at * 1_000 }));
      return { from: isoMicros(range.fromUs), to: isoMicros(range.toUs), step_s, buckets };
    },
  };
}

/** The shortest from `leastS` on, in whole minutes, of which so many kits have no more buckets than are answered. */
function stepOf(leastS: number, lengthS: number, kits: number): number {
  const fitting = Math.floor(MAX_BUCKETS / (Math.max(1, kits) * KINDS.length));
  // The first and the last one may reach beyond the range.
  const steps = Math.max(1, Math.min(MAX_STEPS, fitting - 1));
  return Math.ceil(Math.max(leastS, lengthS / steps) / MINUTE_S) * MINUTE_S;
}

async function tracksOf(reads: Reads, things: readonly Thing[], filter: TrackFilter, path: number): Promise<Track[]> {
  const range: TimeRange = filter;
  const points = Math.min(path, Math.floor(MAX_POINTS / Math.max(1, things.length)));
  const [latest, heard, paths] = await Promise.all([
    reads.rowsAt(things.flatMap(newestOf), filter),
    reads.heardBy(things, range),
    reads.paths(things, filter, points),
  ]);
  const latestOf = groups(latest);
  const heardOf = groups(heard);
  const pathOf = groups(paths);
  return things.flatMap((thing): Track[] => {
    const key = keyOf(thing);
    const rows = (latestOf.get(key) ?? []).sort(byStrength);
    const live = rows.find((row) => !row.late) ?? null;
    const latest = live?.time === thing.last_at ? live : rows.find(({ time }) => time === thing.last_at);
    // Gone since it was found: retention took it.
    if (latest === undefined) return [];
    const { live_at: _, ...found } = thing;
    const heard_by = (heardOf.get(key) ?? []).sort(byStrength).map(toHeard);
    const path = (pathOf.get(key) ?? []).map(toPoint);
    const { late } = latest;
    return [
      { ...found, latest: toState(latest), late, live: late && live !== null ? toState(live) : null, heard_by, path },
    ];
  });
}

/** The newest of all, and the newest that came as it happened where that is another one. */
function newestOf({ kind, id, last_at, live_at }: Thing): RowOf[] {
  const times = live_at === null || live_at === last_at ? [last_at] : [last_at, live_at];
  return times.map((time) => ({ kind, id, time }));
}

function toState({ kind: _, id: __, late: ___, ...state }: TrackRow): TrackState {
  return state;
}

const keyOf = ({ kind, id }: { kind: string; id: string }): string => `${kind} ${id}`;

function groups<Row extends { kind: string; id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const row of rows) {
    const group = found.get(keyOf(row));
    if (group === undefined) found.set(keyOf(row), [row]);
    else group.push(row);
  }
  return found;
}

function byStrength(a: Pick<TrackRow, 'rssi' | 'kit_id'>, b: Pick<TrackRow, 'rssi' | 'kit_id'>): number {
  const strength = ({ rssi }: { rssi: number | null }): number => rssi ?? Number.NEGATIVE_INFINITY;
  // Infinities would make NaN.
  if (strength(a) !== strength(b)) return strength(a) < strength(b) ? 1 : -1;
  return a.kit_id < b.kit_id ? -1 : 1;
}

function toHeard({ kind: _, id: __, ...heard }: HeardRow): Heard {
  return heard;
}

function toPoint({ time, lat, lon, alt, heading, late }: PathRow): PathPoint {
  return [Date.parse(time), lat, lon, alt, heading, late];
}

function nowUs(): number {
  return Date.now() * 1_000;
}
