import { lookup as lookupAny, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { buildConnector } from 'undici';

/** The connection would have gone to an address that is not public. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  readonly code = 'ADDRESS_REFUSED';
}

/** Azure serves every virtual machine from this address: metadata, DHCP, DNS. It looks public. */
const cloudServices: ReadonlySet<string> = new Set(['168.63.129.16']);

/** The only part of IPv6 from which public addresses are assigned (RFC 4291 §2.4, IANA). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * What stands in the way of an address: `loopback`, `private`, `linkLocal` (cloud metadata) and so
 * on, or undefined for a public one. An IPv4 address wrapped in IPv6 is validated as what it wraps.
 * Outside `2000::/3` every other IPv6 address is refused: `::7f00:1` is one way to write 127.0.0.1.
 */
export function refusedRange(address: string): string | undefined {
  if (!ipaddr.isValid(address)) return 'unreadable';
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (parsed instanceof ipaddr.IPv6) return parsed.match(globalUnicast) ? undefined : 'notGlobal';
  return cloudServices.has(parsed.toString()) ? 'cloudServices' : undefined;
}

function refusal(host: string, addresses: readonly string[]): AddressRefusedError {
  const found = addresses.map((address) => {
    const range = refusedRange(address) ?? 'public';
    return address === host ? range : `${address}, ${range}`;
  });
  return new AddressRefusedError(`${host} is not a public address (${found.join('; ')})`);
}

/** A `dns.lookup` that returns only public addresses, and fails if there are none. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  const all: LookupOptions & { all: true } = { ...options, all: true };
  lookupAny(hostname, all, (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0);
    const open = addresses.filter(({ address }) => refusedRange(address) === undefined);
    const first = open[0];
    if (first === undefined) {
      return callback(
        refusal(
          hostname,
          addresses.map(({ address }) => address),
        ),
        '',
        0,
      );
    }
    if (options.all === true) return callback(null, open);
    return callback(null, first.address, first.family);
  });
};

/**
 * An undici connector that connects to public addresses only.
 *
 * Three checks, because each has a gap: Node does not look up an IP literal, and a name may resolve
 * differently a moment later. So the address of the connected socket decides. That last check runs
 * before a byte of the request is written.
 */
export function connectPublicOnly(
  options: buildConnector.BuildOptions,
  lookup: LookupFunction = lookupPublic,
): buildConnector.connector {
  const connect = buildConnector({ ...options, lookup });
  return (target, callback) => {
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && refusedRange(host) !== undefined) {
      callback(refusal(host, [host]), null);
      return;
    }
    connect(target, (...[error, socket]) => {
      if (error) return callback(error, null);
      const address = socket?.remoteAddress ?? '';
      if (socket && refusedRange(address) === undefined) return callback(null, socket);
      socket?.destroy();
      return callback(refusal(host, [address]), null);
    });
  };
}
