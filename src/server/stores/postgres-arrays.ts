// Rows as one array per column, in PostgreSQL's own notation: what `unnest` reads fastest.
import type { ColumnValue } from '../store.js';

/** An array whose values are all NULL is left empty: `unnest` fills up the shorter ones. */
export function toArrays(rows: readonly (readonly ColumnValue[])[], columns: number): string[] {
  const arrays: string[] = [];
  for (let column = 0; column < columns; column += 1) arrays.push(toArray(rows, column));
  return arrays;
}

function toArray(rows: readonly (readonly ColumnValue[])[], column: number): string {
  let empty = true;
  const elements = rows.map((row) => {
    const value = row[column] ?? null;
    if (value === null) return 'NULL';
    empty = false;
    return toElement(value);
  });
  return empty ? '{}' : `{${elements.join(',')}}`;
}

function toElement(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  // Always quoted: unquoted, a text may read as NULL or lose its spaces.
  return `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
}
