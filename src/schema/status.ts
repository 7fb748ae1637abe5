// kit -> server, retained, every 30 s and on change: the kit's half of the ledger, and how it is doing.
import { z } from 'zod';
import { epoch, seq } from './envelope.js';
import { KINDS } from './kinds.js';
import { receivers } from './receivers.js';

const count = z.number().int().min(0);
const ranges = z.array(z.tuple([seq, seq]));

export const kitStatus = z.looseObject({
  v: z.literal(1),
  kit_id: z.string(),
  version: z.string(),
  /** ISO 8601 UTC, the kit's clock. */
  time: z.string(),
  /** GPS time less the kit's clock as it is now; null while there was no GPS time. */
  clock_offset_s: z.number().nullable(),
  /** What the times of messages lacked that left before the clock was known; absent when none did. */
  uncorrected_offset_s: z.number().optional(),
  /** The epochs of those messages, also of processes before this one. */
  uncorrected_epochs: z.array(epoch).optional(),
  /** For so long at most messages wait to know the clock; absent when none do. */
  clock_waits_s: z.number().optional(),
  /** Random, per opening of the spool; with `n`, which rises by one, it tells a newer status from an older one. */
  opening: z.string(),
  n: count,
  /** Set on the parts of a listing of every stream the spool ever had; else only those that changed are there. */
  listing: z.object({ part: z.number().int().min(1), of: z.number().int().min(1) }).optional(),
  ledger: z.array(
    z.object({
      epoch,
      kind: z.enum(KINDS),
      /** The lowest seq still in the spool; `next` when none is. */
      floor: seq,
      /** The seq that the next accepted message gets. */
      next: seq,
      evicted: ranges,
      quarantined: ranges,
    }),
  ),
  spool: z.looseObject({
    waiting: count,
    waiting_by_kind: z.partialRecord(z.enum(KINDS), count).optional(),
    handed_over: count,
    quarantined: count.optional(),
    bytes: count,
    oldest_at: z.string().nullable(),
  }),
  counts: z.looseObject({
    accepted: count,
    delivered: count,
    resent: count,
    refused: count,
    evicted: z.partialRecord(z.enum(KINDS), count),
    evicted_handed_over: z.partialRecord(z.enum(KINDS), count),
  }),
  link: z.looseObject({
    connected: z.boolean(),
    reconnects: count,
    enabled: z.boolean().optional(),
    /** Why there is no connection, or why the last one ended. */
    problem: z.string().nullable().optional(),
    delivery: z.string().optional(),
    /** A server of our database is there. */
    served: z.boolean().optional(),
    /** What new messages go out as: `topics` or `stream`; null while they wait. */
    wire: z.string().nullable().optional(),
    /** The certificate of the broker is not checked. */
    tls_insecure: z.boolean().optional(),
    /** ISO 8601 UTC, of the kit's own certificate that it is connected with. */
    certificate_ends_at: z.string().max(40).optional(),
    /** The database this kit is bound to, and another one that is on this broker. */
    store_id: z.string().nullable().optional(),
    store_conflict: z.string().nullable().optional(),
    /** The broker does not let us hear the servers, or publish these kinds. */
    deaf: z.boolean().optional(),
    denied: z.array(z.string()).optional(),
    published: z.partialRecord(z.enum(KINDS), count).optional(),
  }),
  source: z.looseObject({
    state: z.string(),
    /** With source = mqtt: what DragonSync pushes itself, and how it gets here. */
    push: z
      .looseObject({
        connected: z.boolean(),
        /** Why there is no way for it. */
        problem: z.string().nullable(),
        last_message_at: z.string().nullable(),
        /** Of DragonSync's, news or not; and what was of no use. */
        messages: count,
        others: count,
      })
      .optional(),
  }),
  /** The kit's radios, by name; left out where nobody reports them. */
  receivers: receivers.optional().catch(undefined), // they come from other programs, and the ledger may not depend on them
});
export type KitStatus = z.infer<typeof kitStatus>;
