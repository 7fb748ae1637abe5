// Looks for damage before a spool is used: a page that a dying card has zeroed is found at the start, where the spool can
// be kept aside, and not in the middle of the night. Bounded in time, as a kit has to start.
import { SpoolError } from '../base/errors.js';
import type { Sqlite } from '../base/sqlite.js';
import * as plans from './plans.js';
import { bytesOf } from './spool-reader.js';

/** Up to here SQLite's own check of everything takes a fraction of a second; a spool that is not behind is smaller. */
const CHECKED_WHOLE_BYTES = 32 * 1024 * 1024;
/** Of a long backlog so much is read: the oldest rows, which are the next to go. The rest shows when it is read. */
const READING_MS = 2_000;
const SLICE_ROWS = 500;

/** @throws SpoolError `corrupt`, or what SQLite throws at a damaged page. */
export function checkIntegrity(db: Sqlite, path: string, classes: readonly number[]): void {
  if (bytesOf(path) <= CHECKED_WHOLE_BYTES) {
    expectOk(path, db.pragma('quick_check(1)', { simple: true }));
    return;
  }
  for (const table of plans.SMALL_TABLES) expectOk(path, db.pragma(`quick_check(${table})`, { simple: true }));
  const until = performance.now() + READING_MS;
  for (const table of ['quarantine', ...classes.map((c) => `message_${c}`)]) readThrough(db, table, until);
}

function readThrough(db: Sqlite, table: string, until: number): void {
  const touch = db.prepare(plans.touchRows(table)).pluck();
  let lastId: number | null = 0;
  while (lastId !== null && performance.now() < until) lastId = touch.get(lastId, SLICE_ROWS) as number | null;
}

function expectOk(path: string, found: unknown): void {
  if (found === 'ok') return;
  const first = String(found).split('\n')[0];
  throw new SpoolError(`spool ${path} is damaged: ${first}`, { code: 'corrupt' });
}
