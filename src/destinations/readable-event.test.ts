import { expect, test } from 'vitest';

import { decodeStoredEvent } from '../event/stored-event.ts';
import type { Delivery } from './destination.ts';
import { readEvent, readEventHead } from './readable-event.ts';

const event = {
  eventId: '9d90fc35-7e54-5f3d-bf7e-aac8e04eacba',
  eventName: 'order_completed',
  source: 'shop',
  timestamp: '2026-03-01T12:00:00.000Z',
  properties: { total: 5 },
  correlationId: 'c-1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

function deliveryOf(text: string): Delivery {
  const payload = Buffer.from(text);
  return { sequence: 1, attempt: 1, payload, event: () => decodeStoredEvent(payload) };
}

test.each([
  ['as the gate writes it', JSON.stringify(event)],
  ['with spaces', JSON.stringify(event, undefined, 1)],
  ['with an escape in its name', JSON.stringify(event).replace('order_c', 'order_\\u0063')],
  ['without what is optional', JSON.stringify({ ...event, correlationId: undefined })],
])('the head of an event %s is what parsing gives', (_what, text) => {
  const { eventId, eventName, timestamp, correlationId, traceparent } = JSON.parse(text);
  const head = readEventHead(deliveryOf(text));
  expect(head).toMatchObject({ eventId, eventName, timestamp, traceparent });
  expect((head as typeof event).correlationId || undefined).toBe(correlationId);
});

test.each([
  ['no JSON', '{'],
  ['no event', '{"a":1}'],
  ['an id that would end the signed text', JSON.stringify({ ...event, eventId: 'a.b' })],
  ['no time', JSON.stringify({ ...event, timestamp: 5 })],
  ['no name', JSON.stringify({ ...event, eventName: undefined })],
])('%s gives the reason that readEvent gives', (_what, text) => {
  const reason = readEvent(deliveryOf(text));
  expect(reason).toBeTypeOf('string');
  expect(readEventHead(deliveryOf(text))).toBe(reason);
});
