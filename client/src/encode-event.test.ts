import { fromBinary } from '@bufbuild/protobuf';
import { sizeDelimitedPeek } from '@bufbuild/protobuf/wire';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { EventEncoder } from './encode-event.ts';
import { eventJson } from './event-json.ts';
import type { UntypedEvent } from './event.ts';
import { EventSchema, type Event } from './gen/headgate/v1/event_pb.ts';

const options = { context: undefined, eventBytesMax: 64 * 1024 };

/** Decodes a record with the generated code, as any other reader would. */
function decode(record: Buffer): Event {
  const { offset, size } = sizeDelimitedPeek(record) as { offset: number; size: number };
  expect(offset + size).toBe(record.length);
  return fromBinary(EventSchema, record.subarray(offset));
}

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 });

test('the generated code reads back every encoded event', () => {
  const encoder = new EventEncoder(options);
  fc.assert(
    fc.property(
      text,
      text,
      fc.option(text, { nil: undefined }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.date({ min: new Date(0), max: new Date(8e15 / 1000), noInvalidDate: true }),
      fc.nat(),
      (eventName, userId, anonymousId, properties, occurredAt, schemaVersion) => {
        const event = { eventName, userId, anonymousId, properties, occurredAt, schemaVersion };
        const decoded = decode(encoder.encode(event as UntypedEvent));
        expect(decoded).toMatchObject({
          eventName,
          userId,
          anonymousId: anonymousId ?? '',
          schemaVersion,
        });
        expect(decoded.idempotencyKey).toBe(encoder.key);
        expect(JSON.parse(decoded.propertiesJson)).toEqual(JSON.parse(JSON.stringify(properties)));
        expect(timestampMs(decoded.occurredAt!)).toBe(occurredAt.getTime());
      },
    ),
  );
});

test("an event's context overrides the client's context", () => {
  const encoder = new EventEncoder({ ...options, context: { program: 'shop', version: '1' } });
  const plain = decode(encoder.encode({ eventName: 'order_paid', userId: 'u' }));
  expect(plain.context).toEqual({ program: 'shop', version: '1' });
  const own = { eventName: 'order_paid', userId: 'u', context: { version: '2', at: undefined } };
  expect(decode(encoder.encode(own)).context).toEqual({ program: 'shop', version: '2' });
});

test('the JSON form is what the REST endpoint accepts', () => {
  const encoder = new EventEncoder({ ...options, context: { program: 'shop' } });
  const record = encoder.encode({
    eventName: 'order_paid',
    userId: 'u-1',
    idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: { total: 49.9, note: 'a "b" ü' },
    occurredAt: new Date('2026-03-01T12:00:00.123Z'),
    schemaVersion: 2,
  });
  expect(JSON.parse(eventJson(record))).toEqual({
    event_name: 'order_paid',
    user_id: 'u-1',
    idempotency_key: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: { total: 49.9, note: 'a "b" ü' },
    context: { program: 'shop' },
    occurred_at: '2026-03-01T12:00:00.123Z',
    schema_version: 2,
  });
});

const circular: Record<string, unknown> = {};
circular['self'] = circular;

test.each<[string, unknown]>([
  ['no name', { userId: 'u' }],
  ['an empty name', { eventName: '', userId: 'u' }],
  ['a number for a user', { eventName: 'a_b', userId: 5 }],
  ['a key that is no UUID', { eventName: 'a_b', userId: 'u', idempotencyKey: 'mine' }],
  ['a negative version', { eventName: 'a_b', userId: 'u', schemaVersion: -1 }],
  ['an invalid time', { eventName: 'a_b', userId: 'u', occurredAt: new Date(Number.NaN) }],
  ['a list for properties', { eventName: 'a_b', userId: 'u', properties: [] }],
  ['circular properties', { eventName: 'a_b', userId: 'u', properties: circular }],
  ['a BigInt', { eventName: 'a_b', userId: 'u', properties: { total: 1n } }],
  ['half a character in its name', { eventName: 'a_\ud800', userId: 'u' }],
  ['half a character in a user', { eventName: 'a_b', userId: 'u-\ud83d' }],
  ['half a character in a long user', { eventName: 'a_b', userId: `${'u'.repeat(50)}\ud83d` }],
  ['half a character in an anonymous id', { eventName: 'a_b', anonymousId: '\ude00' }],
  ['half a character in a context', { eventName: 'a_b', userId: 'u', context: { a: ['\ud800'] } }],
  [
    'half a character in a name of a context',
    { eventName: 'a_b', userId: 'u', context: { '\ud800': 1 } },
  ],
  ['a circular context', { eventName: 'a_b', userId: 'u', context: circular }],
])('an event with %s cannot be encoded', (_name, event) => {
  const encode = (): unknown => new EventEncoder(options).encode(event as UntypedEvent);
  expect(encode).toThrow(expect.objectContaining({ name: 'HeadgateError', code: 'invalid_event' }));
});

test('whole characters beyond U+FFFF, and texts that look like halves, are encoded', () => {
  const userId = '\u{1f600} \\\\ud800 \\ud83d';
  const context = { '\u{1f600}': userId };
  const decoded = decode(new EventEncoder(options).encode({ eventName: 'a_b', userId, context }));
  expect(decoded).toMatchObject({ userId, context });
});

test('one byte over the limit is too large', () => {
  const event = (length: number): UntypedEvent => ({
    eventName: 'a_b',
    userId: 'u',
    occurredAt: new Date(0),
    properties: { text: 'x'.repeat(length) },
  });
  const least = new EventEncoder({ context: undefined, eventBytesMax: 3_000_000 });
  const bytes = decodeLength(least.encode(event(2_000)));
  const encoder = new EventEncoder({ context: undefined, eventBytesMax: bytes });
  expect(decodeLength(encoder.encode(event(2_000)))).toBe(bytes);
  expect(() => encoder.encode(event(2_001))).toThrow(
    expect.objectContaining({ code: 'event_too_large' }),
  );
});

function decodeLength(record: Buffer): number {
  return (sizeDelimitedPeek(record) as { size: number }).size;
}
