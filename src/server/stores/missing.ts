// What of a stream is waiting and what is missing, from what was received and what the kit says. Pure.
import { type Range, Ranges } from '../../schema/ranges.js';
import type { LedgerEntry, StreamReport } from '../store.js';
import type { LedgerAccount, MissingPart, ReportRow, StreamId } from './transaction.js';

/** A message may be on its way while a status that came before it speaks of what the spool no longer has. */
const STANDS_AFTER_US = 60e6;

/**
 * The kit's word on a stream after it has spoken of it. What it gave up it gave up for ever; what it set aside it may
 * send once more, so that of those the newest list counts.
 */
export function reported(before: ReportRow | undefined, id: StreamId, opening: string, said: StreamReport): ReportRow {
  const { floor, next } = said;
  return {
    ...unreported(id),
    ...before,
    opening,
    floor,
    next,
    evicted: union(before?.evicted, said.evicted),
    quarantined: union(said.quarantined),
  };
}

/** The same after it has listed all its streams without this one: nothing of it is left there. */
export function absent(before: ReportRow | undefined, id: StreamId, opening: string, ledgerNext: number): ReportRow {
  return { ...unreported(id), ...before, opening, floor: ledgerNext, next: ledgerNext, quarantined: [] };
}

function unreported({ kitId, epoch, kind }: StreamId): ReportRow {
  const nothing = { floor: 1, next: 1, examined: 1, evicted: [], quarantined: [], missing: [] };
  return { kitId, epoch, kind, opening: '', ...nothing };
}

/** Looks for what neither the server nor the kit has; what was missing before keeps the time since when it is. */
export function examine(report: ReportRow, received: readonly Range[], ledgerNext: number, nowUs: number): ReportRow {
  const settled = new Ranges([...received, ...report.evicted, ...report.quarantined]);
  const parts = [...settled.gaps(1, report.floor - 1), ...settled.gaps(report.next, ledgerNext - 1)];
  return { ...report, examined: ledgerNext, missing: withSince(parts, report.missing, nowUs) };
}

/** Both lists are sorted and without overlaps, and so is the result. */
function withSince(parts: readonly Range[], before: readonly MissingPart[], nowUs: number): MissingPart[] {
  const found: MissingPart[] = [];
  let i = 0;
  for (const [first, last] of parts) {
    let next = first;
    for (; i < before.length; i += 1) {
      const [from, to, sinceUs] = before[i] ?? [last + 1, last, nowUs];
      if (from > last) break;
      if (to < next) continue;
      if (from > next) append(found, [next, from - 1, nowUs], nowUs);
      append(found, [Math.max(from, next), Math.min(to, last), sinceUs], nowUs);
      next = to + 1;
      // Its rest may lie in the next part.
      if (to > last) break;
    }
    if (next <= last) append(found, [next, last, nowUs], nowUs);
  }
  return found;
}

/** Neighbours that have both stood for long enough become one, so that there are never many. */
function append(found: MissingPart[], part: MissingPart, nowUs: number): void {
  const last = found.at(-1);
  const stands = (sinceUs: number): boolean => sinceUs <= nowUs - STANDS_AFTER_US;
  const joins =
    last !== undefined && last[1] + 1 === part[0] && (last[2] === part[2] || (stands(last[2]) && stands(part[2])));
  if (joins) found[found.length - 1] = [last[0], part[1], Math.max(last[2], part[2])];
  else found.push(part);
}

export function toEntry(account: LedgerAccount, nowUs: number): LedgerEntry {
  const { kitId, epoch, kind, next, refused, merged, rejected, lastContactUs } = account;
  const received = new Ranges(account.received);
  const evicted = outside(received, account.evicted);
  const given = new Ranges([...account.received, ...evicted]);
  const quarantined = outside(given, account.quarantined);
  const settled = new Ranges([...account.received, ...evicted, ...quarantined]);
  const standing = account.missing.filter(([, , sinceUs]) => sinceUs <= nowUs - STANDS_AFTER_US);
  return {
    kitId,
    epoch,
    kind,
    received: account.received,
    next,
    evicted,
    quarantined,
    // Above `examined` the kit has said nothing yet: what was sent after it is taken to be there with what was before it.
    waiting: union(
      settled.gaps(account.floor, account.reportedNext - 1),
      settled.gaps(account.examined, account.next - 1),
    ),
    missing: outside(settled, union(standing.map(([first, last]) => [first, last] as const))),
    refused,
    merged,
    rejected,
    lastContactUs,
  };
}

function outside(set: Ranges, ranges: readonly Range[]): Range[] {
  return ranges.flatMap(([first, last]) => set.gaps(first, last));
}

function union(...lists: readonly (readonly Range[] | undefined)[]): Range[] {
  return new Ranges(lists.flatMap((list) => list ?? [])).toJSON();
}
