// server -> kits, retained: a server is there, on this store, and takes these wires.
import { z } from 'zod';

export const hello = z.looseObject({
  v: z.literal(1),
  server_id: z.string(),
  /** Made with the database; a kit binds to the first that acknowledges it. */
  store_id: z.string(),
  /** New at every start of the server. */
  boot_id: z.string(),
  /** New whenever the broker had lost the server's session. */
  session: z.number().int(),
  /** What it takes: `topics`, and `stream/1` for stream frames. */
  wire: z.array(z.string()),
  /** How many unacknowledged messages the server offers a kit. */
  credit: z.number().int().min(0),
  store: z.enum(['ok', 'down']),
  online: z.boolean(),
});
export type Hello = z.infer<typeof hello>;
