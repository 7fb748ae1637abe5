// Rows, which come sorted by thing and time, as whole tracks: of each row no more is kept than its position, for a drone
// that was in the air all day has as many as a file may hold.
import type { TrackRow } from '../../reads.js';

export interface WholeTrack {
  readonly kind: TrackRow['kind'];
  readonly id: string;
  readonly first: TrackRow;
  readonly latest: TrackRow;
  readonly rows: number;
  /** Which heard it, each once. */
  readonly kits: readonly string[];
  readonly path: Path;
}

export interface Placed {
  readonly time: string;
  readonly lat: number;
  readonly lon: number;
  readonly alt: number | null;
}

/** Where it was, the oldest first: plain numbers, a tenth of what objects take. */
export class Path implements Iterable<Placed> {
  private readonly times: string[] = [];
  private readonly places: number[] = [];

  get length(): number {
    return this.times.length;
  }

  add({ time, lat, lon, alt }: TrackRow): void {
    if (lat === null || lon === null) return;
    this.times.push(time);
    this.places.push(lat, lon, alt ?? Number.NaN);
  }

  *[Symbol.iterator](): Generator<Placed> {
    for (const [i, time] of this.times.entries()) {
      const [lat = 0, lon = 0, alt = Number.NaN] = this.places.slice(i * 3, i * 3 + 3);
      yield { time, lat, lon, alt: Number.isNaN(alt) ? null : alt };
    }
  }
}

class Gathering implements WholeTrack {
  latest: TrackRow;
  rows = 0;
  readonly path = new Path();
  private readonly heardBy = new Set<string>();

  constructor(readonly first: TrackRow) {
    this.latest = first;
  }

  get kind(): TrackRow['kind'] {
    return this.first.kind;
  }

  get id(): string {
    return this.first.id;
  }

  get kits(): string[] {
    return [...this.heardBy].sort();
  }

  add(row: TrackRow): void {
    this.latest = row;
    this.rows += 1;
    this.heardBy.add(row.kit_id);
    this.path.add(row);
  }
}

export async function* wholeTracks(pages: AsyncIterable<readonly TrackRow[]>): AsyncGenerator<WholeTrack> {
  // An aircraft and a drone may have the same id.
  const ofId = new Map<TrackRow['kind'], Gathering>();
  let id: string | null = null;
  for await (const page of pages) {
    for (const row of page) {
      if (row.id !== id) {
        yield* ofId.values();
        ofId.clear();
        id = row.id;
      }
      const track = ofId.get(row.kind) ?? new Gathering(row);
      ofId.set(row.kind, track);
      track.add(row);
    }
  }
  yield* ofId.values();
}

const AT_ONCE = 1_000;

/** What is written of each position, some at a time. */
export function* written(path: Path, separator: string, write: (at: Placed) => string): Generator<string> {
  let texts: string[] = [];
  let before = '';
  for (const at of path) {
    texts.push(write(at));
    if (texts.length < AT_ONCE) continue;
    yield before + texts.join(separator);
    [texts, before] = [[], separator];
  }
  if (texts.length > 0) yield before + texts.join(separator);
}
