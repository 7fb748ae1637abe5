// JSON as it really arrives: Python writes NaN and Infinity, and text heard on the radio holds NUL and lone surrogates.
import { PayloadError, toError } from './errors.js';

export type JsonObject = Record<string, unknown>;

/** Deeper than anything DragonSync or a kit sends; a bound against hostile nesting. */
export const MAX_DEPTH = 32;

// A string (skipped whole), or one of the three words that Python's json.dumps writes and JSON does not know.
// A string without an end is skipped to the end of the text: or each of its quotes would be tried as a beginning.
const STRING_OR_NON_FINITE = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?Infinity|NaN/gs;

/**
 * Parses JSON, with NaN and Infinity read as null (also numbers too large for a double), and with NUL and lone
 * surrogates in text replaced by U+FFFD: PostgreSQL stores neither.
 *
 * @throws PayloadError `json` when it is not JSON even so, `depth` when it is nested deeper than `maxDepth` levels.
 */
export function parseJson(text: string, maxDepth = MAX_DEPTH): unknown {
  return clean(parseTolerant(text), maxDepth);
}

function parseTolerant(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (strict: unknown) {
    if (!/NaN|Infinity/.test(text)) throw notJson(strict);
  }
  try {
    return JSON.parse(text.replace(STRING_OR_NON_FINITE, (token) => (token.startsWith('"') ? token : 'null')));
  } catch (tolerant: unknown) {
    throw notJson(tolerant);
  }
}

function notJson(cause: unknown): PayloadError {
  return new PayloadError(`not JSON: ${toError(cause).message}`, { code: 'json', cause });
}

function clean(value: unknown, levelsLeft: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  if (levelsLeft === 0) throw new PayloadError('nested too deep', { code: 'depth' });
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) value[i] = clean(value[i], levelsLeft - 1);
    return value;
  }
  const object = value as JsonObject;
  for (const key of Object.keys(object)) {
    const value = object[key];
    const cleaned = cleanText(key);
    const inner = clean(value, levelsLeft - 1);
    // `__proto__` would turn into a prototype at the first copy.
    if (cleaned !== key || key === '__proto__') delete object[key];
    // Nearly always it is what it was.
    if (key !== '__proto__' && (cleaned !== key || inner !== value)) object[cleaned] = inner;
  }
  return object;
}

function cleanText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\uFFFD') : wellFormed;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
