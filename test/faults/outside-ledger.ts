// The truth from outside: what the kit was shown, and what of it the kit must have accepted. In memory, and in a file
// for whoever looks into a failure.
import { appendFileSync } from 'node:fs';
import { spareNow } from '../fixtures/patience.js';
import type { Observation } from './observations.js';
import type { SpooledRow } from './spool-view.js';

export interface Entered {
  readonly observation: Observation;
  /** By a clock that stands still while the machine is busy. */
  readonly offeredAtMs: number;
  /** Served whole and taken, or seen in the spool: from here on it may not be lost. */
  must: boolean;
  /** Damage on purpose took it out of the spool: it may be gone, and may not. */
  forgiven: boolean;
}

export class OutsideLedger {
  readonly entries = new Map<string, Entered>();
  /** As they were offered. */
  readonly order: Entered[] = [];
  /** The kit's own numbers of what damage took. */
  readonly forgivenNumbers = new Set<string>();

  constructor(private readonly file: string) {}

  offer(observations: readonly Observation[]): void {
    const fresh = observations.filter(({ id }) => !this.entries.has(id));
    const offeredAtMs = spareNow();
    for (const observation of fresh) {
      const entered = { observation, offeredAtMs, must: false, forgiven: false };
      this.entries.set(observation.id, entered);
      this.order.push(entered);
    }
    this.write(fresh.map(({ id, kind, hash }) => `offered ${kind} ${hash} ${id}`));
  }

  /** The kit has asked for the next: these are in its spool. */
  taken(ids: Iterable<string>): void {
    this.enter(ids, 'taken');
  }

  /** They stand in the spool's file. */
  seen(ids: Iterable<string>): void {
    this.enter(ids, 'seen');
  }

  private enter(ids: Iterable<string>, how: 'taken' | 'seen'): void {
    const lines: string[] = [];
    for (const id of ids) {
      const entry = this.entries.get(id);
      if (entry === undefined || entry.must) continue;
      entry.must = true;
      lines.push(`${how} ${id}`);
    }
    this.write(lines);
  }

  /** Of these rows damage may have taken any. Returns how many there are. */
  forgive(rows: Iterable<SpooledRow>): number {
    const lines: string[] = [];
    for (const { number, id } of rows) {
      const entry = this.entries.get(id);
      if (entry !== undefined) entry.forgiven = true;
      this.forgivenNumbers.add(number);
      lines.push(`forgiven ${number} ${id}`);
    }
    this.write(lines);
    return lines.length;
  }

  isTaken(id: string): boolean {
    return this.entries.get(id)?.must === true;
  }

  get mustCount(): number {
    let count = 0;
    for (const { must } of this.entries.values()) if (must) count += 1;
    return count;
  }

  private write(lines: readonly string[]): void {
    const now = Date.now();
    if (lines.length > 0) appendFileSync(this.file, lines.map((line) => `${now} ${line}\n`).join(''));
  }
}
