// What was last accepted of each thing, so that the same observation is no news, also after a restart.
import { createHash } from 'node:crypto';
import type { Statement } from '../base/sqlite.js';
import * as plans from './plans.js';
import type { Statements } from './statements.js';

/** More things than a kit hears in an hour; the memory must not grow with spoofed ids. */
const MAX_MARKS = 20_000;
/** And of a small spool it must not take all. */
const SPOOL_BYTES_PER_MARK = 2_048;
/** Forgotten this part at a time, as it takes a look at all of them. */
const SLACK = 0.25;
/** Ids come from the air, of any length: a longer one is remembered by its digest. */
const MAX_THING_LENGTH = 64;

export class Marks {
  private readonly maxMarks: number;
  /** About how many there are. */
  private count: number;
  private readonly putMark: Statement;

  constructor(
    private readonly statements: Statements,
    spoolBytes: number,
  ) {
    this.maxMarks = Math.min(MAX_MARKS, Math.floor(spoolBytes / SPOOL_BYTES_PER_MARK));
    this.count = this.counted();
    this.putMark = statements.prepared(plans.PUT_MARK);
  }

  last(c: number, thing: string): string | null {
    return this.statements.value<string>(plans.GET_MARK, c, keyOf(thing)) ?? null;
  }

  /** Within a transaction. */
  put(c: number, thing: string, mark: string, id: number): void {
    this.putMark.run(c, keyOf(thing), mark, id);
    this.count += 1;
  }

  /** Within a transaction: forgets the things that were quiet for longest. */
  prune(): void {
    if (this.count < this.maxMarks * (1 + SLACK)) return;
    this.statements.run(plans.PRUNE_MARKS, this.maxMarks);
    this.count = this.counted();
  }

  private counted(): number {
    return this.statements.value<number>(plans.COUNT_MARKS) ?? 0;
  }
}

function keyOf(thing: string): string {
  if (thing.length <= MAX_THING_LENGTH) return thing;
  return `#${createHash('sha256').update(thing).digest('base64url')}`;
}
