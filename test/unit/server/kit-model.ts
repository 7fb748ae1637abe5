// A kit as far as a server's ledger can tell: a spool that accepts, gives up, sets aside, is restored, and says so.
import type { Kind } from '../../../src/schema/kinds.js';
import { type Range, Ranges } from '../../../src/schema/ranges.js';
import type { KitReport, Observation, StreamReport } from '../../../src/server/store.js';
import { drone, T0_US } from './store-batches.js';

interface Stream {
  readonly epoch: string;
  readonly kind: Kind;
  next: number;
  /** Seqs that are there, also those set aside. */
  readonly rows: Set<number>;
  readonly evicted: Set<number>;
  readonly quarantined: Set<number>;
}

type Spool = Map<string, Stream>;

export class KitModel {
  private spool: Spool = new Map();
  private copy: Spool = new Map();
  private openings = 0;
  private n = 0;
  private epoch = '';
  private told = new Map<string, string>();

  constructor(readonly kitId: string) {
    this.open();
  }

  accept(kind: Kind): void {
    const stream = this.spool.get(`${this.epoch} ${kind}`) ?? {
      epoch: this.epoch,
      kind,
      next: 1,
      rows: new Set(),
      evicted: new Set(),
      quarantined: new Set(),
    };
    this.spool.set(`${this.epoch} ${kind}`, stream);
    stream.rows.add(stream.next);
    stream.next += 1;
  }

  /** Any of its rows, by number; null when it has none that could be sent. */
  message(which: number): Observation | null {
    const all = [...this.spool.values()].flatMap((stream) =>
      [...stream.rows].filter((seq) => !stream.quarantined.has(seq)).map((seq) => ({ stream, seq })),
    );
    const found = all[which % Math.max(1, all.length)];
    if (found === undefined) return null;
    const { epoch, kind } = found.stream;
    const columns = kind === 'signal' ? { freq_mhz: 5_800 } : {};
    const thing = `${epoch} ${found.seq}`;
    return drone({ kitId: this.kitId, kind, thing, keyUs: T0_US, identity: { epoch, seq: found.seq }, columns });
  }

  /** An acknowledgement covers it. */
  release({ kind, identity }: Observation): void {
    const stream = this.spool.get(`${identity?.epoch} ${kind}`);
    if (identity !== null && stream && !stream.quarantined.has(identity.seq)) stream.rows.delete(identity.seq);
  }

  evictOldest(kind: Kind): void {
    for (const stream of this.spool.values()) {
      const [oldest] = [...stream.rows].filter((seq) => !stream.quarantined.has(seq)).sort((a, b) => a - b);
      if (stream.kind !== kind || oldest === undefined) continue;
      stream.rows.delete(oldest);
      stream.evicted.add(oldest);
      return;
    }
  }

  setAside(which: number): void {
    const found = this.message(which);
    if (found?.identity) this.spool.get(`${found.identity.epoch} ${found.kind}`)?.quarantined.add(found.identity.seq);
  }

  /** What was set aside longest ago is to be sent once more. */
  retry(kind: Kind): void {
    for (const { kind: own, quarantined } of this.spool.values()) {
      const [first] = quarantined;
      if (own === kind && first !== undefined) quarantined.delete(first);
    }
  }

  /** Its disk as it is now, for a later day. */
  backUp(): void {
    this.copy = clone(this.spool);
  }

  /** Back to the copy; the rows since then are gone, and a new epoch begins. */
  restore(): void {
    this.spool = clone(this.copy);
    this.open();
  }

  /** The statuses that tell what has changed, or everything in so many parts. */
  statuses(parts: number): KitReport[] {
    const all = [...this.spool].map(([key, stream]) => [key, reportOf(stream)] as const);
    const isListing = parts > 0 || this.told.size === 0;
    const said = isListing ? all : all.filter(([key, report]) => this.told.get(key) !== JSON.stringify(report));
    for (const [key, report] of said) this.told.set(key, JSON.stringify(report));
    const of = isListing ? Math.max(1, parts) : 1;
    return Array.from({ length: of }, (_, i) => {
      this.n += 1;
      return {
        kitId: this.kitId,
        opening: `opening-${this.openings}`,
        n: this.n,
        listing: isListing ? { part: i + 1, of } : null,
        reconnects: 0,
        streams: said.filter((_one, index) => index % of === i).map(([, report]) => report),
      };
    });
  }

  /** A status was lost: everything is told again. */
  forgetTold(): void {
    this.told.clear();
  }

  /** From the lowest row that is there to the last that was ever accepted. */
  has(epoch: string, kind: Kind): Range[] {
    const stream = this.spool.get(`${epoch} ${kind}`);
    if (stream === undefined) return [];
    const { floor, next } = reportOf(stream);
    return floor < next ? [[floor, next - 1]] : [];
  }

  hasSetAside(epoch: string, kind: Kind, seq: number): boolean {
    return this.spool.get(`${epoch} ${kind}`)?.quarantined.has(seq) ?? false;
  }

  private open(): void {
    this.openings += 1;
    this.n = 0;
    this.told.clear();
    this.epoch = `${String(this.openings).padStart(8, '0')}abcdef01`;
  }
}

function reportOf({ epoch, kind, next, rows, evicted, quarantined }: Stream): StreamReport {
  const waiting = [...rows].filter((seq) => !quarantined.has(seq));
  const ranges = (seqs: Iterable<number>): Range[] => new Ranges([...seqs].map((seq) => [seq, seq] as const)).toJSON();
  const floor = Math.min(next, ...waiting);
  return { epoch, kind, floor, next, evicted: ranges(evicted), quarantined: ranges(quarantined) };
}

function clone(spool: Spool): Spool {
  return structuredClone(spool);
}
