// `dragonsink enrol --renew-due`: what a timer runs on the fleet's machine, so that no certificate ends.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeWholeFile } from '../base/whole-file.js';
import type { Member } from '../schema/fleet.js';
import { Fleet } from '../server/enrol/fleet.js';
import { certificateFile } from '../server/enrol/record.js';
import { renewDue } from '../server/enrol/renewal.js';
import { withFile } from './file-errors.js';

export interface RenewDueOptions {
  readonly fleet: string;
  readonly configDir: string;
  readonly json?: boolean;
}

/**
 * `--json` prints one object: `{renewed: [{role, name, ends_at}], by_hand: [the same], broker: whether it has a new one}`.
 *
 * @throws EnrolError for what can't be done, with what to do.
 */
export async function renewDueCommand(options: RenewDueOptions, nowMs = Date.now()): Promise<number> {
  const { fleet, configDir, json } = options;
  const own = join(configDir, 'server.crt');
  const isHere = ({ user }: Member): boolean => sameKey(own, certificateFile(fleet, user));
  const { renewed, byHand, broker } = await withFile(fleet, () => renewDue(fleet, { nowMs, isHere }));
  // Also one that a run signed that was cut off before it got here.
  const { members } = await Fleet.open(fleet);
  const server = members.find((member) => member.role === 'server' && member.revoked_at === null && isHere(member));
  if (server !== undefined)
    await withFile(own, () => replace(own, readFileSync(certificateFile(fleet, server.user), 'utf8')));
  if (json === true) {
    const report = { renewed: renewed.map(shortOf), by_hand: byHand.map(shortOf), broker };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return 0;
  }
  const lines = renewed.map(({ role, name, ends_at }) => {
    const where = role === 'kit' ? 'the server hands it over when the kit is connected' : `it is in ${own}`;
    return `${role} ${name} has a certificate until ${day(ends_at)}: ${where}`;
  });
  if (broker) lines.push('the broker has a new certificate');
  process.stdout.write(`${lines.length === 0 ? 'nothing is due' : lines.join('\n')}\n`);
  for (const { role, name, ends_at } of byHand) {
    const which = role === 'kit' ? name : `--${role} ${name}`;
    const todo = `dragonsink enrol ${which} --renew, and bring the file there`;
    process.stderr.write(`the certificate of ${role} ${name} ends on ${day(ends_at)}\nwhat to do: ${todo}\n`);
  }
  return 0;
}

/** Whose it was it stays; the server reads it when it connects. */
async function replace(file: string, text: string): Promise<void> {
  if (readFileSync(file, 'utf8') === text) return;
  const { mode, uid, gid } = statSync(file);
  await writeWholeFile(file, [text], { mode: mode & 0o777, owner: { uid, gid } });
}

/** Two files that hold certificates of one key. */
function sameKey(...files: readonly [string, string]): boolean {
  if (!files.every((file) => existsSync(file))) return false;
  const [a, b] = files.map((file) => new X509Certificate(readFileSync(file)).publicKey);
  return a !== undefined && b !== undefined && a.equals(b);
}

function shortOf({ role, name, ends_at }: Member): Pick<Member, 'role' | 'name' | 'ends_at'> {
  return { role, name, ends_at };
}

function day(at: string | null): string {
  return at?.slice(0, 10) ?? '';
}
