// The radios of a kit in its status, each by its name: what the programs that decode them report.
import { z } from 'zod';

/** Of one kit. */
export const MAX_RECEIVERS = 16;
/** A name or a state. */
const WORD = /^[a-z0-9-]{1,32}$/;

const count = z.number().int().min(0).nullable();

export const receiver = z.looseObject({
  /** It is meant to be in use. */
  enabled: z.boolean(),
  /** As it is reported (connected, connecting, reconnecting, error, dead); `disabled`; `silent` when reports have ceased. */
  state: z.string().regex(WORD),
  /** ISO 8601 UTC, by the kit's clock; null when it is not told, like the counts. */
  last_message_at: z.string().nullable(),
  messages: count,
  /** Recent ones. */
  errors: count,
  dropped: count,
});
export type Receiver = z.infer<typeof receiver>;

export const receivers = z
  .record(z.string().regex(WORD), receiver)
  .refine((all) => Object.keys(all).length <= MAX_RECEIVERS, `more than ${MAX_RECEIVERS}`);
export type Receivers = z.infer<typeof receivers>;

/** What somebody has to look at: a radio that is meant to be in use and is not. One that tries to connect may succeed. */
export function isBroken({ enabled, state }: Pick<Receiver, 'enabled' | 'state'>): boolean {
  return enabled && ['error', 'dead', 'silent'].includes(state);
}
