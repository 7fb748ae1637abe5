// Signs again, before they end and for the same keys, the certificates that can be brought to where they belong without a
// person: those of kits, of a server on this machine, and of the broker.
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Member } from '../../schema/fleet.js';
import { BACKDATED_MS } from './authority.js';
import { Fleet } from './fleet.js';
import { requestFile } from './record.js';

const DAY_MS = 24 * 3_600_000;
/** Of its time: a kit may be away for weeks, and the doctor warns 30 days ahead that none came. */
const LAST_PART = 1 / 3;
/** From then on a person is told, who has to bring it. */
const BY_HAND_MS = 30 * DAY_MS;

export interface RenewalOptions {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Whether this server is the one on this machine. */
  readonly isHere: (server: Member) => boolean;
}

export interface Renewal {
  readonly renewed: readonly Member[];
  /** Whose certificates end within 30 days, and are not ours to bring: readers', and other machines'. */
  readonly byHand: readonly Member[];
  readonly broker: boolean;
}

/** @throws EnrolError as Fleet.change, enrol and renewBroker. */
export function renewDue(folder: string, { nowMs, isHere }: RenewalOptions): Promise<Renewal> {
  return Fleet.change(folder, async (fleet) => {
    const renewed: Member[] = [];
    const byHand: Member[] = [];
    for (const member of fleet.members) {
      const { role, name, user, days, ends_at, revoked_at } = member;
      if (ends_at === null || revoked_at !== null) continue;
      const leftMs = Date.parse(ends_at) - nowMs;
      const isInReach = role === 'kit' || (role === 'server' && isHere(member));
      if (!isInReach || days === undefined || !existsSync(requestFile(folder, user))) {
        if (leftMs < BY_HAND_MS) byHand.push(member);
        continue;
      }
      if (leftMs >= LAST_PART * days * DAY_MS) continue;
      const requestPem = await readFile(requestFile(folder, user), 'utf8');
      renewed.push(await fleet.enrol({ role, name, days, renew: true, requestPem }, async () => {}));
    }
    return { renewed, byHand, broker: await renewBroker(fleet, folder, nowMs) };
  });
}

/** Last: when the broker can't be told, all else is done. */
async function renewBroker(fleet: Fleet, folder: string, nowMs: number): Promise<boolean> {
  if (!fleet.signsBroker) return false;
  const { validFrom, validTo, subjectAltName = '' } = new X509Certificate(await readFile(join(folder, 'broker.crt')));
  const lifeMs = Date.parse(validTo) - Date.parse(validFrom) - BACKDATED_MS;
  if (Date.parse(validTo) - nowMs >= LAST_PART * lifeMs) return false;
  const names = subjectAltName.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
  const { host, port } = fleet.broker;
  await fleet.renewBroker({
    host,
    port,
    names: names.filter((name) => name !== host),
    days: Math.round(lifeMs / DAY_MS),
  });
  return true;
}
