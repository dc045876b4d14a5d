import { describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../config/write-key.ts';
import { createAuthenticate, defaultSource } from './authenticate.ts';

const key = 'hg_checkout_1';
const keys = [
  { source: 'checkout', hash: hashWriteKey(key), events: ['order_*'] },
  { source: 'billing', hash: hashWriteKey('hg_billing_1'), events: [] },
];

describe('with auth off', () => {
  test('everybody is the default source', () => {
    const producer = createAuthenticate('off', keys)({ authorization: 'Bearer nonsense' });
    expect(producer.source).toBe(defaultSource);
    expect(producer.maySend('anything')).toBe(true);
  });
});

describe('with keys', () => {
  const authenticate = createAuthenticate('keys', keys);
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

  test.each([
    ['Bearer', { authorization: `Bearer ${key}` }],
    ['bearer in small letters', { authorization: `bearer  ${key} ` }],
    ['Basic with the key as user', { authorization: basic(`${key}:`) }],
    ['Basic with a password', { authorization: basic(`${key}:any:thing`) }],
    ['Basic without a colon', { authorization: basic(key) }],
    ['x-write-key', { 'x-write-key': ` ${key} ` }],
    [
      'x-write-key beside an unrelated Authorization',
      { 'x-write-key': key, authorization: 'Bearer x' },
    ],
  ])('knows a key by %s, again and again', (_what, headers) => {
    for (let round = 0; round < 3; round += 1) {
      const producer = authenticate(headers);
      expect(producer.source).toBe('checkout');
      expect(producer.maySend('order_completed')).toBe(true);
      expect(producer.maySend('invoice_paid')).toBe(false);
    }
  });

  test.each([
    ['no header', {}],
    ['an empty key', { authorization: 'Bearer ' }],
    ['an unknown key', { authorization: `Bearer ${key}x` }],
    ['the hash of a key', { authorization: `Bearer ${keys[0]!.hash}` }],
    ['a key of other letters', { authorization: `Bearer ${key.toUpperCase()}` }],
    ['another scheme', { authorization: `Digest ${key}` }],
    [
      'an empty x-write-key beside a good Authorization',
      { 'x-write-key': '', authorization: `Bearer ${key}` },
    ],
  ])('refuses %s without telling what was sent', (_what, headers) => {
    expect(() => authenticate(headers)).toThrow(
      expect.objectContaining({ code: 'unauthenticated' }),
    );
    expect(() => authenticate(headers)).not.toThrow(/hg_checkout/);
  });

  test('gives every key of a source its limits, and the others none', () => {
    const limits = { eventsPerSecond: 5, burst: 5, bytesPerDay: undefined };
    const limited = createAuthenticate('keys', [
      { ...keys[0]!, limits },
      { source: 'checkout', hash: hashWriteKey('hg_checkout_2'), events: [] },
      keys[1]!,
    ]);
    const limitsOf = (sent: string) => limited({ 'x-write-key': sent }).limits;
    expect([limitsOf(key), limitsOf('hg_checkout_2'), limitsOf('hg_billing_1')]).toEqual([
      limits,
      limits,
      undefined,
    ]);
  });

  test('lets a key without globs send every event', () => {
    expect(authenticate({ 'x-write-key': 'hg_billing_1' }).maySend('anything')).toBe(true);
  });
});
