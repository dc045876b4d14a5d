import { describe, expect, test } from 'vitest';

import { isUuid } from '../../../event/event-id.ts';
import type { EndpointRow } from '../../serve-request.ts';
import { mixpanelEndpoints } from '../../vendors/mixpanel-endpoint.ts';
import { posthogEndpoints } from '../../vendors/posthog-endpoint.ts';
import { segmentEndpoints } from '../../vendors/segment-endpoint.ts';

interface Protocol {
  readonly path: string;
  readonly rows: readonly EndpointRow[];
  /** The text of an event. `time` and `id` are texts of JSON values. */
  readonly event: (n: string, time?: string, id?: string) => string;
  readonly wrap: (events: readonly string[], sentAt?: string) => string;
}

const member = (name: string, text: string | undefined): string =>
  text === undefined ? '' : `,"${name}":${text}`;

const segmentEvent = (n: string, time?: string, id?: string): string =>
  `{"type":"track","event":"x","userId":"u","properties":{"n":${n}}` +
  `${member('timestamp', time)}${member('messageId', id)}}`;
const posthogEvent = (n: string, time?: string, id?: string): string =>
  `{"event":"x","distinct_id":"u","properties":{"n":${n}}` +
  `${member('timestamp', time)}${member('uuid', id)}}`;

const protocols: readonly Protocol[] = [
  {
    path: '/v1/segment/batch',
    rows: segmentEndpoints,
    event: segmentEvent,
    wrap: (events, sentAt = '') => `{"sentAt":"${sentAt}","batch":[${events.join(',')}]}`,
  },
  ...['/batch/', '/i/v1/analytics/events'].map((path): Protocol => ({
    path,
    rows: posthogEndpoints,
    event: posthogEvent,
    wrap: (events, sentAt = '') => `{"sent_at":"${sentAt}","batch":[${events.join(',')}]}`,
  })),
  {
    path: '/import',
    rows: mixpanelEndpoints,
    event: (n, time, id) =>
      `{"event":"x","properties":{"distinct_id":"u","n":${n}` +
      `${member('time', time)}${member('$insert_id', id)}}}`,
    wrap: (events) => `[${events.join(',')}]`,
  },
];

const time = '"2026-03-01T12:00:00.123Z"';

describe.for(protocols)('events without an id: $path', ({ path, rows, event, wrap }) => {
  const [, endpoint, call] = rows.find((row) => row[0] === path)!;
  const keysOf = (events: readonly string[], sentAt?: string): string[] =>
    endpoint
      .decode(call, Buffer.from(wrap(events, sentAt)), 100)
      .events.map(({ idempotencyKey }) => idempotencyKey);

  test('a time of its own makes the key of an event the same on each attempt', () => {
    const events = [event('1', time), event('2', time)];
    const [first, second] = keysOf(events, '2026-03-01T12:00:01Z');
    expect(isUuid(first!)).toBe(true);
    expect(first).not.toBe(second);
    expect(keysOf(events, '2026-03-01T12:00:09Z')).toEqual([first, second]);
    expect(keysOf([event('2', time)])).toEqual([second]);
  });

  test('equal events of one request are stored apart, and recognised', () => {
    const events = [event('1', time), event('2', time), event('1', time), event('1', time)];
    const keys = keysOf(events);
    expect(new Set(keys).size).toBe(4);
    expect(keysOf(events)).toEqual(keys);
  });

  test('another time or another property is another event', () => {
    const later = '"2026-03-01T12:00:00.124Z"';
    const numbers = ['12345678901234567890', '12345678901234567891'];
    const keys = [
      event('1', time),
      event('1', later),
      event('"1"', time),
      ...numbers.map((n) => event(n, time)),
    ].flatMap((one) => keysOf([one]));
    expect(new Set(keys).size).toBe(5);
    expect(keysOf([event('1e2', time)])).toEqual(keysOf([event('100', time)]));
  });

  test.each([
    ['no time', undefined],
    ['a time to the second', '"2026-03-01T12:00:00Z"'],
    ['no valid time', '"yesterday.1"'],
  ])('%s: the key is new on each attempt', (_name, sent) => {
    const events = [event('1', sent), event('1', sent)];
    const keys = [...keysOf(events), ...keysOf(events)];
    expect(keys.every(isUuid)).toBe(true);
    expect(new Set(keys).size).toBe(4);
  });

  test.each(['""', 'null', '"  "'])('an id that is %s is none', (id) => {
    expect(keysOf([event('1', time, id)])).toEqual(keysOf([event('1', time)]));
  });

  test('what is no id at all is not replaced', () => {
    const body = wrap([event('1', time, '{"a":1}')]);
    const [decoded] = endpoint.decode(call, Buffer.from(body), 10).events;
    expect([decoded!.idempotencyKey, decoded!.fault?.code]).toEqual(['', 'invalid_field']);
  });
});

test('digits finer than milliseconds count', () => {
  const [, endpoint, call] = mixpanelEndpoints.find(([path]) => path === '/import')!;
  const keys = ['1772366400.123456', '1772366400.123457'].map((sent) => {
    const body = Buffer.from(`[{"event":"x","properties":{"distinct_id":"u","time":${sent}}}]`);
    return endpoint.decode(call, body, 10).events[0]!.idempotencyKey;
  });
  expect(new Set(keys).size).toBe(2);
});

test('times of Mixpanel as numbers: of seconds only fractions tell events apart', () => {
  const [, endpoint, call] = mixpanelEndpoints.find(([path]) => path === '/import')!;
  const isRecognised = (sent: string): boolean => {
    const body = Buffer.from(`[{"event":"x","properties":{"distinct_id":"u","time":${sent}}}]`);
    const [one, other] = [1, 2].map(() => endpoint.decode(call, body, 10).events[0]!);
    return one!.idempotencyKey === other!.idempotencyKey;
  };
  expect(['1772366400', '1772366400.25', '1772366400000'].map(isRecognised)).toEqual([
    false,
    true,
    true,
  ]);
});
