// A kit's backlog on a USB stick, and the server's answer to it: JSON lines both ways, for a kit without a network.
import { z } from 'zod';
import { ack } from './ack.js';
import { KINDS } from './kinds.js';
import { isKitId } from './kit-id.js';

export const EXPORT_VERSION = 1;

const kitId = z.string().refine(isKitId, 'not a kit id');
const count = z.number().int().min(0);

/** The first line. */
export const exportHeader = z.looseObject({
  dragonsink_export: z.literal(EXPORT_VERSION),
  kit_id: kitId,
  /** ISO 8601 UTC, the kit's clock. */
  time: z.string(),
});
export type ExportHeader = z.infer<typeof exportHeader>;

const EXPORT_STATES = ['waiting', 'handed_over', 'quarantined'] as const;

/** One message each. */
export const exportRow = z.looseObject({
  kind: z.enum(KINDS),
  /** Where it is on the kit. */
  state: z.enum(EXPORT_STATES),
  /** Why it was set aside. */
  reason: z.string().optional(),
  /** As it is sent on its topic, with `seen_by` and `sink`. */
  message: z.record(z.string(), z.unknown()),
});
export type ExportRow = z.infer<typeof exportRow>;

/** The last line: without it the file was cut. */
export const exportEnd = z.looseObject({ end: z.literal(true), messages: count });
export type ExportEnd = z.infer<typeof exportEnd>;

/** A line of the server's answer: an acknowledgement as on the wire, and whom it is for. */
export const ackLine = ack.extend({ kit_id: kitId });
export type AckLine = z.infer<typeof ackLine>;
