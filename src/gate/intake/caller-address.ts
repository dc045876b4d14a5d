import { BlockList, isIP, isIPv6 } from 'node:net';

import { parseNetwork } from '../../config/address.ts';
import type { HttpCall } from '../../http/http-call.ts';

/** The address by which limits group callers: an IPv4 address, or a /64 of IPv6. */
export type CallerAddress = (call: Pick<HttpCall, 'connection' | 'headers'>) => string;

/** Stands for a caller that has disconnected, or whose proxy does not name it. */
const unknownAddress = 'unknown';

/** Proxies append to the header. More items than this are useless and cost time. */
const hopsMax = 16;

/**
 * The peer's address; of a peer in `trustedProxies` (addresses and networks), the last address of
 * X-Forwarded-For that is not a trusted proxy. Callers can write anything into the items before it.
 */
export function createCallerAddress(trustedProxies: readonly string[]): CallerAddress {
  const trusted = trustedList(trustedProxies);
  return ({ connection, headers }) => {
    const peer = withoutMapping(connection.remoteAddress ?? '');
    if (trusted === undefined || !isTrusted(trusted, peer)) return groupOf(peer);
    const header = headers['x-forwarded-for'];
    const hops = String(header ?? '').split(',', hopsMax + 1);
    let address = peer;
    for (const hop of hops.length > hopsMax ? hops.slice(0, 0) : hops.toReversed()) {
      const named = withoutMapping(withoutPort(hop.trim()));
      if (isIP(named) === 0) break;
      address = named;
      if (!isTrusted(trusted, named)) break;
    }
    return groupOf(address);
  };
}

function trustedList(networks: readonly string[]): BlockList | undefined {
  if (networks.length === 0) return undefined;
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network !== undefined) list.addSubnet(network.address, network.prefixBits, network.family);
  }
  return list;
}

function isTrusted(trusted: BlockList, address: string): boolean {
  return address !== '' && trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** A socket for both families shows IPv4 as `::ffff:192.0.2.1`. */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  if (hop.startsWith('[')) return hop.slice(1, Math.max(1, hop.indexOf(']')));
  const colon = hop.indexOf(':');
  return colon !== -1 && colon === hop.lastIndexOf(':') ? hop.slice(0, colon) : hop;
}

/** One customer of a provider has at least a /64 of IPv6, and may use each of its addresses. */
function groupOf(address: string): string {
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
