// What is known of the last hours, in steps.
import type { Bucket } from '../../schema/web/answers.js';

export interface HistoryView {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  /** The oldest first. */
  readonly buckets: readonly Bucket[];
  readonly loaded: boolean;
  readonly problem: string | null;
}
