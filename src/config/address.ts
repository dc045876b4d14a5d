import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { Address, ListenAddress, SocketAddress } from './config.ts';

const addressPattern = /^(?:\[(?<ip6>[^\]]+)\]|(?<name>[^:[\]\s]+)):(?<port>\d{1,5})$/;
const hostNamePattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Reads `host:port` or `[ipv6]:port`; undefined if it is neither. Port 0 requests a free port. */
export function parseAddress(text: string): Address | undefined {
  const groups = addressPattern.exec(text)?.groups;
  if (!groups) return undefined;
  const port = Number(groups['port']);
  const { ip6, name } = groups;
  const host = ip6 ?? name ?? '';
  const isHost = ip6 === undefined ? isHostName(host) : isIPv6(host);
  return isHost && port <= 65_535 ? { host, port } : undefined;
}

/** The inverse of `parseAddress`. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** As the kernel: `sun_path` of 108 bytes, the last of which is zero. 104 elsewhere than on Linux. */
export const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

const socketScheme = 'unix:';

/** The path of `unix:PATH`, or of `unix:///PATH` as gRPC writes it; undefined for any other text. */
export function parseSocketPath(text: string): string | undefined {
  if (!text.startsWith(socketScheme)) return undefined;
  const path = text.slice(socketScheme.length);
  return path.startsWith('///') ? path.slice(2) : path;
}

export function isSocket(address: ListenAddress): address is SocketAddress {
  return 'socketPath' in address;
}

/** `host:port`, or `unix:PATH`. */
export function formatListenAddress(address: ListenAddress): string {
  return isSocket(address) ? `${socketScheme}${address.socketPath}` : formatAddress(address);
}

/** True if only this machine can reach the address. */
export function isLocal(address: ListenAddress): boolean {
  return isSocket(address) || isLoopback(address.host);
}

/** An IP address with the number of leading bits that count. */
export interface Network {
  readonly address: string;
  readonly prefixBits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Reads `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`; undefined for any other text. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  if (family === undefined || more.length > 0) return undefined;
  const bitsMax = family === 'ipv4' ? 32 : 128;
  if (bits === undefined) return { address, prefixBits: bitsMax, family };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax
    ? { address, prefixBits: Number(bits), family }
    : undefined;
}

/** True if only this machine can reach the host. Other names may resolve anywhere. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, 'ipv4');
  if (isIPv6(host)) return loopback.check(host, 'ipv6');
  return host.toLowerCase() === 'localhost';
}

/** The same for the host of a URL, which has an IPv6 address in brackets. */
export function isLoopbackUrl(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}

/** Digits and dots only: a mistyped IPv4 address, not a host name. */
function isHostName(text: string): boolean {
  return isIPv4(text) || (hostNamePattern.test(text) && /[a-z]/i.test(text));
}
