// `fleet.json`: who belongs to a fleet, and how its broker is reached. No secret is in it; the server reads in it which kits
// are enrolled.
import { z } from 'zod';

export const ROLES = ['kit', 'reader', 'server'] as const;
export type Role = (typeof ROLES)[number];

const member = z.object({
  role: z.enum(ROLES),
  name: z.string(),
  user: z.string(),
  /** ISO 8601 UTC. */
  enrolled_at: z.string(),
  /** Set on one that was shut out. */
  revoked_at: z.string().nullable(),
  /** When its newest certificate ends; null for a password, which does not. */
  ends_at: z.string().nullable(),
  /** For how long it is signed each time; a password is for ever. */
  days: z.number().int().positive().optional(),
  /** Of every certificate it was given, in hexadecimal. */
  serials: z.array(z.string()),
});
export type Member = z.infer<typeof member>;

export const fleetRecord = z.object({
  v: z.literal(1),
  broker: z.object({ host: z.string(), port: z.number().int(), tls: z.boolean() }),
  credentials: z.enum(['certificate', 'password']),
  /** The broker's certificate is from a well-known CA: kits need none of ours to check it. */
  public_ca: z.boolean(),
  /** For `sh -c`; `{action}` is `reload` or `restart`. */
  tell_broker: z.string(),
  members: z.array(member),
});
export type FleetRecord = z.infer<typeof fleetRecord>;
