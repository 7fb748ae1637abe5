// The ledger's rows as SQLite has them, and back: ranges as JSON text, times as ISO 8601, booleans as 0 and 1.
import type { Kind } from '../../schema/kinds.js';
import type { Range } from '../../schema/ranges.js';
import type { LedgerAccount, LedgerWithFloor, MissingPart, OpeningRow, ReportRow, StreamId } from './transaction.js';

export interface StoredStream {
  readonly kit_id: string;
  readonly epoch: string;
  readonly kind: Kind;
}

export function toStream({ kit_id: kitId, epoch, kind }: StoredStream): StreamId {
  return { kitId, epoch, kind };
}

export interface StoredLedger extends StoredStream {
  readonly received: string;
  readonly next: number;
  readonly refused: number;
  readonly merged: number;
  readonly rejected: number;
  readonly last_contact: string;
  readonly floor: number | null;
}

export function toLedger({
  kit_id: kitId,
  received,
  last_contact: lastContact,
  ...row
}: StoredLedger): LedgerWithFloor {
  return { ...row, kitId, received: toRanges(received), lastContactUs: microsOf(lastContact) };
}

export interface StoredAccount extends StoredLedger {
  readonly floor: number;
  readonly reported_next: number;
  readonly examined: number;
  readonly evicted: string;
  readonly quarantined: string;
  readonly missing: string;
}

export function toAccount(row: StoredAccount): LedgerAccount {
  const { floor, reported_next: reportedNext, examined, evicted, quarantined, missing, ...ledger } = row;
  return {
    ...toLedger({ ...ledger, floor }),
    floor,
    reportedNext,
    examined,
    ...toLists(evicted, quarantined, missing),
  };
}

export interface StoredReport extends StoredStream {
  readonly opening: string;
  readonly floor: number;
  readonly next: number;
  readonly examined: number;
  readonly evicted: string;
  readonly quarantined: string;
  readonly missing: string;
}

export function toReport({ kit_id: kitId, evicted, quarantined, missing, ...row }: StoredReport): ReportRow {
  return { ...row, kitId, ...toLists(evicted, quarantined, missing) };
}

export interface StoredOpening {
  readonly kit_id: string;
  readonly opening: string;
  readonly n: number;
  readonly listing: string | null;
  readonly listed: number;
  readonly superseded: string;
  readonly clock_offsets: string;
}

export function toOpening({ kit_id: kitId, listing, listed, superseded, ...row }: StoredOpening): OpeningRow {
  const { opening, n, clock_offsets: clockOffsets } = row;
  return {
    kitId,
    opening,
    n,
    clockOffsets: JSON.parse(clockOffsets) as OpeningRow['clockOffsets'],
    listing: listing === null ? null : (JSON.parse(listing) as OpeningRow['listing']),
    listed: listed === 1,
    superseded: JSON.parse(superseded) as string[],
  };
}

function toLists(
  evicted: string,
  quarantined: string,
  missing: string,
): Pick<ReportRow, 'evicted' | 'quarantined' | 'missing'> {
  return {
    evicted: toRanges(evicted),
    quarantined: toRanges(quarantined),
    missing: JSON.parse(missing) as MissingPart[],
  };
}

function toRanges(text: string): Range[] {
  return JSON.parse(text) as Range[];
}

/** `isoMicros` back, exactly: a Date keeps only milliseconds, so that it is asked for whole seconds. */
export function microsOf(iso: string): number {
  return Date.parse(`${iso.slice(0, 19)}Z`) * 1000 + Number(iso.slice(20, 26));
}
