import { expect, test } from 'vitest';

import { unreadableEvent } from '../gate/decode/decode-json-event.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { JsonObject } from '../event/json/json.ts';
import { compileProperty } from './property.ts';

const payloadOf = (properties: string, context = '{}'): Uint8Array =>
  Buffer.from(`{"eventId":"e","userId":"ada","properties":${properties},"context":${context}}`);

const has = (searched: string, properties: string, context?: string): boolean =>
  compileProperty(searched).isStored(payloadOf(properties, context));

test.each([
  ['A-1003', '{"order_id":"A-1003"}', true],
  ['order_id=A-1003', '{"order_id":"A-1003"}', true],
  ['order_id=A-1003', '{"id":"A-1003"}', false],
  ['A-1003', '{"order_id":"A-10031"}', false],
  ['A-1003', '{"A-1003":"order"}', false],
  ['21.50', '{"total":21.50}', true],
  ['total=21.5', '{"total":21.50}', false],
  ['12345678901234567890', '{"id":12345678901234567890}', true],
  ['12345678901234567891', '{"id":12345678901234567890}', false],
  ['12345678901234567890', '{"id":"12345678901234567890"}', true],
  ['gift=true', '{"gift":true}', true],
  ['gift=null', '{"gift":null}', false],
  ['sku=b', '{"lines":[{"sku":"a"},{"sku":"b"}]}', true],
  ['shipping.city=Bonn', '{"shipping":{"city":"Bonn"}}', true],
  ['city=Bonn', '{"shipping":{"city":"Bonn"}}', true],
  ['ping.city=Bonn', '{"shipping":{"city":"Bonn"}}', false],
  ['Zürich', '{"city":"Z\\u00fcrich"}', true],
  ['a"b', '{"name":"a\\"b"}', true],
  ['bm90IGE=', '{"token":"bm90IGE="}', true],
  ['a=b=c', '{"a":"b=c"}', true],
  ['=', '{"sign":"="}', true],
  ['__proto__=x', '{"__proto__":"x"}', true],
  ['ada', '{}', false],
])('%s in %s: %s', (searched, properties, expected) => {
  expect(has(searched, properties)).toBe(expected);
});

test('the context is searched too', () => {
  expect(has('test_id=t-1', '{}', '{"test_id":"t-1"}')).toBe(true);
});

test('what is no JSON, or nests deeper than any event, does not match', () => {
  const { isStored } = compileProperty('a');
  expect(isStored(Buffer.from('{"properties":{"x":"a"'))).toBe(false);
  const depth = 100_000;
  expect(has('a', `{"x":${'['.repeat(depth)}"a"${']'.repeat(depth)}}`)).toBe(false);
});

function rejected(properties: JsonObject, propertiesText?: string): IncomingEvent {
  const event = unreadableEvent('not an event', () => new Uint8Array());
  return { ...event, fault: undefined, properties, propertiesText };
}

test('a rejected event is decoded only if its bytes may have the value', () => {
  const { isRejected } = compileProperty('A-1003');
  let decoded = 0;
  const decode = (): IncomingEvent => {
    decoded += 1;
    return rejected({ order_id: 'A-1003' });
  };
  expect(isRejected(Buffer.from('{"order_id":"A-1004"}'), true, decode)).toBe(false);
  expect(decoded).toBe(0);
  expect(isRejected(Buffer.from('{"order_id":"A-1003"}'), true, decode)).toBe(true);
  // Protocol buffers hold numbers in another form.
  const total = compileProperty('total=21.5');
  expect(total.isRejected(Buffer.from([1, 2]), false, () => rejected({ total: 21.5 }))).toBe(true);
});

test('of a rejected event that cannot be read, its text is searched', () => {
  const { isRejected } = compileProperty('order_id=A-1003');
  const bytes = Buffer.from('{"order_id":"A-1003",');
  expect(isRejected(bytes, true, () => unreadableEvent('broken', () => bytes))).toBe(true);
});
