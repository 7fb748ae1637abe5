// What `dragonsink spool` asks of the kit that holds the spool, and what it answers: one JSON object each way.
import { z } from 'zod';
import { ack } from './ack.js';

const chosen = z.union([z.literal('all'), z.array(z.number().int().min(1)).min(1)]);

export const spoolCommand = z.discriminatedUnion('command', [
  /** Puts quarantined messages back among those that wait. */
  z.object({ command: z.literal('retry'), ids: chosen }),
  /** Gives quarantined messages up, on record as evicted. */
  z.object({ command: z.literal('drop'), ids: chosen }),
  /** Deletes what a database has committed. */
  z.object({ command: z.literal('ack'), ack }),
  /** Binds the kit to the next database that answers. */
  z.object({ command: z.literal('rebind') }),
  /** Forgets the kit's id, for another one to be found. */
  z.object({ command: z.literal('new-id') }),
]);
export type SpoolCommand = z.infer<typeof spoolCommand>;

export const spoolAnswer = z.union([
  /** How many messages it was about. */
  z.object({ ok: z.literal(true), count: z.number().int().min(0) }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string(), hint: z.string().optional() }),
]);
export type SpoolAnswer = z.infer<typeof spoolAnswer>;
