// The parameters and bodies that the HTTP API takes, from text to values.
import { z } from 'zod';
import { isKitId } from '../kit-id.js';

/** Microseconds since 1970, of ISO 8601 with a zone or of epoch milliseconds; undefined for what is neither. */
export function readInstant(text: string): number | undefined {
  if (/^\d{1,14}$/.test(text)) return Number(text) * 1_000;
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const ms = Date.parse(`${parts?.[1]}${parts?.[3]}`);
  return Number.isNaN(ms) ? undefined : ms * 1_000 + Number((parts?.[2] ?? '').padEnd(6, '0'));
}

const instant = z
  .string()
  .meta({ description: 'ISO 8601 with a zone, or epoch milliseconds.' })
  .transform((text, context) => {
    const micros = readInstant(text);
    if (micros !== undefined) return micros;
    context.addIssue({ code: 'custom', message: 'no time: ISO 8601 with a zone, or epoch milliseconds' });
    return z.NEVER;
  });

/** Several choices with commas between them; undefined for all. */
function someOf<const Choice extends string>(...choices: readonly Choice[]) {
  return z
    .string()
    .meta({ description: `Of ${choices.join(', ')}, with commas between them.` })
    .transform((text, context): readonly Choice[] => {
      const named = text.split(',').filter((one) => one !== '');
      const known = choices.filter((choice) => named.includes(choice));
      if (known.length > 0 && named.every((one) => (choices as readonly string[]).includes(one))) return known;
      context.addIssue({ code: 'custom', message: `not of ${choices.join(', ')}` });
      return z.NEVER;
    })
    .optional();
}

const wholeNumber = (least: number, most: number, unless: number) =>
  z.coerce.number().int().min(least).max(most).default(unless);
const limit = (unless: number, most: number) => wholeNumber(1, most, unless);
const MAX_TEXT = 512;
const shortText = z.string().min(1).max(MAX_TEXT);
const kitId = z.string().refine(isKitId, 'no kit id');
const range = { from: instant.optional(), to: instant.optional() };
const cursor = z.string().max(4_096).optional();

const ofTracks = {
  ...range,
  kind: someOf('drone', 'aircraft'),
  kit: kitId.optional(),
  id: shortText.optional(),
  q: shortText.optional(),
};
const ofSignals = { ...range, kit: kitId.optional(), type: someOf('analog', 'dji', 'other') };

export const tracksQuery = z.strictObject({
  ...ofTracks,
  path: wholeNumber(0, 500, 0),
  limit: limit(200, 500),
  cursor,
});
export const trackDownloadQuery = z.strictObject(ofTracks);
export type TrackDownloadQuery = z.output<typeof trackDownloadQuery>;
export const signalsQuery = z.strictObject({ ...ofSignals, limit: limit(500, 2_000), cursor });
export const signalDownloadQuery = z.strictObject(ofSignals);
export type SignalDownloadQuery = z.output<typeof signalDownloadQuery>;
export const kitHealthQuery = z.strictObject({
  ...range,
  placed: z.enum(['true', 'false']).default('false').meta({ description: 'Only what has a position.' }),
  limit: limit(1_000, 5_000),
});
export const timelineQuery = z.strictObject({
  ...range,
  step: wholeNumber(60, 86_400, 60),
  kit: kitId.optional(),
});
export const ledgerQuery = z.strictObject({ kit: kitId.optional() });
export const rejectsQuery = z.strictObject({
  kit: kitId.optional(),
  reason: shortText.optional(),
  limit: limit(50, 200),
  cursor,
});
export const eventsQuery = z.strictObject({ after: z.string().max(64).optional() });
export const removeQuery = z.strictObject({ data: z.enum(['true', 'false']).default('false') });

const MAX_NAME = 200;
const name = z.string().trim().min(1).max(MAX_NAME);
const location = z.string().trim().max(MAX_NAME).nullable();
const apiUrl = z.string().max(MAX_TEXT);

export const loginBody = z.strictObject({ token: z.string().min(1).max(1_024) });
export const testBody = z.strictObject({ api_url: apiUrl });
export const addBody = z.strictObject({
  kit_id: kitId,
  api_url: apiUrl,
  name: name.optional(),
  location: location.optional(),
});
export const changeBody = z.strictObject({
  name: name.optional(),
  location: location.optional(),
  enabled: z.boolean().optional(),
});
