// Prepared statements, each made once: preparing one costs more than most of them take.
import type { Sqlite, Statement } from '../base/sqlite.js';

type Mode = 'object' | 'value' | 'array';
type Value = string | number | null;

export class Statements {
  /** A statement keeps the shape of its results, so each shape has one of its own. */
  private readonly made: Record<Mode, Map<string, Statement>> = {
    object: new Map(),
    value: new Map(),
    array: new Map(),
  };

  constructor(readonly db: Sqlite) {}

  /** For what runs once a row. */
  prepared(sql: string): Statement {
    return this.as('object', sql);
  }

  /** Returns how many rows changed. */
  run(sql: string, ...bound: Value[]): number {
    return this.as('object', sql).run(...bound).changes;
  }

  all<T>(sql: string, ...bound: (Value | Record<string, Value>)[]): T[] {
    return this.as('object', sql).all(...bound) as T[];
  }

  row<T>(sql: string, ...bound: Value[]): T | undefined {
    return this.as('object', sql).get(...bound) as T | undefined;
  }

  value<T>(sql: string, ...bound: Value[]): T | undefined {
    return this.as('value', sql).get(...bound) as T | undefined;
  }

  values<T>(sql: string, ...bound: Value[]): T[] {
    return this.as('value', sql).all(...bound) as T[];
  }

  arrays<T>(sql: string, ...bound: (Value | Record<string, Value>)[]): T[] {
    return this.as('array', sql).all(...bound) as T[];
  }

  private as(mode: Mode, sql: string): Statement {
    const known = this.made[mode].get(sql);
    if (known !== undefined) return known;
    const statement = this.db.prepare(sql);
    if (mode === 'value') statement.pluck();
    if (mode === 'array') statement.raw();
    this.made[mode].set(sql, statement);
    return statement;
  }
}
