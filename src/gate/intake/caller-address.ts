import { isIP } from 'node:net';

import {
  addressGroup,
  createIsTrusted,
  withoutMapping,
} from '../../http/connections/address-groups.ts';
import type { HttpCall } from '../../http/http-call.ts';

/** The address by which limits group callers: an IPv4 address, or a /64 of IPv6. */
export type CallerAddress = (call: Pick<HttpCall, 'connection' | 'headers'>) => string;

/** The caller's own IP address; empty if it is not known. */
export type CallerIp = CallerAddress;

/** Proxies append to the header. More items than this are useless and cost time. */
const hopsMax = 16;

/** As `createCallerIp`, by groups. */
export function createCallerAddress(trustedProxies: readonly string[]): CallerAddress {
  const ipOf = createCallerIp(trustedProxies);
  return (call) => addressGroup(ipOf(call));
}

/**
 * The peer's address; of a peer in `trustedProxies` (addresses and networks), the last address of
 * X-Forwarded-For that is not a trusted proxy. Callers can write anything into the items before it.
 */
export function createCallerIp(trustedProxies: readonly string[]): CallerIp {
  const isTrusted = createIsTrusted(trustedProxies);
  return ({ connection, headers }) => {
    const peer = withoutMapping(connection.remoteAddress ?? '');
    if (!isTrusted(peer)) return peer;
    const header = headers['x-forwarded-for'];
    const hops = String(header ?? '').split(',', hopsMax + 1);
    let address = peer;
    for (const hop of hops.length > hopsMax ? hops.slice(0, 0) : hops.toReversed()) {
      const named = withoutMapping(withoutPort(hop.trim()));
      if (isIP(named) === 0) break;
      address = named;
      if (!isTrusted(named)) break;
    }
    return address;
  };
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  if (hop.startsWith('[')) return hop.slice(1, Math.max(1, hop.indexOf(']')));
  const colon = hop.indexOf(':');
  return colon !== -1 && colon === hop.lastIndexOf(':') ? hop.slice(0, colon) : hop;
}
