import { expect, test } from 'vitest';

import { decodeForwarded, type ForwardedEvent } from './decode-forwarded.ts';

const nowMs = Date.parse('2026-03-01T12:00:00.000Z');
const stored = {
  eventName: 'order_completed',
  source: 'shop',
  timestamp: '2026-03-01T11:59:59.000Z',
  eventTime: '2026-03-01T11:59:58.000Z',
  idempotencyKey: '00000000-0000-4000-8000-000000000000',
  properties: { total: 1 },
  correlationId: 'request-1',
  sentAt: '2026-03-01T11:59:58.000Z',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

function decode(change: object, last?: ForwardedEvent) {
  return decodeForwarded(Buffer.from(JSON.stringify({ ...stored, ...change })), nowMs, last);
}

const first = decode({}) as ForwardedEvent;

test('an event reads the same alone as behind one of its request', () => {
  const { event, ...facts } = decode({}, first) as ForwardedEvent;
  const { event: alone, ...factsAlone } = first;
  expect(facts).toEqual(factsAlone);
  expect({ ...event, original: undefined }).toEqual({ ...alone, original: undefined });
});

test.each([
  [{ source: 'not a source' }, /source is not a source/],
  [{ correlationId: 'naïve' }, /correlationId/],
  [{ timestamp: 'yesterday' }, /timestamp is not a time/],
  [{ sentAt: 'yesterday' }, /sentAt is not a time/],
])('what differs from the event before it is checked: %j', (change, fault) => {
  expect(decode(change, first)).toMatchObject({ fault: expect.stringMatching(fault) });
});

test('a trace that cannot be read is left out, also behind an event without one', () => {
  const without = decode({ traceparent: undefined }) as ForwardedEvent;
  expect(without.traceparent).toBe('');
  for (const last of [undefined, first, without]) {
    expect(decode({ traceparent: 'none' }, last)).toMatchObject({ traceparent: '' });
  }
});

test('the text of the properties is kept only where it says no more than they do', () => {
  const { event } = decodeForwarded(
    Buffer.from(JSON.stringify(stored).replace('"total":1', '"total":12345678901234567891')),
    nowMs,
  ) as ForwardedEvent;
  expect(event.written).toBeUndefined();
  expect(event.propertiesText).toBe('{"total":12345678901234567891}');
  expect(first.event.written?.propertiesText).toBe('{"total":1}');
});
