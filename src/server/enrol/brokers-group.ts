// The group that the broker runs as: it has to read its key and its passwords, and nobody else has.
import { readFile } from 'node:fs/promises';

const GROUP = 'mosquitto';

/** Its number; null when there is none, or this user can't give it anything. */
export async function brokersGroup(): Promise<number | null> {
  if (process.getuid?.() !== 0) return null;
  const groups = await readFile('/etc/group', 'utf8');
  const line = groups.split('\n').find((one) => one.startsWith(`${GROUP}:`));
  return line === undefined ? null : Number(line.split(':')[2]);
}
