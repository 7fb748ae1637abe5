// Finds each row a free primary key: Analytics keys signals by frequency, and two of one frequency may share a time.
import type { TableName } from './tables.js';
import type { Place, Transaction } from './transaction.js';

/** How far the second look goes; nearly every crowd is a handful of rows. */
const FIRST_SPAN_US = 1_000;
const MAX_SPAN_US = 1_000_000;

/** The rows in their order, each at its own time or, where that is taken, moved by 1 us until it is free. */
export async function settle<Row extends Place>(
  tx: Transaction,
  table: TableName,
  rows: readonly Row[],
): Promise<Row[]> {
  const taken = new Set<string>();
  const settled = [...rows];
  let waiting = [...rows.keys()];
  for (let spanUs = 0; waiting.length > 0; spanUs = widen(spanUs)) {
    const places = waiting.map((i) => settled[i]).filter((row) => row !== undefined);
    for (const place of await tx.occupied(table, distinct(places), spanUs)) taken.add(placeKey(place));
    waiting = waiting.filter((i) => {
      const row = settled[i];
      if (row === undefined) return false;
      const timeUs = firstFree(row, spanUs, taken);
      if (timeUs !== undefined) taken.add(placeKey(row, timeUs));
      // Not found: the next look begins where this one ended.
      if (timeUs !== row.timeUs) settled[i] = { ...row, timeUs: timeUs ?? row.timeUs + spanUs + 1 };
      return timeUs === undefined;
    });
  }
  return settled;
}

function widen(spanUs: number): number {
  return spanUs === 0 ? FIRST_SPAN_US : Math.min(spanUs * 10, MAX_SPAN_US);
}

function firstFree(row: Place, spanUs: number, taken: ReadonlySet<string>): number | undefined {
  for (let timeUs = row.timeUs; timeUs <= row.timeUs + spanUs; timeUs += 1) {
    if (!taken.has(placeKey(row, timeUs))) return timeUs;
  }
  return undefined;
}

function distinct(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [placeKey(place), place])).values()];
}

function placeKey({ kitId, part, timeUs: ownUs }: Place, timeUs = ownUs): string {
  return `${timeUs} ${kitId.length} ${kitId}${part}`;
}
