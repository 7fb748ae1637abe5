// The types of a message's fields, as tolerant as upstream makes them necessary: a value of the wrong type reads as
// null (or as the number its text spells), so that one odd field never costs the whole detection.
import { z } from 'zod';

export const number = z.preprocess(readNumber, z.number().nullable());
export const text = z.preprocess(readText, z.string().nullable());
export const flag = z.preprocess((value) => (typeof value === 'boolean' ? value : null), z.boolean().nullable());

/** What `typeof` says of a value that one of these fields takes as it is. */
export const PLAIN_TYPES: ReadonlyMap<z.ZodType, 'number' | 'string' | 'boolean'> = new Map<
  z.ZodType,
  'number' | 'string' | 'boolean'
>([
  [number, 'number'],
  [text, 'string'],
  [flag, 'boolean'],
]);

/** Text heard on the radio has no bound; an identity must have one. DragonSync itself has been seen with 300 characters. */
const MAX_ID_LENGTH = 512;
export const id = z.string().min(1).max(MAX_ID_LENGTH);

function readNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

function readText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
