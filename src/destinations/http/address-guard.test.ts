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

test('the lookup fails with a name that has only refused addresses', async () => {
  const { promise, resolve } = Promise.withResolvers<Error | null>();
  lookupPublic('localhost', { all: true }, (error) => resolve(error));
  const error = await promise;
  expect(error).toBeInstanceOf(AddressRefusedError);
  expect(error?.message).toContain('loopback');
});

test('a socket that got to a refused address is cut before it says anything', async () => {
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
