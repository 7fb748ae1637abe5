// The group that the broker runs as: it has to read its key and its passwords, and nobody else has to.
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

const GROUP = 'mosquitto';
const GROUP_PASSES = 0o010;
const OTHERS_PASS = 0o001;

/** Its number; null when there is none, or this user can't give it anything. */
export async function brokersGroup(): Promise<number | null> {
  if (process.getuid?.() !== 0) return null;
  const groups = await readFile('/etc/group', 'utf8');
  const line = groups.split('\n').find((one) => one.startsWith(`${GROUP}:`));
  return line === undefined ? null : Number(line.split(':')[2]);
}

/** The folder on the way to this one that the broker's user can't pass; null when there is none. */
export async function closedToBroker(folder: string): Promise<string | null> {
  const gid = await brokersGroup();
  if (gid === null) return null;
  for (let at = resolve(folder); at !== dirname(at); at = dirname(at)) {
    const { mode, gid: group } = await stat(at);
    const mayPass = (mode & OTHERS_PASS) !== 0 || (group === gid && (mode & GROUP_PASSES) !== 0);
    if (!mayPass) return at;
  }
  return null;
}
