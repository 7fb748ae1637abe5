// What is true, kept outside of everything that is tested: what was accepted, where each of it is, and how it may go.
import type { Kind } from '../../../src/schema/kinds.js';

/** One row that a spool has committed. */
export interface Accepted {
  readonly identity: string;
  readonly kind: Kind;
  readonly epoch: string;
  readonly seq: number;
  /** Which observation it is: kind, thing and time. */
  readonly observation: string;
  /** Tells its content from every other one's. */
  readonly n: number;
  /** More than some brokers take. */
  readonly isLarge: boolean;
  /** Some process has sent it. */
  sent: boolean;
  /** A broker has said yes to it. */
  confirmed: boolean;
}

export function identityOf({ kind, epoch, seq }: Pick<Accepted, 'kind' | 'epoch' | 'seq'>): string {
  return `${kind} ${epoch} ${seq}`;
}

export class OutsideLedger {
  readonly accepted = new Map<string, Accepted>();
  /** Ever on record as evicted, or set aside. */
  readonly evicted = new Set<string>();
  readonly aside = new Set<string>();
  /** Evicted, and the record of it went with a disk that was put back: nobody may have heard of it. */
  readonly unrecorded = new Set<string>();
  /** Deleted at a broker's word, where that is what was asked for. */
  readonly delivered = new Set<string>();
  /** Gone with a disk or a database that was put back to an older copy: nobody's fault but the operator's. */
  readonly lost = new Set<string>();
  /** What is wrong; the first entry is the cause. */
  readonly broken: string[] = [];

  fail(what: string): void {
    this.broken.push(what);
  }

  expect(holds: boolean, what: () => string): void {
    if (!holds) this.fail(what());
  }

  get(identity: string): Accepted {
    const found = this.accepted.get(identity);
    if (found === undefined) throw new Error(`${identity} was never accepted`);
    return found;
  }

  /** The later (epoch, seq) is the state of an observation. */
  later(a: string, b: string | undefined): string {
    if (b === undefined) return a;
    const [one, two] = [this.get(a), this.get(b)];
    if (one.epoch !== two.epoch) return one.epoch > two.epoch ? a : b;
    return one.seq > two.seq ? a : b;
  }
}
