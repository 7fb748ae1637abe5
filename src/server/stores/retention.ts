// How long things are kept, as WarDragon Analytics keeps them, and their deletion in slices that let commits pass.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kind } from '../../schema/kinds.js';
import { TABLES, type TableName } from './tables.js';

const DAY_US = 24 * 3600 * 1e6;

/** Of raw rows, in days. */
export const RETENTION_DAYS: Readonly<Record<TableName, number>> = { drones: 30, signals: 30, system_health: 90 };

const REJECT_DAYS = 30;
const MAX_REJECTS = 100_000;
const SLICE_ROWS = 2_000;

const KINDS_OF: Readonly<Record<TableName, readonly Kind[]>> = {
  drones: ['drone', 'aircraft'],
  signals: ['signal'],
  system_health: ['system'],
};

/** Each deletes at most `limit` rows in a transaction of its own, and returns how many. */
export interface Pruner {
  /** Drops what is wholly older where rows lie in chunks, unless the database does that itself; false where they do not. */
  dropChunks(table: TableName, beforeUs: number): Promise<boolean>;
  rows(table: TableName, beforeUs: number, limit: number): Promise<number>;
  keys(kinds: readonly Kind[], beforeUs: number, limit: number): Promise<number>;
  minutes(kinds: readonly Kind[], beforeS: number, limit: number): Promise<number>;
  oldRejects(beforeUs: number, limit: number): Promise<number>;
  surplusRejects(kept: number, limit: number): Promise<number>;
}

/** Returns how many rows and rejects are gone. */
export async function prune(pruner: Pruner, nowUs: number): Promise<number> {
  let gone = 0;
  for (const table of TABLES) {
    const beforeUs = nowUs - RETENTION_DAYS[table] * DAY_US;
    const inChunks = await pruner.dropChunks(table, beforeUs);
    if (!inChunks) gone += await inSlices((limit) => pruner.rows(table, beforeUs, limit));
    // The keys after their rows: a key that is gone too early would let its observation in twice.
    await inSlices((limit) => pruner.keys(KINDS_OF[table], beforeUs, limit));
    await inSlices((limit) => pruner.minutes(KINDS_OF[table], Math.floor(beforeUs / 1e6), limit));
  }
  gone += await inSlices((limit) => pruner.oldRejects(nowUs - REJECT_DAYS * DAY_US, limit));
  gone += await inSlices((limit) => pruner.surplusRejects(MAX_REJECTS, limit));
  return gone;
}

async function inSlices(slice: (limit: number) => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const deleted = await slice(SLICE_ROWS);
    total += deleted;
    if (deleted < SLICE_ROWS) return total;
    // SQLite works in this thread: between two slices the broker and the kits must be heard.
    await nextTurn();
  }
}
