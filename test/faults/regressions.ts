// Runs that once failed: kept, so that they are run again with every `npm test`.

export interface Regression {
  /** Of the catalogue. */
  readonly fault: string;
  readonly seed: number;
  /** What it had found. */
  readonly why: string;
}

export const REGRESSIONS: readonly Regression[] = [];
