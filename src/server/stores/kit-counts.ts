// Counts per kit and kind, from one row of each to one record of each kit.
import type { Kind } from '../../schema/kinds.js';

export interface KitCount {
  readonly kit_id: string;
  readonly kind: Kind;
  readonly n: number;
}

export function countsPerKit(rows: readonly KitCount[]): Map<string, Record<Kind, number>> {
  const counts = new Map<string, Record<Kind, number>>();
  for (const { kit_id: kitId, kind, n } of rows) {
    const known = counts.get(kitId) ?? { drone: 0, aircraft: 0, signal: 0, system: 0 };
    counts.set(kitId, { ...known, [kind]: n });
  }
  return counts;
}
