// server -> kit, after the commit: what of a kit's streams is in the database. The kit takes the union of all it ever got.
import { z } from 'zod';
import { epoch, seq } from './envelope.js';
import { KINDS } from './kinds.js';

/** How much one acknowledgement holds: it stays far below what a broker takes. */
export const MAX_ACK_ENTRIES = 32;
export const MAX_ACK_RANGES = 256;
/** Characters; an elliptic curve's has 800, a long RSA key's 3,000. */
const MAX_CERTIFICATE = 10_000;

export const ack = z.looseObject({
  v: z.literal(1),
  /** The database that committed; a kit listens to one only. */
  store_id: z.string().min(1),
  acks: z
    .array(
      z.object({
        epoch,
        kind: z.enum(KINDS),
        /** Every seq from 1 to here is committed; 0 for none. */
        upto: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
        /** Closed ranges above `upto`. */
        ranges: z.array(z.tuple([seq, seq]).refine(([first, last]) => first <= last)).optional(),
      }),
    )
    .max(MAX_ACK_ENTRIES),
  /** ISO 8601 UTC, the server's clock. */
  time: z.string(),
  /** The kit's next certificate (PEM): of its key, signed by its fleet, and good for longer than the one it has. */
  certificate: z.string().max(MAX_CERTIFICATE).optional(),
});
export type Ack = z.infer<typeof ack>;
