// A spool under watch: after every write its rows are compared with what may have become of them, and its process can die
// before or after any of them.
import { kindOf } from '../../../src/kit/classes.js';
import type { NewRow, Spool, SpoolRow } from '../../../src/spool/spool.js';
import type { Disk } from './disk.js';
import type { DiskBook } from './disk-book.js';

const WRITES = [
  'accept',
  'deliver',
  'release',
  'handOver',
  'takeBack',
  'quarantine',
  'retry',
  'drop',
  'maintain',
  'setKitId',
  'setStoreId',
] as const;
export type Write = (typeof WRITES)[number];

export interface Crash {
  /** So many writes are still made. */
  readonly writes: number;
  /** The one that it comes at is made as well, and nobody hears of it. */
  readonly after: boolean;
}

/** What a dead process gets to hear: it must do nothing more. */
const NOTHING: Partial<Record<keyof Spool, unknown>> = {
  accept: [],
  read: [],
  release: [],
  ledger: [],
  quarantined: [],
  lastId: 0,
  retry: 0,
  drop: 0,
  maintain: 0,
};

export class WatchedSpool {
  /** What the process works with. */
  readonly spool: Spool;
  isAlive = true;
  private crash: Crash | null = null;
  private readonly inner: Spool;
  private readonly counted: ReturnType<Spool['counts']>;

  constructor(
    disk: Disk,
    private readonly book: DiskBook,
    private readonly onDeath: () => void,
  ) {
    this.inner = disk.open();
    this.counted = this.inner.counts();
    this.spool = new Proxy(this.inner, { get: (inner, name: keyof Spool) => this.property(inner, name) });
  }

  /** Dies at one of the next writes. */
  arm(crash: Crash): void {
    this.crash = crash;
  }

  disarm(): void {
    this.crash = null;
  }

  die(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.onDeath();
  }

  private property(inner: Spool, name: keyof Spool): unknown {
    const value: unknown = Reflect.get(inner, name);
    if (typeof value !== 'function') return value;
    const call = (...args: unknown[]): unknown => Reflect.apply(value, inner, args);
    if (WRITES.includes(name as Write)) return (...args: unknown[]) => this.write(name as Write, args, call);
    return (...args: unknown[]) => (this.isAlive ? call(...args) : this.nothing(name));
  }

  private write(name: Write, args: unknown[], call: (...args: unknown[]) => unknown): unknown {
    if (!this.isAlive) return this.nothing(name);
    const { crash } = this;
    if (crash?.writes === 0 && !crash.after) {
      this.die();
      return this.nothing(name);
    }
    const result = call(...args);
    if (name === 'accept') this.book.accepted(args[0] as NewRow[], result as SpoolRow[]);
    if (name === 'handOver') this.book.handedOver(args[0] as SpoolRow[]);
    if (name === 'maintain' || !saysNothing(result)) this.book.compare(name, this.inner);
    if (crash?.writes === 0) this.die();
    else if (crash !== null) this.crash = { ...crash, writes: crash.writes - 1 };
    return result;
  }

  private nothing(name: keyof Spool): unknown {
    return name === 'counts' ? this.counted : (NOTHING[name] ?? null);
  }
}

/** By its own word nothing went or came; if that is not so, the next comparison finds it. `maintain` leaves some out. */
function saysNothing(result: unknown): boolean {
  return result === 0 || (Array.isArray(result) && result.length === 0);
}

export function rowIdentity({ class: c, epoch, seq }: Pick<SpoolRow, 'class' | 'epoch' | 'seq'>): string {
  return `${kindOf(c)} ${epoch} ${seq}`;
}
