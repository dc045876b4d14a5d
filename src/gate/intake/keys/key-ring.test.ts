import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { hashWriteKey, keyIdOf } from '../../../config/write-key.ts';
import { createAuthenticate } from '../authenticate.ts';
import { createKeyRing, type RunTimeKey } from './key-ring.ts';

const now = Date.parse('2027-06-30T12:00:00Z');
beforeEach(() => vi.useFakeTimers({ now }));
afterEach(() => vi.useRealTimers());

function ofLog(text: string, more: Partial<RunTimeKey> = {}): RunTimeKey {
  const hash = hashWriteKey(text);
  return { id: keyIdOf(hash), hash, source: 'log', events: [], revokedAtMs: undefined, ...more };
}
const ofFile = (text: string, more = {}) => ({
  source: 'file',
  hash: hashWriteKey(text),
  events: [],
  ...more,
});
const change = (key: RunTimeKey) => ({ id: key.id, key });

function gateWith(ring: ReturnType<typeof createKeyRing>) {
  const authenticate = createAuthenticate('keys', ring, 'hg_canary');
  return (key: string): string => {
    try {
      return authenticate({ 'x-write-key': key }).source;
    } catch (error) {
      return (error as Error).message;
    }
  };
}

describe('a key of the log', () => {
  test('is known once it is created, and refused once it is revoked, though it was remembered', () => {
    const ring = createKeyRing([]);
    const sourceOf = gateWith(ring);
    expect(sourceOf('a')).toMatch(/not one that this gate knows/);
    ring.follow([change(ofLog('a'))]);
    expect(sourceOf('a')).toBe('log');
    // The clock of the gate that wrote it is ahead by a day.
    ring.follow([change(ofLog('a', { revokedAtMs: now + 86_400_000 }))]);
    expect(sourceOf('a')).toBe(
      'This write key was revoked at 2027-07-01T12:00:00.000Z. Ask the operators of this gate for another one.',
    );
    ring.follow([{ id: ofLog('a').id, key: undefined }]);
    expect(sourceOf('a')).toMatch(/not one that this gate knows/);
  });

  test('wins over the same key in the file', () => {
    const ring = createKeyRing([ofFile('a')], [ofLog('a')]);
    const sourceOf = gateWith(ring);
    expect(sourceOf('a')).toBe('log');
    ring.useFileKeys([ofFile('a'), ofFile('b')]);
    expect([sourceOf('a'), sourceOf('b')]).toEqual(['log', 'file']);
    ring.follow([change(ofLog('a', { revokedAtMs: now }))]);
    expect(sourceOf('a')).toMatch(/was revoked/);
    ring.follow([{ id: ofLog('a').id, key: undefined }]);
    expect(sourceOf('a')).toBe('file');
  });
});

test.each([
  ['file', () => createKeyRing([ofFile('a', { expiresAtMs: now + 5 })])],
  ['log', () => createKeyRing([], [ofLog('a', { expiresAtMs: now + 5 })])],
])('a key of the %s expires by itself, and only who has it learns when', (source, ringOf) => {
  const sourceOf = gateWith(ringOf());
  expect(sourceOf('a')).toBe(source);
  vi.setSystemTime(now + 4);
  expect(sourceOf('a')).toBe(source);
  vi.setSystemTime(now + 5);
  expect(sourceOf('a')).toMatch(/^This write key expired at 2027-06-30T12:00:00\.005Z/);
  expect(sourceOf('ab')).toMatch(/not one that this gate knows/);
});

test('the key of heartbeats is known, and its use is not reported', () => {
  const ring = createKeyRing([]);
  expect(gateWith(ring)('hg_canary')).toBe('_canary');
  expect(ring.takeUsed()).toEqual([]);
});

test('reports each used key once, and none that was refused', () => {
  const ended = ofLog('c', { expiresAtMs: now });
  const ring = createKeyRing([ofFile('a'), ofFile('idle')], [ofLog('b'), ended]);
  const sourceOf = gateWith(ring);
  for (const key of ['a', 'b', 'b', 'c', 'unknown']) sourceOf(key);
  const idOf = (key: string): string => keyIdOf(hashWriteKey(key));
  expect(ring.takeUsed()).toEqual([idOf('a'), idOf('b')]);
  expect(ring.takeUsed()).toEqual([]);
  sourceOf('a');
  // A change of the key does not lose its use.
  sourceOf('b');
  ring.follow([change(ofLog('b', { events: ['order_*'] }))]);
  ring.useFileKeys([ofFile('a'), ofFile('new')]);
  expect(ring.takeUsed()).toEqual([idOf('a'), idOf('b')]);
});

