// Rows, which come sorted by thing and time, as whole tracks.
import type { TrackRow } from '../../reads.js';

export interface WholeTrack {
  readonly kind: TrackRow['kind'];
  readonly id: string;
  /** The oldest first, one at least. */
  readonly rows: readonly [TrackRow, ...TrackRow[]];
}

export async function* wholeTracks(pages: AsyncIterable<readonly TrackRow[]>): AsyncGenerator<WholeTrack> {
  let rows: TrackRow[] = [];
  for await (const page of pages) {
    for (const row of page) {
      if (rows[0] !== undefined && rows[0].id !== row.id) {
        yield* byKind(rows);
        rows = [];
      }
      rows.push(row);
    }
  }
  yield* byKind(rows);
}

/** An aircraft and a drone may have the same id. */
function* byKind(rows: readonly TrackRow[]): Generator<WholeTrack> {
  for (const kind of ['drone', 'aircraft'] as const) {
    const [first, ...others] = rows.filter((row) => row.kind === kind);
    if (first !== undefined) yield { kind, id: first.id, rows: [first, ...others] };
  }
}

/** A row with a position. */
export type Placed = TrackRow & { readonly lat: number; readonly lon: number };

export function placed({ rows }: WholeTrack): Placed[] {
  return rows.filter((row): row is Placed => row.lat !== null && row.lon !== null);
}

/** Which kits heard it, each once. */
export function kitsOf({ rows }: WholeTrack): string[] {
  return [...new Set(rows.map(({ kit_id }) => kit_id))].sort();
}
