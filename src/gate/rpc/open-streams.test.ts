import { Code, type ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { HttpCall } from '../../http/http-call.ts';
import { createAddressRate, createStreamPlaces, type StreamPlacesOptions } from './open-streams.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const proxy = '10.0.0.1';

function openPlaces(limits: Partial<StreamPlacesOptions>) {
  const limited: string[] = [];
  const places = createStreamPlaces({
    callers: {
      addressOf: ({ headers, connection }) =>
        String(headers['x-forwarded-for'] ?? connection.remoteAddress),
      isProxied: ({ connection }) => connection.remoteAddress === proxy,
      limited: (limit, who) => void limited.push(`${limit} ${who}`),
    },
    what: 'watch',
    streamsMax: 100,
    ofAddressMax: 100,
    ofConnectionMax: 100,
    ...limits,
  });
  return { places, limited };
}

function callFrom(connection: object, address?: string): HttpCall {
  const headers = address === undefined ? {} : { 'x-forwarded-for': address };
  return { connection, headers } as unknown as HttpCall;
}

/** The text of the refusal. */
function refusal(take: () => unknown): string {
  try {
    take();
  } catch (error) {
    const { code, rawMessage } = error as ConnectError;
    return code === Code.ResourceExhausted ? rawMessage : Code[code];
  }
  return 'served';
}

describe.each([
  ['ofConnectionMax', () => 'a', true, 'At most 2 streams of a connection may watch at once.'],
  ['ofAddressMax', () => 'a', false, 'At most 2 streams of an address may watch at once.'],
  ['streamsMax', (index: number) => `a${index}`, false, 'At most 2 may watch at once.'],
] as const)('%s', (limit, addressOf, isOneConnection, text) => {
  test('places are taken up to it, and again when one is free', () => {
    const { places, limited } = openPlaces({ [limit]: 2 });
    const one = { remoteAddress: addressOf(0) };
    const call = (index: number): HttpCall =>
      callFrom(isOneConnection ? one : { remoteAddress: addressOf(index) });
    const leave = places.take(call(1));
    places.take(call(2));
    expect(limited).toEqual([]);
    expect(places.refusal(call(3))).toBe(text);
    limited.length = 0;
    expect(refusal(() => places.take(call(3)))).toBe(text);
    expect(limited).toEqual([`open_streams ${addressOf(3)}`]);
    leave();
    expect(places.refusal(call(3))).toBeUndefined();
    places.take(call(3));
    expect(refusal(() => places.take(call(4)))).toBe(text);
  });
});

test("a trusted proxy's connection carries the streams of many callers", () => {
  const { places } = openPlaces({ ofConnectionMax: 1, ofAddressMax: 2 });
  const connection = { remoteAddress: proxy };
  const from = (address: string): string =>
    refusal(() => places.take(callFrom(connection, address)));
  expect([from('a'), from('a'), from('b')]).toEqual(['served', 'served', 'served']);
  expect(from('a')).toBe('At most 2 streams of an address may watch at once.');
});

test('a rate is a burst and then so many a second, for each address', () => {
  const mayAsk = createAddressRate({ burst: 3, perSecond: 2 });
  const ask = (address: string, times: number): number =>
    Array.from({ length: times }, () => mayAsk(address)).filter(Boolean).length;
  expect([ask('a', 3), ask('a', 5), ask('b', 4)]).toEqual([3, 0, 3]);
  vi.advanceTimersByTime(1_000);
  expect([ask('a', 3), ask('b', 2)]).toEqual([2, 2]);
});

test('to ask whether an address may do one more costs nothing', () => {
  const mayAsk = createAddressRate({ burst: 1, perSecond: 0 });
  expect([mayAsk('a', true), mayAsk('a', true), mayAsk('a')]).toEqual([true, true, true]);
  expect([mayAsk('a', true), mayAsk('a')]).toEqual([false, false]);
});
