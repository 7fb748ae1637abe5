// Who belongs to a fleet, and under which user name the broker knows them.
import { EnrolError } from '../../base/errors.js';
import { MEMBER_NAME } from '../../schema/enrol-file.js';
import type { Role } from '../../schema/fleet.js';
import { isKitId } from '../../schema/kit-id.js';
import { kitLevel } from '../../schema/topics.js';

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
