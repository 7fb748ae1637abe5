// What an HTTP request is refused with, in the words and codes of the contract.
import { AppError, StoreError } from '../../base/errors.js';
import type { ErrorAnswer } from '../../schema/web/answers.js';

const STATUS = {
  query: 400,
  range: 400,
  body: 400,
  login: 401,
  operator: 403,
  csrf: 403,
  host: 403,
  missing: 404,
  method: 405,
  conflict: 409,
  large: 413,
  rate: 429,
  busy: 503,
  database: 503,
  internal: 500,
} as const;
type HttpCode = keyof typeof STATUS;

export class HttpError extends AppError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: HttpCode, message: string, hint?: string, headers: Readonly<Record<string, string>> = {}) {
    super(message, { code, ...(hint === undefined ? {} : { hint }) });
    this.status = STATUS[code];
    this.headers = headers;
  }
}

/** Whatever was thrown, as an answer. What is ours to mend says nothing of its inside. */
export function toHttpError(thrown: unknown): HttpError {
  if (thrown instanceof HttpError) return thrown;
  if (thrown instanceof StoreError) return new HttpError('database', `the database: ${thrown.message}`, thrown.hint);
  return new HttpError('internal', 'something is wrong in the server', 'see its log');
}

export function bodyOf({ code, message, hint }: HttpError): ErrorAnswer {
  return { error: { code, message, hint: hint ?? null } };
}
