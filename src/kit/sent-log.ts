// What this process has sent. Of the epoch that it began itself nobody else ever sent any, so that an acknowledgement for
// more is a mistake, and must not delete what no server can have.
import { Ranges } from '../schema/ranges.js';
import type { Covered, SpoolRow } from '../spool/spool.js';

type Numbered = Pick<SpoolRow, 'epoch' | 'class' | 'seq'>;

export class SentLog {
  private readonly sent = new Map<string, Ranges>();

  constructor(private readonly currentEpoch: () => string | null) {}

  /** False when it was sent before. */
  add(row: Numbered): boolean {
    const known = this.sent.get(key(row));
    if (known !== undefined) return known.add(row.seq);
    this.sent.set(key(row), new Ranges([[row.seq, row.seq]]));
    return true;
  }

  /** The part of it that can be true. Of older epochs other processes sent, and this one can't judge. */
  credible(covered: Covered): Covered {
    if (covered.epoch !== this.currentEpoch()) return covered;
    const sent = this.sent.get(key(covered)) ?? new Ranges();
    return { ...covered, ranges: covered.ranges.flatMap(([first, last]) => sent.within(first, last)) };
  }
}

function key({ epoch, class: c }: Pick<Numbered, 'epoch' | 'class'>): string {
  return `${epoch} ${c}`;
}
