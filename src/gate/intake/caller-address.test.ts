import { describe, expect, test } from 'vitest';

import { createCallerAddress } from './caller-address.ts';

function addressOf(
  trustedProxies: readonly string[],
  remoteAddress: string | undefined,
  forwardedFor?: string,
): string {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return createCallerAddress(trustedProxies)({ connection: { remoteAddress }, headers });
}

describe('the address of a caller', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:7:1:2:3:4', '2001:db8:0:7::/64'],
    ['2001:db8::4', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    [undefined, 'unknown'],
  ])('of the peer %s is %s', (remoteAddress, address) => {
    expect(addressOf([], remoteAddress)).toBe(address);
  });

  test('is never what a peer says that is no trusted proxy', () => {
    expect(addressOf([], '192.0.2.1', '198.51.100.7')).toBe('192.0.2.1');
    expect(addressOf(['10.0.0.0/8'], '11.0.0.1', '198.51.100.7')).toBe('11.0.0.1');
  });

  test.each([
    ['198.51.100.7', '198.51.100.7'],
    // What a caller writes itself stands before what the proxy appends.
    ['203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, 10.1.1.1', '198.51.100.7'],
    ['198.51.100.7:4711', '198.51.100.7'],
    ['[2001:db8::1]:4711, 10.0.0.2', '2001:db8:0:0::/64'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['10.0.0.8, 10.0.0.9', '10.0.0.8'],
    ['198.51.100.7, nonsense', '10.0.0.1'],
    ['', '10.0.0.1'],
    [Array.from({ length: 17 }, () => '198.51.100.7').join(','), '10.0.0.1'],
    [Array.from({ length: 16 }, () => '198.51.100.7').join(','), '198.51.100.7'],
  ])('behind a trusted proxy that says %j is %s', (forwardedFor, address) => {
    expect(addressOf(['10.0.0.0/8', 'fd00::/8'], '10.0.0.1', forwardedFor)).toBe(address);
  });

  test('is read behind a proxy of IPv6, too', () => {
    expect(addressOf(['fd00::/8'], 'fd00::3', '198.51.100.7')).toBe('198.51.100.7');
  });
});
