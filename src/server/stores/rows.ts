// From an observation to a row of its table; what does not fit a column is refused here, alike for both databases.
import { StoreError } from '../../base/errors.js';
import type { Kind } from '../../schema/kinds.js';
import { toMicros } from '../../schema/time.js';
import type { ColumnValue, Observation } from '../store.js';
import type { ChangedState } from './states.js';
import { type Column, DATA_TABLES, type DataTable, REPLAYED, TABLE_OF, type TableName } from './tables.js';
import type { DataRow } from './transaction.js';

const MAX_INTEGER = 2 ** 31 - 1;

/** @throws StoreError `data` when a value does not fit its column, or a column of the primary key is missing. */
export function toDataRow(state: ChangedState): DataRow {
  const { key, twin, timeUs, identity, winner } = state;
  const table = DATA_TABLES[TABLE_OF[key.kind]];
  const values = fitColumns(table, key.kind, winner);
  return {
    kitId: key.kitId,
    kind: key.kind,
    thing: key.thing,
    keyUs: checkKey(key.keyUs),
    timeUs: checkTime(timeUs),
    part: partOf(table, values),
    identity,
    twin,
    values: [...values, ...ownValues(table, state)],
  };
}

/** One value per column of the table. */
function fitColumns({ name: table, columns }: DataTable, kind: Kind, { thing, columns: given }: Given): ColumnValue[] {
  let used = 0;
  const values = columns.map((column) => {
    const value = given[column.name];
    if (value !== undefined) used += 1;
    // The kind alone says which rows of `drones` are aircraft, and a thing is its own id unless it is given another.
    if (column.name === 'track_type') return kind;
    if (column.name === 'drone_id') return String(value ?? thing);
    return value === undefined || value === null ? null : fit(table, column, value);
  });
  if (used < Object.keys(given).length) throw unknownColumn(table, columns, given);
  return values;
}

type Given = Pick<Observation, 'thing' | 'columns'>;

function unknownColumn(table: TableName, columns: readonly Column[], given: Given['columns']): StoreError {
  const known = new Set(columns.map(({ name }) => name));
  return notStorable(`${table} has no column ${Object.keys(given).filter((name) => !known.has(name))}`);
}

/** In the order of the columns that we add. */
function ownValues(
  { added }: DataTable,
  { key, identity, isLive, winner: { extra, foldWithinUs } }: ChangedState,
): ColumnValue[] {
  const own: Readonly<Record<string, ColumnValue>> = {
    // What folds by its content has a digest behind its name (server/times.ts).
    uid: foldWithinUs === undefined ? key.thing : key.thing.slice(0, key.thing.lastIndexOf('#')),
    extra: Object.keys(extra).length === 0 ? null : JSON.stringify(extra),
    sink_epoch: identity?.epoch ?? null,
    sink_seq: identity?.seq ?? null,
    observed_raw: key.keyUs,
    [REPLAYED]: isLive ? null : true,
  };
  return added.map(({ name }) => own[name] ?? null);
}

function fit(table: TableName, { name, type }: Column, value: string | number | boolean): ColumnValue {
  // As Analytics does with `ua_type`, a number in a column of text.
  if (type === 'text') return String(value);
  const fits =
    (type === 'boolean' && typeof value === 'boolean') ||
    (type === 'real' && Number.isFinite(value)) ||
    (type === 'bigint' && Number.isSafeInteger(value)) ||
    (type === 'integer' && Number.isInteger(value) && Math.abs(Number(value)) <= MAX_INTEGER);
  if (!fits) throw notStorable(`${table}.${name} takes no ${typeof value} ${String(value)}`);
  // A zero below zero is another text than zero, and the same frequency.
  return value === 0 ? 0 : value;
}

function partOf({ name, part, columns }: DataTable, values: readonly ColumnValue[]): string {
  if (part === null) return '';
  const value = values[columns.findIndex((column) => column.name === part)] ?? null;
  if (value === null) throw notStorable(`${name}.${part} is missing`);
  return String(value);
}

/** Below 2^53 microseconds, and within what both databases and ISO 8601 text hold. */
const MIN_TIME_US = toMicros(Date.UTC(1970, 0, 1) / 1000);
const MAX_TIME_US = toMicros(Date.UTC(2200, 0, 1) / 1000);

function checkTime(timeUs: number): number {
  if (Number.isSafeInteger(timeUs) && timeUs >= MIN_TIME_US && timeUs < MAX_TIME_US) return timeUs;
  throw notStorable(`${timeUs} is no time in microseconds`);
}

/** The kit's raw clock may say anything, as long as it is a whole number of microseconds. */
function checkKey(keyUs: number): number {
  if (Number.isSafeInteger(keyUs)) return keyUs;
  throw notStorable(`${keyUs} is no time in microseconds`);
}

function notStorable(message: string): StoreError {
  return new StoreError(message, { code: 'data' });
}
