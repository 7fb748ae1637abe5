// The kit's half of the ledger, taken into a commit after the messages that came with it.
import type { KitReport } from '../store.js';
import { type LedgerBook, streamKey } from './ledger-book.js';
import { absent, examine, reported } from './missing.js';
import type { Heard } from './openings.js';
import type { OpeningRow, ReceiverRow, ReportRow, StreamId, Transaction } from './transaction.js';

/** `streams`: those of the batch, and those of its reporting kits that are to be looked at. */
export async function takeReports(
  tx: Transaction,
  book: LedgerBook,
  { counted, openings }: Heard,
  streams: readonly StreamId[],
  nowUs: number,
): Promise<void> {
  if (counted.length === 0) return;
  const opened = new Map(openings.map((row) => [row.kitId, row]));
  const candidates = streams.filter(({ kitId }) => opened.has(kitId));
  const stored = candidates.length === 0 ? [] : await tx.reports(candidates);
  const reports = new Map(stored.map((row) => [streamKey(row), row]));
  for (const { kitId, opening, streams: said } of counted) {
    for (const one of said) {
      const stream = { kitId, epoch: one.epoch, kind: one.kind };
      book.foretell(stream, one.next);
      reports.set(streamKey(stream), reported(reports.get(streamKey(stream)), stream, opening, one));
    }
  }
  const changed: ReportRow[] = [];
  for (const stream of candidates) {
    const report = settle(book, reports.get(streamKey(stream)), stream, opened.get(stream.kitId), nowUs);
    if (report === undefined) continue;
    book.setFloor(stream, report.floor);
    changed.push(report);
  }
  if (changed.length > 0) await tx.putReports(changed);
  await tx.putOpenings(openings);
}

/** What is known of a stream now; undefined when its kit has said nothing of it yet. */
function settle(
  book: LedgerBook,
  report: ReportRow | undefined,
  stream: StreamId,
  kit: OpeningRow | undefined,
  nowUs: number,
): ReportRow | undefined {
  const ledger = book.find(stream);
  if (ledger === undefined || kit === undefined) return report;
  const isNamed = report?.opening === kit.opening;
  // A new opening that has not listed everything yet may still name it.
  if (!isNamed && !kit.listed) return report;
  const latest = isNamed ? report : absent(report, stream, kit.opening, ledger.next);
  return examine(latest, ledger.received, ledger.next, nowUs);
}

/** Of each kit what its newest report says of its radios; one that says nothing of them changes nothing. */
export function receiverRows(counted: readonly KitReport[], reportedUs: number): ReceiverRow[] {
  const newest = new Map(
    counted.flatMap(({ kitId, receivers }) => (receivers === undefined ? [] : [[kitId, receivers]])),
  );
  return [...newest].flatMap(([kitId, receivers]) => receivers.map((one) => ({ ...one, kitId, reportedUs })));
}
