import { BlockList, isIPv6 } from 'node:net';

import { parseNetwork } from '../../config/address.ts';

/* How limits by address see an address: https://www.rfc-editor.org/rfc/rfc6177 */

/** Stands for a caller that has disconnected, or whose proxy does not name it. */
const unknownAddress = 'unknown';

/** A socket for both families shows IPv4 as `::ffff:192.0.2.1`. */
export function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/**
 * The group of an address: an IPv4 address, or the /64 of an IPv6 address. One customer of a provider has
 * at least a /64, and may use each of its addresses.
 */
export function addressGroup(address: string): string {
  if (address === '') return unknownAddress;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::', 2);
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const written = last.at(-1)?.includes('.') ? last.length + 1 : last.length;
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - written);
  const all = [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  const network = all.slice(0, 4).map((part) => Number.parseInt(part, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** Whether an address is one of `trusted_proxies` (addresses and networks). */
export function createIsTrusted(networks: readonly string[]): (address: string) => boolean {
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network !== undefined) list.addSubnet(network.address, network.prefixBits, network.family);
  }
  return (address) => address !== '' && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
