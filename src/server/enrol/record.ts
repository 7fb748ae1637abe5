// `fleet.json`, read: by whoever changes the fleet, and by a server that has to know whose word counts where.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnrolError, errorCode, toError } from '../../base/errors.js';
import { type FleetRecord, fleetRecord } from '../../schema/fleet.js';

export const RECORD_FILE = 'fleet.json';
/** In it, by user: the signing request that a member's next certificate is made of, and its newest certificate. */
export const MEMBERS_FOLDER = 'members';

export function requestFile(folder: string, user: string): string {
  return join(folder, MEMBERS_FOLDER, `${user}.csr`);
}

export function certificateFile(folder: string, user: string): string {
  return join(folder, MEMBERS_FOLDER, `${user}.crt`);
}

/**
 * Null when there is no fleet in this folder.
 *
 * @throws EnrolError `record` when there is one that can't be read.
 */
export function readRecord(folder: string): FleetRecord | null {
  const file = join(folder, RECORD_FILE);
  try {
    return fleetRecord.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause: unknown) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return null;
    const hint = `let this user read it, or restore it from a copy of ${folder}`;
    throw new EnrolError(`${file}: ${toError(cause).message.slice(0, 300)}`, { code: 'record', hint, cause });
  }
}
