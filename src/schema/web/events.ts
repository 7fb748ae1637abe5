// The live stream of the HTTP API (server-sent events): what each event's data is.
import { z } from 'zod';
import { side } from './answers.js';
import { count, kind, kitHealth, number, signal, trackState } from './shapes.js';

/** A replay of the past, which is not what is now. */
const late = z.boolean();

export const item = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('drone'), id: z.string(), state: trackState, late }),
  z.object({ kind: z.literal('aircraft'), id: z.string(), state: trackState, late }),
  z.object({ kind: z.literal('signal'), signal, late }),
  z.object({ kind: z.literal('system'), kit_id: z.string(), health: kitHealth, late }),
]);
export type Item = z.infer<typeof item>;

/** What was committed since the last one, in that order. */
export const news = z.object({ messages: z.array(item), at: z.number() });
export type News = z.infer<typeof news>;

/** What came since the last one, by the minute in which it was observed. */
export const tally = z.object({
  at: z.number(),
  /** Messages that are in no `news`, for they were too many at once. */
  skipped: count,
  minutes: z.array(
    z.object({
      at: z.number(),
      kit_id: z.string(),
      kind,
      messages: count,
      late: count,
      latency_ms_max: number,
    }),
  ),
});
export type Tally = z.infer<typeof tally>;

/** Something about this kit has changed. */
export const kitChanged = z.object({ kit_id: z.string() });
const serverChanged = z.object({ broker: side, database: side });
/** What the page holds is too old to go on from. */
export const reset = z.object({ event_id: z.string() });

export const EVENTS = { reset, news, tally, kit: kitChanged, server: serverChanged } as const;
export type EventName = keyof typeof EVENTS;
export type EventData<Name extends EventName> = z.infer<(typeof EVENTS)[Name]>;
