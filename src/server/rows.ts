// From a message to the columns of WarDragon Analytics, in SI units, with NULL for what is unknown; everything without a
// column, and every value that no column could take as it is, goes into `extra` under its own name.
import type { JsonObject } from '../base/json.js';
import { type Kind, perKind } from '../schema/kinds.js';
import { KEPT, type KindRules } from './columns.js';
import { aircraftColumns, droneColumns } from './rows-drones.js';
import { signalColumns } from './rows-signals.js';
import { systemColumns } from './rows-system.js';
import type { ColumnValue } from './store.js';

export interface Row {
  readonly columns: Record<string, ColumnValue>;
  readonly extra: JsonObject;
}

const RULES: Record<Kind, KindRules> = {
  drone: droneColumns,
  aircraft: aircraftColumns,
  signal: signalColumns,
  system: systemColumns,
};

/** `seen_by` is the kit, `sink` the identity, `timestamp` the time: each has a place of its own in the row. */
const ELSEWHERE = ['seen_by', 'sink', 'timestamp'];

/** The fields that have a place. */
const PLACED = perKind((kind) => {
  const { rules, elsewhere } = RULES[kind];
  return new Set([...ELSEWHERE, ...elsewhere, ...rules.map(({ field }) => field)]);
});

/** A copy of it is quicker to fill than an object that grows by one column after the other. */
const UNKNOWN = perKind(
  (kind): Record<string, ColumnValue> => Object.fromEntries(RULES[kind].rules.map(({ column }) => [column, null])),
);

/**
 * `message` is the parsed form of `raw`.
 *
 * @throws PayloadError `schema` when a column that must not be NULL has no value.
 */
export function toRow(kind: Kind, message: JsonObject, raw: JsonObject): Row {
  const { rules, echoes } = RULES[kind];
  const columns = { ...UNKNOWN[kind] };
  const extra: JsonObject = {};
  for (const { column, field, read } of rules) {
    const value = read(message[field] ?? null, message);
    columns[column] = value === KEPT ? null : value;
    // A value that its schema could not read ("-80 dBm" where a number belongs) has not arrived either.
    if (value === KEPT || unreadable(message[field], raw[field])) extra[field] = raw[field];
  }
  for (const field of Object.keys(raw)) {
    const value = raw[field];
    if (PLACED[kind].has(field) || isEmpty(value)) continue;
    const original = echoes[field];
    if (original !== undefined && raw[original] === value) continue;
    extra[field] = value;
  }
  return { columns, extra };
}

function unreadable(read: unknown, raw: unknown): boolean {
  return (read === null || read === undefined) && !isEmpty(raw);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '';
}
