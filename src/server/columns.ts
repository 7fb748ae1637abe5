// The ways of reading a field of a message into a column: units, ranges, and what DragonSync says when it does not know.
import { PayloadError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { ColumnValue } from './store.js';

/** A value that its column can't take: NULL there, and kept in `extra`. */
export const KEPT = Symbol('kept in extra');
export type Read = ColumnValue | typeof KEPT;

/** Which field a column comes from, and how. */
export interface Rule {
  readonly column: string;
  readonly field: string;
  readonly read: (value: unknown, message: JsonObject) => Read;
}

export interface KindRules {
  readonly rules: readonly Rule[];
  /** Fields with a place of their own in the row: the natural key, the kit. */
  readonly elsewhere: readonly string[];
  /** Fields that say again what another one says. */
  readonly echoes: Readonly<Record<string, string>>;
}

const MAX_INT4 = 2 ** 31 - 1;

export function number(value: unknown): Read {
  return typeof value === 'number' ? value : null;
}

/** Zero is what DragonSync says when it does not know. */
export function nonZero(value: unknown): Read {
  return value === 0 ? null : number(value);
}

export function times(factor: number, read: (value: unknown) => Read = number): Rule['read'] {
  return (value) => {
    const plain = read(value);
    return typeof plain === 'number' ? plain * factor : plain;
  };
}

export function within(least: number, most: number, read: (value: unknown) => Read = number): Rule['read'] {
  return (value) => {
    const plain = read(value);
    return typeof plain === 'number' && (plain < least || plain > most) ? KEPT : plain;
  };
}

/** Rounded; the column is an int4. */
export function integer(value: unknown): Read {
  if (typeof value !== 'number') return null;
  return Math.abs(value) > MAX_INT4 ? KEPT : Math.round(value);
}

export function text(value: unknown): Read {
  return value === null || value === '' ? null : String(value);
}

export function flag(value: unknown): Read {
  return typeof value === 'boolean' ? value : null;
}

export function always(constant: ColumnValue): Rule['read'] {
  return () => constant;
}

/** DragonSync's 0.0/0.0 is no position. `other` is the other half of the pair. */
export function degrees(limit: 90 | 180, other: string): Rule['read'] {
  return (value, message) => {
    if (typeof value !== 'number' || (value === 0 && message[other] === 0)) return null;
    return Math.abs(value) > limit ? KEPT : value;
  };
}

export function required(read: Rule['read'], what: string): Rule['read'] {
  return (value, message) => {
    const found = read(value, message);
    if (found === null || found === KEPT) throw new PayloadError(`no ${what}`, { code: 'schema' });
    return found;
  };
}

/** `lat` and `lon` of a pair of columns. */
export function position(latColumn: string, lonColumn: string, latField = latColumn, lonField = lonColumn): Rule[] {
  return [
    { column: latColumn, field: latField, read: degrees(90, lonField) },
    { column: lonColumn, field: lonField, read: degrees(180, latField) },
  ];
}

/** Columns of the same name as their field. */
export function same(read: Rule['read'], ...names: string[]): Rule[] {
  return names.map((name) => ({ column: name, field: name, read }));
}
