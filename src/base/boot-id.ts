// Tells one boot of the machine from another.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * What the service manager says (%b of systemd.unit(5), in systemd/dragonsink-kit.service: ProcSubset=pid hides the rest of
 * /proc), else the kernel (https://docs.kernel.org/admin-guide/sysctl/kernel.html#random). Where neither does, no two
 * processes are known to be of one boot.
 */
export function bootId(env: NodeJS.ProcessEnv = process.env): string {
  const said = env['DRAGONSINK_BOOT_ID'];
  if (said !== undefined && said !== '') return said;
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
  } catch {
    return randomUUID();
  }
}
