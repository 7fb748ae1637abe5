// What a spool is opened with.
import type { Limits } from './room.js';

export interface SqliteSpoolOptions {
  readonly path: string;
  /** Every class that will ever be used, in the order in which `priority` evicts them. */
  readonly classes: readonly number[];
  readonly limits: Limits;
  /** When this spool, or one that was kept aside since, was last opened, in milliseconds since 1970; null for never. */
  readonly lastTakenMs: number | null;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly monotonicMs?: () => number;
}
