// Which of a kit's statuses count. A status is retained and may come late, twice, or from a spool that has since been
// opened again; its opening and its `n` tell.
import type { KitReport } from '../store.js';
import type { OpeningRow, ReportingKit } from './transaction.js';

/** So many openings before the newest are remembered; an older one that still comes would be taken for a new one. */
const MAX_SUPERSEDED = 64;
const MAX_OFFSETS = 20;

export interface Heard {
  /** Those that count, in the order in which they came. */
  readonly counted: readonly KitReport[];
  /** The kits they are from, as they are afterwards. */
  readonly openings: readonly OpeningRow[];
  readonly kits: readonly ReportingKit[];
}

export function hear(stored: readonly OpeningRow[], reports: readonly KitReport[]): Heard {
  const known = new Map(stored.map((row) => [row.kitId, row]));
  const changed = new Map<string, OpeningRow>();
  const listingEnds = new Set<string>();
  const counted: KitReport[] = [];
  for (const report of reports) {
    const { kitId } = report;
    const before = known.get(kitId);
    const after = afterStatus(before, report);
    if (after === null) continue;
    counted.push(report);
    known.set(kitId, after);
    changed.set(kitId, after);
    if (after.opening !== before?.opening) listingEnds.delete(kitId);
    if (endsListing(after, report)) listingEnds.add(kitId);
  }
  const openings = [...changed.values()];
  const kits = openings.map(({ kitId, opening }) => ({ kitId, opening, listingEnds: listingEnds.has(kitId) }));
  return { counted, openings, kits };
}

/** Null when it does not count. */
function afterStatus(before: OpeningRow | undefined, report: KitReport): OpeningRow | null {
  const { kitId, opening, n } = report;
  const clockOffsets = withOffset(before?.clockOffsets ?? {}, report);
  if (before?.opening === opening) {
    if (n <= before.n) return null;
    const listing = nextPart(before, report);
    const listed = before.listed || (listing !== null && listing.part === listing.of);
    return { ...before, n, listing, listed, clockOffsets };
  }
  if (before?.superseded.includes(opening)) return null;
  const superseded = before === undefined ? [] : [...before.superseded, before.opening].slice(-MAX_SUPERSEDED);
  const listing = nextPart(undefined, report);
  const listed = listing !== null && listing.part === listing.of;
  return { kitId, opening, n, listing, listed, superseded, clockOffsets };
}

/**
 * Also once the clock is right: what came before that is tried with it again. An offset is that of the epoch in which it is
 * said, and of those that the kit names: another boot began with another wrong time.
 */
function withOffset(
  known: OpeningRow['clockOffsets'],
  { clockOffsetS, clockOffsetEpochs = [], streams }: KitReport,
): OpeningRow['clockOffsets'] {
  const newest = streams.map(({ epoch }) => epoch).sort().at(-1); // biome-ignore format: short
  if (clockOffsetS === undefined) return known;
  const epochs = newest === undefined ? clockOffsetEpochs : [...clockOffsetEpochs, newest];
  const said = Object.fromEntries(epochs.map((epoch) => [epoch, clockOffsetS]));
  const all = Object.entries({ ...known, ...said }).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(all.slice(-MAX_OFFSETS));
}

/** A part counts when the one before it was the status before it: else some streams of the listing were not heard. */
function nextPart(before: OpeningRow | undefined, { n, listing }: KitReport): OpeningRow['listing'] {
  if (listing === null) return null;
  if (listing.part === 1) return listing;
  const follows =
    before !== undefined &&
    before.n === n - 1 &&
    before.listing?.of === listing.of &&
    before.listing.part === listing.part - 1;
  return follows ? listing : null;
}

function endsListing({ listing }: OpeningRow, report: KitReport): boolean {
  return report.listing !== null && listing !== null && listing.part === listing.of;
}
