// What a spool's file tells: read by the process that owns it and by whoever looks into it from outside.
import { statSync } from 'node:fs';
import type { Range } from '../schema/ranges.js';
import { HandedOver } from './handed-over.js';
import { IdentitySearch, NOWHERE } from './identity-search.js';
import * as plans from './plans.js';
import { RangeTable, type StreamRange } from './range-table.js';
import type { ClassCounts, ExportedRow, QuarantinedRow, SpoolCounts, SpoolRow, StreamLedger } from './spool.js';
import type { Statements } from './statements.js';

interface Counters extends Omit<ClassCounts, 'waiting' | 'handedOver'> {
  readonly class: number;
  readonly there: number;
}

/** What belongs to a spool beside its database. */
export const SIDE_FILES = { wal: '-wal', sharedMemory: '-shm', ballast: '.ballast' } as const;

const NONE: ReadonlySet<number> = new Set();

export class SpoolReader {
  private readonly handedOver: HandedOver;
  private readonly evicted: RangeTable;
  private readonly search: IdentitySearch;

  constructor(
    private readonly statements: Statements,
    private readonly path: string,
    private readonly classes: readonly number[],
  ) {
    this.handedOver = new HandedOver(statements);
    this.evicted = new RangeTable(statements, 'evicted');
    this.search = new IdentitySearch(statements);
  }

  meta(key: string): string | number | null {
    return this.statements.value<string | number>(plans.GET_META, key) ?? null;
  }

  note(name: string): string | null {
    return this.meta(`note ${name}`) as string | null;
  }

  lastId(): number {
    return this.statements.value<number>(plans.LAST_ID) ?? 0;
  }

  read(afterId: number, uptoId: number, limit: number, without: ReadonlySet<number> = NONE): SpoolRow[] {
    if (this.handedOver.isEmpty()) {
      return this.readBetween((c) => (without.has(c) ? NOWHERE : afterId + 1), uptoId, limit);
    }
    const classes = this.classes.filter((c) => !without.has(c));
    const rows: SpoolRow[] = [];
    let after = afterId;
    while (rows.length < limit && after < uptoId) {
      const stretches = new Map(classes.map((c) => [c, this.handedOver.nextWaiting(c, after)]));
      const ends = [...stretches.values()].map((stretch) => stretch?.uptoId ?? NOWHERE);
      // Up to here each class has nothing but rows that wait, from where its stretch begins.
      const upto = Math.min(uptoId, ...ends);
      const from = (c: number): number => stretches.get(c)?.fromId ?? NOWHERE;
      rows.push(...this.readBetween(from, upto, limit - rows.length));
      after = upto;
    }
    return rows;
  }

  private readBetween(from: (c: number) => number, upto: number, limit: number): SpoolRow[] {
    const starts = Object.fromEntries(this.classes.map((c) => [`from_${c}`, from(c)]));
    return this.statements.all(plans.readMessages(this.classes), { ...starts, upto, limit });
  }

  readEverything(after: number, upto: number, limit: number): ExportedRow[] {
    const rows = this.statements.all<Omit<ExportedRow, 'handedOver'> & { handedOver: number }>(
      plans.readEverything(this.classes),
      { after, upto, limit },
    );
    return rows.map((row) => ({ ...row, handedOver: row.handedOver === 1 }));
  }

  quarantined(afterId: number, limit: number): QuarantinedRow[] {
    return this.statements.all(plans.READ_QUARANTINED, afterId, limit);
  }

  ledger(): StreamLedger[] {
    const streams = this.statements.all<{ epoch: string; class: number; next: number }>(plans.ALL_STREAMS);
    const floors = new Map<string, number>();
    for (const c of this.classes) {
      for (const { epoch, seq } of this.search.firstOfEpochs(c)) floors.set(keyOf({ epoch, class: c }), seq);
    }
    const evicted = byStream(this.evicted.all());
    const quarantined = byStream(this.statements.all<StreamRange>(plans.QUARANTINED_RANGES));
    return streams.map((stream) => ({
      ...stream,
      floor: floors.get(keyOf(stream)) ?? stream.next,
      evicted: evicted.get(keyOf(stream)) ?? [],
      quarantined: quarantined.get(keyOf(stream)) ?? [],
    }));
  }

  counts(): SpoolCounts {
    const classes = new Map<number, ClassCounts>();
    for (const { class: c, there, ...counters } of this.statements.all<Counters>(plans.ALL_COUNTERS)) {
      const handedOver = this.handedOver.size(c);
      classes.set(c, { ...counters, waiting: there - handedOver, handedOver });
    }
    const sum = (pick: (counts: ClassCounts) => number): number =>
      [...classes.values()].reduce((total, counts) => total + pick(counts), 0);
    return {
      classes,
      waiting: sum(({ waiting }) => waiting),
      handedOver: sum(({ handedOver }) => handedOver),
      quarantined: this.statements.value<number>(plans.COUNT_QUARANTINED) ?? 0,
      bytes: bytesOnDisk(this.path),
      oldestAtMs: this.oldestWaiting(),
    };
  }

  private oldestWaiting(): number | null {
    const times = this.classes.map((c) => {
      const stretch = this.handedOver.nextWaiting(c, 0);
      return stretch === null ? undefined : this.statements.value<number>(plans.acceptedAt(c), stretch.fromId);
    });
    const known = times.filter((ms) => ms !== undefined);
    return known.length === 0 ? null : Math.min(...known);
  }
}

export function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function bytesOnDisk(path: string): number {
  return ['', ...Object.values(SIDE_FILES)].reduce((sum, suffix) => sum + bytesOf(path + suffix), 0);
}

function keyOf({ epoch, class: c }: { readonly epoch: string; readonly class: number }): string {
  return `${epoch} ${c}`;
}

function byStream(ranges: readonly StreamRange[]): Map<string, Range[]> {
  const streams = new Map<string, Range[]>();
  for (const range of ranges) {
    const known = streams.get(keyOf(range));
    if (known === undefined) streams.set(keyOf(range), [[range.first, range.last]]);
    else known.push([range.first, range.last]);
  }
  return streams;
}
