// The numbers that kit and server give, held against themselves and against each other (reliability sheet, C.2 I9).
import { Ranges } from '../../src/schema/ranges.js';
import type { LedgerAnswer, StatusAnswer } from './commands.js';

type Stream = StatusAnswer['ledger'][number];
type Entry = LedgerAnswer['entries'][number];

/** The kit's side: everything it ever accepted is somewhere. True at every moment. */
export function accountOf({ counts, spool }: StatusAnswer): string[] {
  const { accepted, delivered } = counts;
  const { waiting, handed_over, quarantined } = spool;
  const evicted = sum(counts.evicted) + sum(counts.evicted_handed_over);
  const found = delivered + waiting + handed_over + evicted + quarantined;
  if (accepted === found) return [];
  const parts = `${delivered} delivered, ${waiting} waiting, ${handed_over} handed over, ${evicted} evicted`;
  return [`I9: the kit accepted ${accepted}, and accounts for ${found}: ${parts}, ${quarantined} in quarantine`];
}

/** The server's side: each number received is a row, or merged into one, or rejected. */
export function serverAccount({ entries, rows }: LedgerAnswer): string[] {
  const received = entries.reduce((total, entry) => total + size(entry.received), 0);
  const elsewhere = entries.reduce((total, { merged, rejected }) => total + merged + rejected, 0);
  const stored = sum(rows);
  if (received === stored + elsewhere) return [];
  return [`I9: the server received ${received}, has ${stored} rows, and merged or rejected ${elsewhere}`];
}

/**
 * Both halves of the ledger, read while nothing moves: every number the kit gave out is received or given up on record,
 * the server knows what was given up, and misses nothing but what damage took.
 */
export function bothHalves(status: StatusAnswer, ledger: LedgerAnswer, forgiven: ReadonlySet<string>): string[] {
  const ofKit = status.ledger.flatMap((stream) => {
    const entry = ledger.entries.find(({ epoch, kind }) => epoch === stream.epoch && kind === stream.kind);
    return [...unaccounted(stream, entry, forgiven), ...disagreement(stream, entry)];
  });
  return [...ofKit, ...ledger.entries.flatMap((entry) => [...wronglyMissing(entry, forgiven), ...leftWaiting(entry)])];
}

function unaccounted(stream: Stream, entry: Entry | undefined, forgiven: ReadonlySet<string>): string[] {
  const { epoch, kind, next, evicted, quarantined } = stream;
  const known = new Ranges([...(entry?.received ?? []), ...evicted, ...quarantined]);
  const missing = numbersIn(stream, known.gaps(1, next - 1)).filter((number) => !forgiven.has(number));
  return missing.length === 0
    ? []
    : [`I9: ${missing.length} ${kind} of epoch ${epoch} are neither stored nor given up`];
}

/** What was given up and received all the same counts as received. */
function disagreement(stream: Stream, entry: Entry | undefined): string[] {
  const { epoch, kind } = stream;
  const of = (part: 'evicted' | 'quarantined'): string[] => {
    const onKit = new Set(numbersIn(stream, stream[part]));
    for (const number of numbersIn(stream, entry?.received ?? [])) onKit.delete(number);
    const onServer = numbersIn(stream, entry?.[part] ?? []);
    if (onKit.size === onServer.length && onServer.every((number) => onKit.has(number))) return [];
    return [`I9: the kit says ${onKit.size} ${kind} of epoch ${epoch} ${part}, the server ${onServer.length}`];
  };
  return [...of('evicted'), ...of('quarantined')];
}

function wronglyMissing(entry: Entry, forgiven: ReadonlySet<string>): string[] {
  const wrong = numbersIn(entry, entry.missing).filter((number) => !forgiven.has(number));
  if (wrong.length === 0) return [];
  return [`I9: the server misses ${wrong.length} ${entry.kind} of epoch ${entry.epoch} that are not lost`];
}

function leftWaiting({ epoch, kind, waiting }: Entry): string[] {
  const left = size(waiting);
  return left === 0 ? [] : [`I9: the server waits for ${left} ${kind} of epoch ${epoch} that the kit does not have`];
}

/** `epoch/kind/seq`, as the spool's rows are called. */
function numbersIn(stream: Pick<Stream, 'epoch' | 'kind'>, ranges: readonly (readonly [number, number])[]): string[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => `${stream.epoch}/${stream.kind}/${first + i}`),
  );
}

function size(ranges: readonly (readonly [number, number])[]): number {
  return new Ranges(ranges).size;
}

export function sum(counts: Readonly<Partial<Record<string, number>>> = {}): number {
  return Object.values(counts).reduce<number>((total, n) => total + (n ?? 0), 0);
}
