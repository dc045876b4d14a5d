import { describe, expect, it } from 'vitest';

import { faultsOf, read } from './read-config.fixture.ts';
import { hashWriteKey as hash, limitsBySource } from './write-key.ts';

const keyWith = (key: string, source: string, limits: string): string =>
  `  - { source: ${source}, hash: "${hash(key)}"${limits === '' ? '' : `, limits: { ${limits} }`} }\n`;
const hook = (limits: string): string =>
  `webhooks:\n  shop: { provider: github, secret: long-enough, events: { push: page_viewed }, limits: { ${limits} } }\n`;
const file = (...keys: string[]): string => `auth: keys\nkeys:\n${keys.join('')}`;

describe('limits of sources', () => {
  it('belong to the source: each of its keys and webhooks has them', () => {
    const config = read({
      file:
        file(
          keyWith('a', 'shop', 'events_per_second: 100, bytes_per_day: 1GiB'),
          keyWith('b', 'shop', ''),
          keyWith('c', 'web', ''),
        ) + 'webhooks:\n  shop: { provider: github, secret: long-enough, events: { push: p_v } }\n',
    });
    const limits = { eventsPerSecond: 100, burst: 100, bytesPerDay: 2 ** 30 };
    expect(config.keys.map((key) => key.limits)).toEqual([limits, limits, undefined]);
    expect(config.webhooks[0]!.limits).toEqual(limits);
  });

  it('may be stated again if they are the same', () => {
    const both = [
      keyWith('a', 'shop', 'events_per_second: 9'),
      keyWith('b', 'shop', 'burst: 9, events_per_second: 9'),
    ];
    expect(faultsOf({ file: file(...both) })).toEqual([]);
  });

  it.each([
    [
      [keyWith('a', 'shop', 'events_per_second: 9'), keyWith('b', 'shop', 'events_per_second: 8')],
      /keys\[1\]\.limits: differs from .*keys\[0\]\.limits, and both are of the source "shop"/,
    ],
    [
      [keyWith('a', 'shop', 'events_per_second: 9'), hook('events_per_second: 8')],
      /webhooks\.shop\.limits: differs from .*keys\[0\]\.limits/,
    ],
    [
      [keyWith('a', 'shop', 'burst: 9')],
      /keys\[0\]\.limits\.burst: is used with limits\.events_per_second/,
    ],
    [[keyWith('a', 'shop', 'events_per_second: 0')], /limits\.events_per_second: "0" is below 1/],
    [
      [keyWith('a', 'shop', 'events_per_second: 1000001')],
      /limits\.events_per_second: "1000001" is above 1000000/,
    ],
    [
      [keyWith('a', 'shop', 'bytes_per_day: 1MiB')],
      /bytes_per_day: 1048576 is below limits\.request_bytes_max/,
    ],
    [[keyWith('a', 'shop', 'events: 5')], /limits\.events: is not known; the nearest/],
  ])('refuses %j', (lines, fault) => {
    expect(faultsOf({ file: file(...lines) })).toEqual([expect.stringMatching(fault)]);
  });

  it('takes the bounds', () => {
    const most = 'events_per_second: 1000000, burst: 10000000';
    expect(faultsOf({ file: file(keyWith('a', 'shop', most)) })).toEqual([]);
    expect(faultsOf({ file: file(keyWith('a', 'shop', 'events_per_second: 1')) })).toEqual([]);
  });

  it('of keys that differ at run time: the strictest of each', () => {
    const one = { eventsPerSecond: 10, burst: 50, bytesPerDay: undefined };
    const other = { eventsPerSecond: 20, burst: 20, bytesPerDay: 1000 };
    const entries = [
      { source: 'shop', limits: one },
      { source: 'shop', limits: other },
      { source: 'shop' },
      { source: 'web' },
    ];
    expect([...limitsBySource(entries)]).toEqual([
      ['shop', { eventsPerSecond: 10, burst: 20, bytesPerDay: 1000 }],
    ]);
  });
});
