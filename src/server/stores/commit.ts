// The commit of a batch, step by step, the same on every database (server/store.ts says what it promises).
import { noCounts } from '../counts.js';
import { minutesOf } from '../minutes.js';
import type { Batch, CommitCounts, CommitResult, Observation, Reject } from '../store.js';
import { contacted, kitIdsOf, polledKitsOf } from './contacts.js';
import { LedgerBook, streamsOf } from './ledger-book.js';
import { hear } from './openings.js';
import { settle } from './places.js';
import { toRejectRows } from './rejects.js';
import { toDataRow } from './rows.js';
import { type ChangedState, isFold, States } from './states.js';
import { TABLE_OF, TABLES, type TableName } from './tables.js';
import { receiverRows, takeReports } from './take-reports.js';
import type { DataRow, KeyRow, ReplacedRow, Transaction } from './transaction.js';

/**
 * Runs in a transaction that the caller opens and commits; whatever throws undoes all of it. With `isHeard` false the kits
 * are as they were: it is not from them that the batch comes now.
 */
export async function commitBatch(tx: Transaction, batch: Batch, nowUs: number, isHeard = true): Promise<CommitResult> {
  const counts = noCounts();
  const kitIds = kitIdsOf(batch);
  // First of all: what is read below stays true until the commit, whoever else writes for these kits.
  const polled = polledKitsOf(batch);
  const kits = kitIds.length === 0 ? [] : await tx.lockKits(kitIds, (kitId) => !polled.has(kitId));
  const known = new Set(kits.map(({ kitId }) => kitId));
  const observations = batch.observations.filter(({ kitId }) => known.has(kitId));
  const reporting = [...new Set(batch.reports.map(({ kitId }) => kitId))];
  const heard = hear(reporting.length === 0 ? [] : await tx.openings(reporting), batch.reports);
  const grown = heard.kits.length === 0 ? [] : await tx.unexamined(heard.kits);
  const streams = streamsOf(batch, grown);
  const book = new LedgerBook(streams.length === 0 ? [] : await tx.ledgers(streams));

  const received = receive(book, observations, counts);
  const states = new States(await storedKeys(tx, received));
  const stored: Observation[] = [];
  for (const observation of received) {
    const outcome = states.take(observation);
    counts[observation.kind][outcome] += 1;
    if (outcome === 'merged') book.count(observation, 'merged');
    else stored.push(observation);
  }
  await writeStates(tx, states.changed());
  if (stored.length > 0) await tx.addMinutes(minutesOf(stored, nowUs / 1_000));
  const rejects = await writeRejects(tx, book, batch.rejects, counts);

  await takeReports(tx, book, heard, streams, nowUs);
  const receivers = receiverRows(heard.counted, nowUs);
  if (receivers.length > 0) await tx.putReceivers(receivers);
  const ledgers = book.rows(nowUs);
  if (ledgers.length > 0) await tx.putLedgers(ledgers);
  const changedKits = isHeard ? contacted(kits, batch, nowUs) : [];
  if (changedKits.length > 0) await tx.putKits(changedKits);
  return { counts, rejects, streams: book.committed(streamsOf(batch)), stored };
}

export function isEmpty({ observations, rejects, contacts, reports }: Batch): boolean {
  return observations.length + rejects.length + contacts.length + reports.length === 0;
}

function receive(book: LedgerBook, observations: readonly Observation[], counts: CommitCounts): Observation[] {
  return observations.filter((observation) => {
    const isNew = book.receive(observation);
    if (!isNew) counts[observation.kind].refused += 1;
    return isNew;
  });
}

async function storedKeys(tx: Transaction, observations: readonly Observation[]): Promise<KeyRow[]> {
  const exact = observations.filter((observation) => !isFold(observation));
  const folds = observations.filter(isFold);
  return [
    ...(exact.length === 0 ? [] : await tx.keys(exact)),
    ...(folds.length === 0 ? [] : await tx.keysBefore(folds)),
  ];
}

async function writeStates(tx: Transaction, changed: readonly ChangedState[]): Promise<void> {
  for (const table of TABLES) {
    const states = changed.filter(({ key }) => TABLE_OF[key.kind] === table);
    const fresh: DataRow[] = [];
    const replaced: ReplacedRow[] = [];
    for (const state of states) {
      const row = toDataRow(state);
      if (state.stored === null) fresh.push(row);
      else replaced.push({ ...row, from: state.stored });
    }
    if (fresh.length > 0) await insertSettled(tx, table, fresh);
    if (replaced.length > 0) await replaceRows(tx, table, replaced);
  }
}

async function insertSettled(tx: Transaction, table: TableName, fresh: readonly DataRow[]): Promise<void> {
  const rows = await settle(tx, table, fresh);
  await tx.insertRows(table, rows);
  await tx.insertKeys(rows);
}

/** Updated, never deleted and written anew: who ingests needs no right to delete. */
async function replaceRows(tx: Transaction, table: TableName, replaced: readonly ReplacedRow[]): Promise<void> {
  const stays = ({ part, from }: ReplacedRow): boolean => part === from.part;
  const moving = replaced.filter((row) => !stays(row));
  const moved = moving.length === 0 ? [] : await settle(tx, table, moving);
  const rows = [...replaced.filter(stays), ...moved];
  const gone = await tx.updateRows(table, rows);
  const anew = gone.length === 0 ? [] : await settle(tx, table, gone);
  if (anew.length > 0) await tx.insertRows(table, anew);
  await tx.updateKeys([...rows.filter((row) => !gone.includes(row)), ...anew]);
}

async function writeRejects(
  tx: Transaction,
  book: LedgerBook,
  rejects: readonly Reject[],
  counts: CommitCounts,
): Promise<Reject[]> {
  const rows = toRejectRows(rejects).filter((reject) => {
    const isNew = book.receive(reject);
    if (!isNew && reject.kind !== null) counts[reject.kind].refused += 1;
    return isNew;
  });
  if (rows.length === 0) return [];
  const kept = rows.filter((row) => row.kept !== false);
  const inserted = new Set(kept.length === 0 ? [] : await tx.insertRejects(kept));
  const fresh = rows.filter(({ digest, kept: isKept }) => isKept === false || inserted.has(digest));
  for (const row of rows) book.count(row, 'rejected');
  for (const { kind } of fresh) if (kind !== null) counts[kind].rejected += 1;
  return fresh;
}
