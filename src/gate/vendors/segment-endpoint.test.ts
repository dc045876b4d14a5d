import { describe, expect, test } from 'vitest';

import { segmentAliases, segmentEndpoints } from './segment-endpoint.ts';

test('the short names of the calls, and the name of a batch in the SDK for Java', () => {
  const pathsOf = new Map(segmentAliases.map(([path, served]) => [path, served]));
  const long = new Map(segmentEndpoints.map(([path, served]) => [path, served]));
  for (const [name, meant] of [
    ['t', 'track'],
    ['i', 'identify'],
    ['p', 'page'],
    ['s', 'screen'],
    ['g', 'group'],
    ['a', 'alias'],
    ['b', 'batch'],
    ['import', 'batch'],
  ]) {
    const served = long.get(`/v1/segment/${meant}`);
    expect(served).toBeDefined();
    expect(pathsOf.get(`/v1/segment/${name}`)).toBe(served);
    expect(pathsOf.get(`/v1/segment/v1/${name}`)).toBe(served);
  }
});

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

test("the copy of the traits that RudderStack's SDKs for Node put into context is not kept twice", () => {
  const traits = '{"email":"a@example.com","n":12345678901234567890}';
  const event = decode(`{"traits":${traits},"ip":"x"}`, 'identify', `,"traits":${traits}`);
  expect(event['properties']).toMatchObject({ email: 'a@example.com' });
  expect(event['context']).toEqual({ ip: 'x' });
  const empty = decode('{"traits":{"a":1}}', 'identify', ',"traits":{}');
  expect([empty['properties'], empty['context']]).toEqual([{ a: 1 }, undefined]);
});

test('traits that nest too deep are rejected, in either place', () => {
  const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  const event = decode(`{"traits":${deep}}`, 'identify', `,"traits":${deep}`);
  expect(event['fault']).toMatchObject({ code: 'invalid_field' });
});

test('the traits of a person in the context of a group call are not those of the group', () => {
  const event = decode('{"traits":{"email":"a@example.com"}}', 'group', ',"groupId":"g"');
  expect(event['properties']).toEqual({ group_id: 'g' });
  expect(event['context']).toEqual({ traits: { email: 'a@example.com' } });
});

test('traits of the call itself, of another call, and traits that are no object', () => {
  const own = decode('{"traits":{"a":1}}', 'identify', ',"traits":{"b":2}');
  expect([own['properties'], own['context']]).toEqual([{ b: 2 }, { traits: { a: 1 } }]);
  expect(decode('{"traits":{"a":1}}', 'page')['context']).toEqual({ traits: { a: 1 } });
  const number = decode('{"traits":12345678901234567890}');
  expect([number['properties'], number['propertiesText']]).toEqual([{}, '{}']);
});

interface Decoded {
  readonly userId: string;
  readonly anonymousId: string;
  readonly eventName: string;
  readonly occurredAt: string;
  readonly idempotencyKey: string;
  readonly properties: object;
  readonly context: Record<string, unknown> | undefined;
  readonly vendorCall?: object | undefined;
}

function decodeRequest(request: object): { events: readonly Decoded[]; context: unknown } {
  return endpoint.decode(call, Buffer.from(JSON.stringify(request)), 10) as never;
}

describe('what a call takes from its request', () => {
  test('is context and integrations; its own integrations count first', () => {
    const { events, context } = decodeRequest({
      context: { app: 'shop' },
      integrations: { All: false },
      batch: [
        { type: 'track', event: 'x', userId: 'u', messageId: 'm1' },
        { type: 'track', event: 'x', userId: 'u', messageId: 'm2', integrations: { All: true } },
      ],
    });
    expect(context).toEqual({ app: 'shop' });
    expect(events.map((event) => event.context)).toMatchObject([
      { segment: { integrations: { All: false } } },
      { segment: { integrations: { All: true } } },
    ]);
  });

  // Every member that a call may have, of which none is the request's to give.
  test.each([
    ['type', 'track'],
    ['event', 'outer'],
    ['userId', 'outer'],
    ['anonymousId', 'outer'],
    ['groupId', 'outer'],
    ['previousId', 'outer'],
    ['name', 'outer'],
    ['category', 'outer'],
    ['messageId', 'outer'],
    ['traits', { outer: 1 }],
    ['properties', { outer: 1 }],
    ['originalTimestamp', '2020-01-01T00:00:00Z'],
    ['timestamp', 'no time'],
    ['channel', 'server'],
  ])('is not %s, which is kept beside it', (name, value) => {
    const calls = ['track', 'identify', 'page', 'group', 'alias'].map((type) => ({ type }));
    const plain = decodeRequest({ batch: calls });
    const { events, context } = decodeRequest({ [name]: value, batch: calls });
    expect(context).toBeUndefined();
    const withoutContext = (event: Decoded) => ({
      ...event,
      context: undefined,
      vendorCall: { ...event.vendorCall, contextMember: undefined },
      idempotencyKey: '',
      original: undefined,
    });
    expect(events.map(withoutContext)).toEqual(plain.events.map(withoutContext));
    for (const event of events) {
      expect(event.context).toEqual({ segment: { request: { [name]: value } } });
    }
  });
});
