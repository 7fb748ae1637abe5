// From where a request comes: the address of whoever connects, or the one that a proxy of ours names.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * @param isProxy the addresses whose `X-Forwarded-For` is believed. Each adds whom it was asked by to the end: so it is read
 *   from there, and what stands before the first that is none of ours anybody may have written.
 */
export function clientOf({ socket, headers }: IncomingMessage, isProxy: (address: string) => boolean): string {
  const named = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  const hops = named.map((name) => name.trim()).reverse();
  let address = socket.remoteAddress ?? '';
  for (const hop of hops) {
    if (!isProxy(address) || isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}

/** Who has one IPv6 address has 2^64 of them (RFC 4291, 2.5.4): they count as one. */
export function networkOf(address: string): string {
  const v4 = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  if (isIP(address) !== 6) return address;
  const [left = [], right] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = right === undefined ? [] : new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...zeros, ...(right ?? [])].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}