test('says of a producer whose body is still on its way that its key has ended', () => {
  const ring = createKeyRing([ofFile('a'), ofFile('b')], [ofLog('c'), ofLog('d')]);
  const held = ['a', 'b', 'c', 'd'].map((key) => ring.find(key)!.producer);
  ring.useFileKeys([ofFile('b')]);
  ring.follow([
    change(ofLog('c', { revokedAtMs: now })),
    change(ofLog('d', { expiresAtMs: now + 1_000 })),
    change({ ...ofLog('b'), revokedAtMs: now }),
  ]);
  // Of a changed one too: it has another producer now, which learns of its end in the place of this one.
  expect(held.map(({ isEnded }) => isEnded)).toEqual([true, true, true, true]);
  const unchanged = ring.find('d')!.producer;
  ring.follow([change(ofLog('d', { expiresAtMs: now + 1_000 }))]);
  expect(unchanged.isEnded).toBe(false);
});

test('the same of a key that was changed before: in the log, and in the file', () => {
  const ring = createKeyRing([ofFile('a')], [ofLog('b')]);
  const held = ['a', 'b'].map((key) => ring.find(key)!.producer);
  ring.useFileKeys([ofFile('a', { events: ['order_*'] })]);
  ring.useFileKeys([]);
  ring.follow([change(ofLog('b', { expiresAtMs: now + 1_000 }))]);
  ring.follow([change(ofLog('b', { expiresAtMs: now + 1_000, revokedAtMs: now }))]);
  expect(held.map(({ isEnded }) => isEnded)).toEqual([true, true]);
});

describe('the limits of a source', () => {
  const rate = (eventsPerSecond: number, bytesPerDay?: number) => ({
    eventsPerSecond,
    burst: eventsPerSecond,
    bytesPerDay,
  });
  const shop = { source: 'shop' };

  test('are those of the keys of the file and of the log, and of webhooks: the strictest', () => {
    const ring = createKeyRing(
      [ofFile('a', { ...shop, limits: rate(10) })],
      [ofLog('b', { ...shop, limits: rate(5, 4096) }), ofLog('c', shop), ofLog('d')],
      [{ source: 'shop', limits: rate(7, 2048) }],
    );
    const held = ['a', 'b', 'c', 'd'].map((key) => ring.find(key)!.producer.limits);
    expect(held.slice(0, 3)).toEqual([rate(5, 2048), rate(5, 2048), rate(5, 2048)]);
    expect(held[3]).toBeUndefined();
    expect(ring.limitsOf('shop')).toBe(held[0]);
    expect(ring.limitsOf('log')).toBeUndefined();
  });

  test('change for producers that are held: a key is made, revoked, gone, or changed in the file', () => {
    const ring = createKeyRing([ofFile('a', { ...shop, limits: rate(10) })], [ofLog('b', shop)]);
    const { producer } = ring.find('b')!;
    const atStart = producer.limits;
    const strict = ofLog('c', { ...shop, limits: rate(5) });
    ring.follow([change(strict)]);
    expect(producer.limits).toEqual(rate(5));
    ring.follow([change({ ...strict, revokedAtMs: now })]);
    expect(producer.limits).toEqual(atStart);
    ring.follow([change(ofLog('d', { ...shop, limits: rate(3) }))]);
    ring.follow([{ id: ofLog('d').id, key: undefined }]);
    expect(producer.limits).toEqual(rate(10));
    ring.useFileKeys([ofFile('a', { ...shop, limits: rate(20) })]);
    expect(producer.limits).toEqual(rate(20));
    ring.useFileKeys([], [{ source: 'shop', limits: rate(30) }]);
    expect(producer.limits).toEqual(rate(30));
    ring.useFileKeys([]);
    expect(producer.limits).toBeUndefined();
  });

  test('stay one object while they stay the same, also when the log is read again', () => {
    const b = ofLog('b', { ...shop, limits: rate(5) });
    const ring = createKeyRing([], [b]);
    const { producer } = ring.find('b')!;
    const { limits } = producer;
    ring.follow([change({ ...b }), change(ofLog('c', { ...shop, limits: rate(9) }))]);
    expect(ring.find('b')!.producer).toBe(producer);
    expect(ring.find('c')!.producer.limits).toBe(limits);
  });

  test('end with the key that states them', () => {
    const ends = ofLog('b', { ...shop, limits: rate(5), expiresAtMs: now + 1_000 });
    const ring = createKeyRing([ofFile('a', { ...shop, limits: rate(10) })], [ends]);
    vi.setSystemTime(now + 999);
    expect(ring.find('a')!.producer.limits).toEqual(rate(5));
    vi.setSystemTime(now + 1_000);
    expect(ring.limitsOf('shop')).toEqual(rate(10));
    expect(ring.find('a')!.producer.limits).toEqual(rate(10));
  });

  test('are those of the log where a key of the file is also in the log', () => {
    const ring = createKeyRing(
      [ofFile('a', { ...shop, limits: rate(10) })],
      [ofLog('a', { ...shop, limits: rate(50) })],
    );
    expect(ring.find('a')!.producer.limits).toEqual(rate(50));
  });
});
