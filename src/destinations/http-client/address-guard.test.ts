import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import {
  AddressRefusedError,
  connectPublicOnly,
  lookupPublic,
  refusedRange,
} from './address-guard.ts';

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '172.15.0.1',
  '172.32.0.1',
  '2606:4700:4700::1111',
  '::ffff:1.1.1.1',
])('%s is public', (address) => {
  expect(refusedRange(address)).toBeUndefined();
});

test.each([
  '0.0.0.0',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '',
  'localhost',
])('%s is refused', (address) => {
  expect(refusedRange(address)).toBeTypeOf('string');
});

/**
 * Every range that IANA's special-purpose registries for IPv4 and IPv6 do not call globally
 * reachable, and others of which an address leads to an inner one: first, last, or both.
 */
const specialPurpose: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/8': ['0.0.0.0', '0.255.255.255'],
  '10.0.0.0/8': ['10.0.0.0', '10.255.255.255'],
  '100.64.0.0/10': ['100.64.0.0', '100.100.100.200', '100.127.255.255'],
  '127.0.0.0/8': ['127.0.0.0', '127.255.255.255'],
  '169.254.0.0/16': ['169.254.0.0', '169.254.169.254', '169.254.255.255'],
  '172.16.0.0/12': ['172.16.0.0', '172.31.255.255'],
  '192.0.0.0/24': ['192.0.0.0', '192.0.0.192', '192.0.0.255'],
  '192.0.2.0/24': ['192.0.2.0', '192.0.2.255'],
  '192.88.99.0/24': ['192.88.99.0', '192.88.99.255'],
  '192.168.0.0/16': ['192.168.0.0', '192.168.255.255'],
  '198.18.0.0/15': ['198.18.0.0', '198.19.255.255'],
  '198.51.100.0/24': ['198.51.100.0', '198.51.100.255'],
  '203.0.113.0/24': ['203.0.113.0', '203.0.113.255'],
  '224.0.0.0/4': ['224.0.0.0', '239.255.255.255'],
  '240.0.0.0/4': ['240.0.0.0', '255.255.255.255'],
  'Azure, its services': ['168.63.129.16', '::ffff:168.63.129.16'],
  'other ways to write 127.0.0.1': ['2130706433', '0x7f000001', '017700000001', '127.1', '0'],
  '::/128, ::1/128': ['::', '::1'],
  'IPv4-compatible, ::/96': ['::7f00:1', '::127.0.0.1', '::a9fe:a9fe', '::808:808'],
  'IPv4-mapped, ::ffff:0:0/96': ['::ffff:7f00:1', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:a00:1'],
  'IPv4-translated, ::ffff:0:0:0/96': ['::ffff:0:7f00:1', '::ffff:0:10.0.0.1'],
  'NAT64, 64:ff9b::/96': ['64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe'],
  '64:ff9b:1::/48': ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  '100::/64, 100:0:0:1::/64': ['100::', '100:0:0:1::1'],
  'Teredo, 2001::/32': ['2001::', '2001:0:7f00:1::'],
  '2001:2::/48': ['2001:2::', '2001:2:0:ffff:ffff:ffff:ffff:ffff'],
  '2001:10::/28': ['2001:10::', '2001:1f:ffff:ffff:ffff:ffff:ffff:ffff'],
  '2001:db8::/32': ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  '6to4, 2002::/16': ['2002::', '2002:7f00:1::', '2002:a00:1::1', '2002:a9fe:a9fe::'],
  '3fff::/20': ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  '5f00::/16': ['5f00::', '5f00:ffff::'],
  'fc00::/7': ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'fe80::/10': ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'site-local, fec0::/10': ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'ff00::/8': ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'not assigned': ['4000::1', '8000::1', 'e000::1', '1000::1'],
};

test.each(Object.entries(specialPurpose))('%s is refused as a whole', (_range, addresses) => {
  expect(addresses.filter((address) => refusedRange(address) === undefined)).toEqual([]);
});

test.each([
  ['9.255.255.255', '11.0.0.0'],
  ['100.63.255.255', '100.128.0.0'],
  ['169.253.255.255', '169.255.0.0'],
  ['172.15.255.255', '172.32.0.0'],
  ['198.17.255.255', '198.20.0.0'],
  ['168.63.129.15', '168.63.129.17'],
  ['2000::1', '2003::1'],
])('%s and %s, beside a range, are public', (...addresses) => {
  for (const address of addresses) expect(refusedRange(address)).toBeUndefined();
});

test('the lookup fails with a name that has only refused addresses', async () => {
  const { promise, resolve } = Promise.withResolvers<Error | null>();
  lookupPublic('localhost', { all: true }, (error) => resolve(error));
  const error = await promise;
  expect(error).toBeInstanceOf(AddressRefusedError);
  expect(error?.message).toContain('loopback');
});

test('a socket that reached a refused address is closed before it sends a byte', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  // What a name does that changes its answer between the check and the connection.
  const options = { allowH2: false, timeout: 1000 };
  const connect = connectPublicOnly(options, (_name, options, callback) => {
    if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  });
  const target = { hostname: 'rebound.example', protocol: 'http:', port: String(port) };
  const error = await new Promise((resolve) => connect(target, (...[failure]) => resolve(failure)));
  expect(error).toBeInstanceOf(AddressRefusedError);
  const [socket] = await accepted;
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  await once(socket, 'close');
  expect(heard).toEqual([]);
  server.close();
});
