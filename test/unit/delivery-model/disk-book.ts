// What is on a disk by the model's account, and by which right a row leaves it.
import { kindOf } from '../../../src/kit/classes.js';
import type { Delivery } from '../../../src/kit/delivery.js';
import { toMicros } from '../../../src/schema/time.js';
import type { NewRow, Spool, SpoolRow } from '../../../src/spool/spool.js';
import type { KitDatabase } from './database.js';
import type { Disk } from './disk.js';
import type { OutsideLedger } from './outside-ledger.js';
import { rowIdentity, type Write } from './watched-spool.js';

/** The body of what does not fit into the smallest packet of the schedules. */
const LARGE_BYTES = 3_000;

export interface Place {
  readonly id: number;
  readonly isAside: boolean;
  readonly isHandedOver: boolean;
}

/** A disk's rows and marks, for as long as nobody puts it back to a copy. */
export interface Copy {
  readonly content: Buffer;
  readonly marks: ReadonlyMap<string, string>;
}

export class DiskBook {
  present = new Map<string, Place>();
  private marks = new Map<string, string>();

  constructor(
    private readonly disk: Disk,
    private readonly outside: OutsideLedger,
    private readonly databases: readonly KitDatabase[],
    private readonly delivery: Delivery,
    private readonly onGone: (identities: readonly string[], isAcknowledged: boolean) => void,
  ) {}

  /** In the transaction that just ended. */
  accepted(given: readonly NewRow[], rows: readonly SpoolRow[]): void {
    for (const [i, row] of rows.entries()) {
      const { thing = '', mark = '' } = given[i] ?? {};
      const kind = kindOf(row.class);
      const about = `${kind} ${thing}`;
      const { n, observed_at: seconds } = JSON.parse(row.body) as { n: number; observed_at: number };
      const us = kind === 'system' ? Math.floor(seconds) * 1e6 : toMicros(seconds);
      this.outside.expect(this.marks.get(about) !== mark, () => `${about} at ${mark} was accepted twice`);
      this.marks.set(about, mark);
      const identity = rowIdentity(row);
      this.outside.expect(!this.outside.accepted.has(identity), () => `${identity} was given out twice`);
      const isLarge = row.body.length >= LARGE_BYTES;
      const fresh = { identity, kind, epoch: row.epoch, seq: row.seq, observation: `${about} ${us}`, n, isLarge };
      this.outside.accepted.set(identity, { ...fresh, sent: false, confirmed: false });
      this.present.set(identity, { id: row.id, isAside: false, isHandedOver: false });
    }
  }

  /** After a write: whatever is gone went by right, and nothing has appeared. */
  compare(write: Write, spool: Spool): void {
    if (write === 'accept' && this.disk.size() === this.present.size) return;
    const now = this.look();
    const gone = [...this.present.keys()].filter((identity) => !now.has(identity));
    const came = [...now.keys()].filter((identity) => !this.present.has(identity));
    this.outside.expect(came.length === 0, () => `${write} made ${came[0]} appear`);
    for (const [identity, { isAside }] of now) {
      if (isAside && this.present.get(identity)?.isAside === false) this.setAside(identity);
    }
    this.present = now;
    if (gone.length === 0) return;
    this.judge(write, spool, gone);
    this.onGone(gone, write === 'release');
  }

  handedOver(rows: readonly SpoolRow[]): void {
    for (const row of rows) {
      const identity = rowIdentity(row);
      const { confirmed } = this.outside.get(identity);
      this.outside.expect(confirmed, () => `${identity} is handed over, and no broker has confirmed it`);
    }
  }

  private setAside(identity: string): void {
    this.outside.aside.add(identity);
    const { sent, isLarge } = this.outside.get(identity);
    this.outside.expect(sent || isLarge, () => `${identity} is set aside, and was never sent`);
  }

  private judge(write: Write, spool: Spool, gone: readonly string[]): void {
    switch (write) {
      case 'release':
        this.released(spool.storeId(), gone);
        break;
      case 'deliver':
        this.delivered(gone);
        break;
      case 'accept':
      case 'maintain':
      case 'drop':
        this.evicted(gone);
        break;
      default:
        this.outside.fail(`${write} deleted ${gone[0]}`);
    }
  }

  private released(storeId: string | null, gone: readonly string[]): void {
    const database = this.databases.find((one) => one.storeId === storeId);
    for (const identity of gone) {
      if (database?.has(identity)) {
        database.owed.add(identity);
        continue;
      }
      // It was there when the server said so.
      if (database?.rolledBack.has(identity)) this.outside.lost.add(identity);
      else this.outside.fail(`${identity} is deleted, and not in the database`);
    }
  }

  private delivered(gone: readonly string[]): void {
    for (const identity of gone) {
      this.outside.delivered.add(identity);
      const byRight = this.delivery === 'broker' && this.outside.get(identity).confirmed;
      this.outside.expect(byRight, () => `${identity} is deleted at a broker's word`);
    }
  }

  private evicted(gone: readonly string[]): void {
    const recorded = this.recorded(gone);
    for (const identity of gone) {
      this.outside.expect(recorded.has(identity), () => `${identity} is evicted, and not on record`);
      this.outside.evicted.add(identity);
    }
  }

  /** Those of them that the disk has on record as evicted. */
  private recorded(identities: Iterable<string>): Set<string> {
    const streams = new Map(this.disk.ledger().map((one) => [`${kindOf(one.class)} ${one.epoch}`, one.evicted]));
    const isRecorded = (identity: string): boolean => {
      const { kind, epoch, seq } = this.outside.get(identity);
      return (streams.get(`${kind} ${epoch}`) ?? []).some(([first, last]) => first <= seq && seq <= last);
    };
    return new Set([...identities].filter(isRecorded));
  }

  copy(): Copy {
    return { content: this.disk.content(), marks: new Map(this.marks) };
  }

  /** The disk was put back to this copy, or made from it; returns the identities that are gone with what was there. */
  restored({ marks }: Copy): string[] {
    const before = this.present;
    this.present = this.look();
    this.marks = new Map(marks);
    const recorded = this.recorded(this.outside.evicted);
    for (const identity of this.outside.evicted) {
      if (!recorded.has(identity)) this.outside.unrecorded.add(identity);
    }
    return [...before.keys()].filter((identity) => !this.present.has(identity));
  }

  private look(): Map<string, Place> {
    return new Map(
      this.disk.everything().map((row) => {
        const place = { id: row.id, isAside: row.reason !== null, isHandedOver: row.handedOver };
        return [rowIdentity(row), place];
      }),
    );
  }
}
