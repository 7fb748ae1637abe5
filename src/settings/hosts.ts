// Which hosts are this machine itself or stand in its own network, without asking a name server.
import { BlockList, isIP } from 'node:net';

const LOOPBACK = blockList(['127.0.0.0', 8], ['::1', 128]);
/** RFC 1918, RFC 3927, RFC 4193, RFC 4291. */
const PRIVATE = blockList(
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['fc00::', 7],
  ['fe80::', 10],
);
/** RFC 6762, RFC 8375; and a name without a dot, which no public name server knows. */
const PRIVATE_NAME = /(^[^.]+|\.local|\.home\.arpa)$/;

export function isLoopback(host: string): boolean {
  const bare = bareHost(host);
  return bare === 'localhost' || isIn(LOOPBACK, bare);
}

export function isPrivate(host: string): boolean {
  const bare = bareHost(host);
  return isIP(bare) === 0 ? PRIVATE_NAME.test(bare) : isIn(PRIVATE, bare);
}

const ADDRESS = /^(?:\[([\da-f:]+)\]|([\da-z.-]+)):(\d{1,5})$/i;

/** `host:port` or `[v6]:port`; null when it is neither. */
export function addressOf(text: string): { host: string; port: number } | null {
  const [, v6, host = v6, digits] = ADDRESS.exec(text) ?? [];
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}

const NETWORK = /^([\da-f:.]+)(?:\/(\d{1,3}))?$/i;

/** Whether an address is one of a list of addresses and networks, with commas between them; null when it is no such list. */
export function networksOf(text: string): ((address: string) => boolean) | null {
  const names = text.split(',').map((name) => name.trim());
  const nets = names.filter((name) => name !== '').map(networkIn);
  const known = nets.filter((net) => net !== null);
  if (known.length < nets.length) return null;
  const list = blockList(...known);
  return (address) => isIn(list, address);
}

function networkIn(text: string): [net: string, prefix: number] | null {
  const [, net = '', digits] = NETWORK.exec(text) ?? [];
  const bits = isIP(net) === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  return isIP(net) === 0 || prefix > bits ? null : [net, prefix];
}

function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}

/** An IPv4 address written as IPv6 is in the list of the IPv4 one. */
function isIn(list: BlockList, host: string): boolean {
  const version = isIP(host);
  return version !== 0 && list.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

function blockList(...nets: readonly (readonly [net: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of nets) list.addSubnet(net, prefix, isIP(net) === 4 ? 'ipv4' : 'ipv6');
  return list;
}
