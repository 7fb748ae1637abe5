// What a request brings, read and checked by the schemas of its operation.
import type { IncomingMessage } from 'node:http';
import type { Operation } from '../../schema/web/operations.js';
import { HttpError } from './http-error.js';

const MAX_BODY_BYTES = 16_384;

export interface Input {
  readonly query: unknown;
  readonly body: unknown;
}

/** @throws HttpError `query`, `body`, `large`. */
export async function readInput({ query, body }: Operation, request: IncomingMessage, search: string): Promise<Input> {
  return {
    query: query === undefined ? undefined : checked('query', query, readQuery(search)),
    body: body === undefined ? undefined : checked('body', body, await readJson(request)),
  };
}

function checked(what: 'query' | 'body', schema: NonNullable<Operation['query']>, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new HttpError(what, problems.join('; '), 'see /api/openapi.json for what may stand there');
}

function readQuery(search: string): Record<string, string> {
  const given = [...new URLSearchParams(search)];
  const names = given.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new HttpError('query', `${twice}: more than once`);
  return Object.fromEntries(given);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  // Anything else a page of another site could send without asking.
  if (!/^application\/json\s*(;|$)/i.test(type)) throw new HttpError('body', 'Content-Type is not application/json');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) {
      throw new HttpError('large', `more than ${MAX_BODY_BYTES} bytes`, undefined, { connection: 'close' });
    }
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new HttpError('body', 'not JSON');
  }
}
