import { expect, test } from 'vitest';

import { readEventText, taxonomyName } from './read-events.ts';

const properties = { total: 1 };

test.each([
  ['as producers send it', { event_name: 'a_b', properties }, 'a_b'],
  ['with its properties as text', { event_name: 'a_b', properties_json: '{"total":1}' }, 'a_b'],
  ['as the log holds it', { eventId: 'e', eventName: 'a_b', source: 'web', properties }, 'a_b'],
  [
    'as tail prints it',
    { verdict: 'accepted', source: 'web', event: { eventName: 'a_b', properties } },
    'a_b',
  ],
  [
    'rejected, as tail prints it',
    { source: 'web', sent: '{"event_name":"a_b","properties":{"total":1}}' },
    'a_b',
  ],
  [
    'as rejected list prints it',
    { eventJson: '{"event_name":"a_b","properties":{"total":1}}' },
    'a_b',
  ],
  ['a call of track', { type: 'track', event: 'Order Completed', properties }, 'order_completed'],
  ['a call of identify', { type: 'identify', traits: properties }, 'user_identified'],
])('an event is read: %s', (_what, line, name) => {
  const event = readEventText(JSON.stringify(line));
  expect(event).toMatchObject({ name, properties });
  expect(event!.source).toBe(JSON.stringify(line).includes('web') ? 'web' : '');
});

test('a page has the members of its call among its properties', () => {
  const page = { type: 'page', name: 'Home', category: 'start', properties: { path: '/' } };
  expect(readEventText(JSON.stringify(page))).toEqual({
    name: 'page_viewed',
    properties: { path: '/', name: 'Home', category: 'start' },
    source: '',
  });
});

test.each([
  '',
  '{',
  '[]',
  '1',
  '{}',
  '{"event_name":"a","properties":[]}',
  '{"type":"track"}',
  '{"sent":"{"}',
  '{"event_name":"a","properties":{"b":"\\ud800"}}',
  '{"event_name":"a","properties":{"\\udfff":1}}',
])('%j is no event', (text) => {
  expect(readEventText(text)).toBeUndefined();
});

test.each([
  ['order_completed', 'order_completed'],
  ['Order Completed', 'Order Completed'],
  ['Login', 'Login'],
  ['Заказ', 'Заказ'],
  ['Cafe\u0301', 'Café'],
  ['_canary', undefined],
  ['', undefined],
  ['a'.repeat(129), undefined],
])('the name of %j is %j', (sent, name) => {
  expect(taxonomyName(sent)).toBe(name);
});
