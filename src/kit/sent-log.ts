// What this process has sent. An acknowledgement for more is a mistake, or for what an earlier process sent: it must not
// delete what no server may have, and what one does have is acknowledged again when it is sent again.
import { Ranges } from '../schema/ranges.js';
import type { Covered, SpoolRow } from '../spool/spool.js';

type Numbered = Pick<SpoolRow, 'epoch' | 'class' | 'seq'>;

export class SentLog {
  private readonly sent = new Map<string, Ranges>();

  /** False when it was sent before. */
  add(row: Numbered): boolean {
    const known = this.sent.get(key(row));
    if (known !== undefined) return known.add(row.seq);
    this.sent.set(key(row), new Ranges([[row.seq, row.seq]]));
    return true;
  }

  has({ seq, ...stream }: Numbered): boolean {
    return this.sent.get(key(stream))?.has(seq) === true;
  }

  /** The part of it that was sent. */
  credible(covered: Covered): Covered {
    const sent = this.sent.get(key(covered)) ?? new Ranges();
    return { ...covered, ranges: covered.ranges.flatMap(([first, last]) => sent.within(first, last)) };
  }
}

function key({ epoch, class: c }: Pick<Numbered, 'epoch' | 'class'>): string {
  return `${epoch} ${c}`;
}
