// The errors every room throws: what failed, a code to branch on, and what the reader should do next.

export interface ErrorDetails {
  /** Stable, machine-readable; callers branch on it, never on the message. */
  readonly code: string;
  /** What the person who reads this should do next. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody doing anything. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class AppError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.hint = details.hint;
    this.retryable = details.retryable ?? false;
  }
}

/** A setting is missing or wrong: exit 78. */
export class ConfigError extends AppError {}
/** DragonSync did not answer, or not with what it should. */
export class SourceError extends AppError {}
/** The spool could not be opened, read or written. */
export class SpoolError extends AppError {}
/** The broker, or the way to it. */
export class BrokerError extends AppError {}
/** A message that is not what its topic promises. */
export class PayloadError extends AppError {}
/** The server's database. */
export class StoreError extends AppError {}

/** The fleet's folder, its CA, or a file that enrols somebody. */
export class EnrolError extends AppError {}

/** Anything may be thrown; everything we handle is an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The code of an error of ours, of Node (`ECONNREFUSED`), of SQLite or of PostgreSQL; '' when it has none. */
export function errorCode(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return '';
  return String(thrown.code);
}
