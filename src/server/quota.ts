// How many messages of one kit may wait for the database, so that a kit that sends more than it takes hurts only itself.
//
// What delays the others is not how fast a kit sends (a kit with a week's backlog rightly sends all it can) but how much
// of it stands before them: in our queue, which is emptied in turns (fair-queue.ts), and in the broker's, which is one for
// all kits and grows whenever we hold as many as the broker gives us. So it is a bucket whose tokens come back with each
// commit instead of with time: as many as the kit may have waiting, and what comes when there is none is acknowledged to
// the broker at once and not stored, or the broker would keep it in everybody's way.
//
// A kit that keeps to its credit never gets there. One that does not loses nothing by it: what is not acknowledged to the
// kit it sends again. A stock DragonSync can't, and what the broker kept for us while we were away comes all at once: of
// that an allowance goes beyond, which time gives back slowly.
import type { Logger } from '../base/log.js';
import type { Batch } from './store.js';

/** A kit's credit of 1,500 is its backlog; what it sees live comes on top. */
export const MAX_WAITING_OF_KIT = 2_000;
/** What a busy stock kit sends in ten minutes; and more than it ever sends in a second, all day. */
const ALLOWANCE = 20_000;
const ALLOWANCE_PER_S = 100;
/** Kits with less than their whole allowance; beyond, the one that was first to use it has it all again. */
const MAX_KITS = 1_000;
const SAY_EVERY_MS = 60_000;

export interface QuotaOptions {
  readonly log: Logger;
  readonly nowMs?: () => number;
}

export class Quota {
  private readonly allowances = new Map<string, { left: number; atMs: number }>();
  private readonly nowMs: () => number;
  private saidMs = Number.NEGATIVE_INFINITY;
  private unsaid = 0;

  constructor(private readonly options: QuotaOptions) {
    this.nowMs = options.nowMs ?? (() => performance.now());
  }

  /** False: not to be stored. `waiting` are those of its owner that wait. */
  admits(owner: string, batch: Batch, waiting: number): boolean {
    if (waiting < MAX_WAITING_OF_KIT || isContact(batch)) return true;
    if (!comesAgain(batch) && this.takeAllowance(owner)) return true;
    this.say(owner);
    return false;
  }

  private takeAllowance(owner: string): boolean {
    const nowMs = this.nowMs();
    const known = this.allowances.get(owner) ?? { left: ALLOWANCE, atMs: nowMs };
    const left = Math.min(ALLOWANCE, known.left + ((nowMs - known.atMs) / 1_000) * ALLOWANCE_PER_S);
    const takes = left >= 1;
    this.allowances.set(owner, { left: takes ? left - 1 : left, atMs: nowMs });
    if (this.allowances.size > MAX_KITS) this.forgetFirst();
    return takes;
  }

  private forgetFirst(): void {
    for (const owner of this.allowances.keys()) {
      this.allowances.delete(owner);
      return;
    }
  }

  private say(owner: string): void {
    this.unsaid += 1;
    if (this.nowMs() - this.saidMs < SAY_EVERY_MS) return;
    const fields = { kit: owner === NOBODY ? null : owner, messages: this.unsaid };
    this.options.log.warn(fields, 'a kit sends more than the database takes: what is beyond its quota is not stored');
    this.saidMs = this.nowMs();
    this.unsaid = 0;
  }
}

/** Messages that no kit can be told from are one kit's, so to speak. */
const NOBODY = '';

/** Whose message it is. */
export function ownerOf({ observations, rejects, reports, contacts }: Batch): string {
  return (observations[0] ?? rejects[0] ?? reports[0] ?? contacts[0])?.kitId ?? NOBODY;
}

/** A birth or a last will: one line, and nobody says it again. */
function isContact({ observations, rejects, reports }: Batch): boolean {
  return observations.length + rejects.length + reports.length === 0;
}

/** By the end-to-end acknowledgement; a status by the next one. */
function comesAgain({ observations, rejects, reports }: Batch): boolean {
  return reports.length > 0 || [...observations, ...rejects].every(({ identity }) => identity !== null);
}
