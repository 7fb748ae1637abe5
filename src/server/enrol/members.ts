// Who belongs to a fleet, and under which user name the broker knows them.
import { z } from 'zod';
import { EnrolError } from '../../base/errors.js';
import { MEMBER_NAME } from '../../schema/enrol-file.js';
import { isKitId } from '../../schema/kit-id.js';
import { kitLevel } from '../../schema/topics.js';

export const ROLES = ['kit', 'reader', 'server'] as const;
export type Role = (typeof ROLES)[number];

export interface MemberName {
  readonly role: Role;
  /** A kit's id, or what the operator calls a reader or server. */
  readonly name: string;
  /** Towards the broker. A kit's is the level in its topics, which the access rules tie it to. */
  readonly user: string;
}

/** @throws EnrolError `name` when nobody can be called so. */
export function memberName(role: Role, name: string): MemberName {
  if (role === 'kit') {
    if (isKitId(name)) return { role, name, user: kitLevel(name) };
    throw new EnrolError(`${JSON.stringify(name)} can't be a kit id`, {
      code: 'name',
      hint: 'take the id that `dragonsink status` shows on the kit',
    });
  }
  // No kit's level has an @ in it.
  if (MEMBER_NAME.test(name)) return { role, name, user: `${name}@${role}` };
  throw new EnrolError(`${JSON.stringify(name)} can't be the name of a ${role}`, {
    code: 'name',
    hint: '1 to 40 letters, digits, dashes or underscores',
  });
}

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
  /** Of every certificate it was given, in hexadecimal. */
  serials: z.array(z.string()),
});
export type Member = z.infer<typeof member>;

/** `fleet.json`: no secret is in it, and the server reads in it which kits are enrolled. */
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
