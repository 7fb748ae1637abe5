// What dragonsink adds to a message: who heard it, when, and its place in the kit's ledger.
import { z } from 'zod';

export const ENVELOPE_VERSION = 1;

/** 16 hex digits: a counter of the spool's openings, then 8 random ones. */
export const epoch = z.string().regex(/^[0-9a-f]{16}$/);
export const seq = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** The message's identity, with the kit and the topic's kind. */
export const sinkEnvelope = z.object({
  v: z.literal(ENVELOPE_VERSION),
  epoch,
  seq,
  replay: z.boolean().optional(),
  /** Kit epoch seconds before a clock offset was applied. */
  observed_raw: z.number().optional(),
});
export type SinkEnvelope = z.infer<typeof sinkEnvelope>;

/**
 * Puts `seen_by` and `sink` into a message's JSON without parsing it: the spool holds thousands of them, and a row
 * never changes once written, while the kit id may become known only later.
 */
export function seal(body: string, seenBy: string, sink: SinkEnvelope): string {
  const separator = body === '{}' ? '' : ',';
  return `${body.slice(0, -1)}${separator}"seen_by":${JSON.stringify(seenBy)},"sink":${JSON.stringify(sink)}}`;
}
