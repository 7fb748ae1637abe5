// What `dragonsink doctor` finds: one line for each thing it looks at.
import { AppError, toError } from './errors.js';

export interface Check {
  /** What was looked at. */
  readonly check: string;
  /** `warn` works as it is, and should not stay so. */
  readonly status: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** The one thing to do about it. */
  readonly fix?: string;
}

export function ok(check: string, text: string): Check {
  return { check, status: 'ok', text };
}

export function warn(check: string, text: string, fix: string): Check {
  return { check, status: 'warn', text, fix };
}

export function fail(check: string, text: string, fix: string): Check {
  return { check, status: 'fail', text, fix };
}

/** An error as a check that failed: it says itself what to do. */
export function failed(check: string, thrown: unknown, fix = 'the log says more'): Check {
  const error = toError(thrown);
  return fail(check, error.message, (error instanceof AppError ? error.hint : undefined) ?? fix);
}
