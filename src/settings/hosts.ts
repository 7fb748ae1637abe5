// Which hosts are this machine itself, without asking a name server.
import { isIPv4, isIPv6 } from 'node:net';

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || (isIPv4(bare) && bare.startsWith('127.'))) return true;
  return isIPv6(bare) && /^(::1|0:0:0:0:0:0:0:1|::ffff:127\..*)$/.test(bare);
}
