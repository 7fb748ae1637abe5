// Finds the operation of a request in the table of operations.
import { OPERATIONS, type Operation, type OperationName } from '../../schema/web/operations.js';
import { HttpError } from './http-error.js';

export interface Match {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly kitId: string;
}

interface Route extends Omit<Match, 'kitId'> {
  readonly parts: readonly string[];
}

const PARAMETER = '{kit_id}';
const ROUTES: readonly Route[] = (Object.keys(OPERATIONS) as OperationName[]).map((name) => {
  const operation: Operation = OPERATIONS[name];
  return { name, operation, parts: operation.path.split('/') };
});

/**
 * @param method HEAD is GET without the body.
 * @param path as in the request, without its parameters.
 * @throws HttpError `missing`, or `method` with what is allowed.
 */
export function route(method: string, path: string): Match {
  const parts = path.split('/').map(decode);
  const ofPath = ROUTES.filter((one) => fits(one.parts, parts));
  const wanted = method === 'HEAD' ? 'GET' : method;
  // A name stands before a parameter: `/api/kits/test` is no kit.
  const match = [...ofPath].sort(byNames).find(({ operation }) => operation.method === wanted);
  if (match === undefined) {
    if (ofPath.length === 0) throw new HttpError('missing', 'there is no such path', 'see /api/openapi.json');
    const allow = ofPath.map(({ operation }) => operation.method).join(', ');
    throw new HttpError('method', `only ${allow} here`, undefined, { allow });
  }
  const { name, operation } = match;
  return { name, operation, kitId: parts[match.parts.indexOf(PARAMETER)] ?? '' };
}

function byNames(a: Route, b: Route): number {
  return Number(a.parts.includes(PARAMETER)) - Number(b.parts.includes(PARAMETER));
}

function fits(parts: readonly string[], given: readonly string[]): boolean {
  if (parts.length !== given.length) return false;
  return parts.every((part, i) => part === given[i] || (part === PARAMETER && given[i] !== ''));
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError('missing', 'the path is not percent-encoded as it should be');
  }
}
