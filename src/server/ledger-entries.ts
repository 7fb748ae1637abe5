// A line of the ledger as `dragonsink ledger --json` and the HTTP API show it.
import { Ranges } from '../schema/ranges.js';
import { isoMicros } from '../schema/time.js';
import type { LedgerEntry } from './store.js';

export function entryOf({
  kitId,
  epoch,
  kind,
  received,
  refused,
  merged,
  rejected,
  lastContactUs,
  ...entry
}: LedgerEntry) {
  const ranges = new Ranges(received);
  return {
    kit_id: kitId,
    epoch,
    kind,
    received,
    gaps: ranges.gaps(1, ranges.last ?? 0),
    next: entry.next,
    waiting: entry.waiting,
    missing: entry.missing,
    evicted: entry.evicted,
    quarantined: entry.quarantined,
    refused,
    merged,
    rejected,
    last_contact: isoMicros(lastContactUs),
  };
}
