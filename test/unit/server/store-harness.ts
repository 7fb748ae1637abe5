// What the contract needs to know of a database beside its store.
import type { TestContext } from 'node:test';
import type { Clock, Store } from '../../../src/server/store.js';

export type Row = Readonly<Record<string, unknown>>;

export interface StoreHarness {
  /** One more store on the same database; the test's end closes it. */
  open(nowUs?: Clock): Promise<Store>;
  /** A table's rows in the order of `time`, times as microseconds, booleans and JSON as JavaScript has them. */
  rows(table: string): Promise<Row[]>;
  execute(sql: string): Promise<void>;
}

/** A new, empty database. */
export type Build = (t: TestContext) => Promise<StoreHarness>;
