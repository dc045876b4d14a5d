import { expect, test } from 'vitest';

import { segmentEndpoints } from './segment-endpoint.ts';

const [, endpoint, call] = segmentEndpoints.find(([path]) => path.endsWith('/batch'))!;

function decode(context: string, type = 'identify', more = ''): Record<string, unknown> {
  const text = `{"batch":[{"type":"${type}","userId":"u","context":${context}${more}}]}`;
  const [event] = endpoint.decode(call, Buffer.from(text), 10).events;
  return event as unknown as Record<string, unknown>;
}

test('the traits that RudderStack puts into context are the properties', () => {
  const event = decode('{"traits":{"email":"a@example.com"},"library":{"name":"x"}}');
  expect(event['properties']).toEqual({ email: 'a@example.com' });
  expect(event['context']).toEqual({ library: { name: 'x' } });
});

test('traits of the call itself, of another call, and traits that are no object', () => {
  const own = decode('{"traits":{"a":1}}', 'identify', ',"traits":{"b":2}');
  expect([own['properties'], own['context']]).toEqual([{ b: 2 }, { traits: { a: 1 } }]);
  expect(decode('{"traits":{"a":1}}', 'page')['context']).toEqual({ traits: { a: 1 } });
  const number = decode('{"traits":12345678901234567890}');
  expect([number['properties'], number['propertiesText']]).toEqual([{}, '{}']);
});
