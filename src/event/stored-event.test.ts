import { fromJsonString } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { StoredEventSchema } from '../../gen/headgate/v1/stored_event_pb.ts';
import type { IncomingEvent } from './incoming-event.ts';
import type { JsonObject } from './json/json.ts';
import {
  decodeStoredEvent,
  encodeRequestPart,
  encodeStoredEvent,
  findWritten,
  readEventTime,
  type StoredEvent,
} from './stored-event.ts';

const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 10 }),
  fc.constantFrom('"', '\\', '\u2028', 'a/b', 'null', '😀', '\u0000', 'plain.id@example.com'),
);
const objects = fc.dictionary(texts, fc.jsonValue({ maxDepth: 3 }), {
  maxKeys: 4,
}) as fc.Arbitrary<JsonObject>;
const times = fc.constantFrom('', '2026-03-01T12:00:00.000Z', '0001-01-01T00:00:00.000Z');

const events: fc.Arbitrary<IncomingEvent> = fc.record({
  eventName: fc.constantFrom('order_completed', 'invoice_paid'),
  userId: texts,
  anonymousId: texts,
  idempotencyKey: fc.uuid(),
  properties: objects,
  propertiesText: fc.constant(undefined),
  context: fc.option(objects, { nil: undefined }),
  occurredAt: times,
  schemaVersion: fc.nat(3),
  vendorCall: fc.option(
    fc.record({
      system: fc.constantFrom('segment', 'posthog', 'mixpanel'),
      call: fc.constantFrom('track', 'identify', 'page'),
      eventName: texts,
      messageId: texts,
      moved: fc.array(texts, { maxLength: 2 }),
      copied: fc.array(texts, { maxLength: 2 }),
      own: fc.array(texts, { maxLength: 2 }),
      contextMember: texts,
    }),
    { nil: undefined },
  ),
  clock: fc.constant(undefined),
  fault: fc.constant(undefined),
  original: fc.constant(() => new Uint8Array()),
});

const warnings = fc.array(
  fc.record({
    code: texts,
    message: texts,
    violations: fc.array(fc.record({ path: texts, code: texts, message: texts }), { maxLength: 2 }),
  }),
  { maxLength: 2 },
);

const requests = fc.record({
  correlationId: fc.stringMatching(/^[\u0021-\u007e]{1,40}$/),
  traceparent: fc.constantFrom('', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
  sentAt: times,
  historical: fc.boolean(),
});

const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

/** As protobuf reads a call: members that were not sent are empty. */
const withEmpty = (call: IncomingEvent['vendorCall']): unknown =>
  call && { $typeName: 'headgate.v1.VendorCall', ...call };

describe('encodeStoredEvent', () => {
  test('writes the ProtoJSON of headgate.v1.StoredEvent', () => {
    fc.assert(
      fc.property(
        events,
        warnings,
        requests,
        fc.nat(2_000_000_000_000),
        (event, list, request, timeMs) => {
          const acceptance = {
            eventId: '11111111-1111-5111-8111-111111111111',
            timestampMs: timeMs,
            schemaVersion: event.schemaVersion,
            warnings: list,
          };
          const requestPart = encodeRequestPart(request);
          const text = encodeStoredEvent(event, acceptance, 'checkout', requestPart);
          const message = fromJsonString(StoredEventSchema, text, { ignoreUnknownFields: false });
          expect(message).toMatchObject({
            eventId: '11111111-1111-5111-8111-111111111111',
            eventName: event.eventName,
            source: 'checkout',
            userId: event.userId,
            anonymousId: event.anonymousId,
            idempotencyKey: event.idempotencyKey,
            schemaVersion: event.schemaVersion,
            correlationId: request.correlationId,
            traceparent: request.traceparent,
            warnings: list,
            historical: request.historical,
          });
          expect(plain(message.vendorCall)).toEqual(withEmpty(event.vendorCall));
          expect(timestampMs(message.eventTime!)).toBe(timeMs);
          expect(timestampMs(message.timestamp!)).toBe(timeMs);
          expect(
            message.occurredAt === undefined
              ? ''
              : new Date(timestampMs(message.occurredAt)).toISOString(),
          ).toBe(event.occurredAt);
          expect(
            message.sentAt === undefined ? '' : new Date(timestampMs(message.sentAt)).toISOString(),
          ).toBe(request.sentAt);
          expect(message.properties).toEqual(plain(event.properties));
          expect(message.context).toEqual(plain(event.context));
          expect(decodeStoredEvent(text)).toEqual(
            decodeStoredEvent(new TextEncoder().encode(text)),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('uses the exact text of the properties if it exists', () => {
    const [event] = fc.sample(events, { numRuns: 1, seed: 1 });
    const text = encodeStoredEvent(
      { ...event!, propertiesText: '{"n":12345678901234567890.0}' },
      { eventId: 'e', timestampMs: 0, schemaVersion: 0, warnings: [] },
      's',
      '',
    );
    expect(text).toContain('"properties":{"n":12345678901234567890.0}');
  });
});

describe('findWritten', () => {
  const acceptance = { eventId: 'e', timestampMs: 0, schemaVersion: 1, warnings: [] };
  const requestPart = encodeRequestPart({ correlationId: 'c', traceparent: '', sentAt: '' });

  test('what it finds gives the same event as writing it anew', () => {
    let found = 0;
    fc.assert(
      fc.property(events, (event) => {
        const text = encodeStoredEvent(event, acceptance, 'shop', requestPart);
        const { properties = {}, context } = decodeStoredEvent(text);
        const written = findWritten(text, properties, context);
        if (written !== undefined) found += 1;
        const read = { ...event, properties, context };
        const again = encodeStoredEvent({ ...read, written }, acceptance, 'shop', requestPart);
        expect(again).toBe(encodeStoredEvent(read, acceptance, 'shop', requestPart));
      }),
    );
    expect(found).toBeGreaterThan(50);
  });

  const find = (text: string) => {
    const { properties, context } = JSON.parse(text) as StoredEvent;
    const written = findWritten(text, properties!, context);
    return written && [written.propertiesText, written.contextText];
  };

  test.each([
    ['{"a":1,"properties":{"n":1.5}}', ['{"n":1.5}', undefined]],
    ['{"a":1,"properties":{},"context":{"b":[1]},"c":2}', ['{}', '{"b":[1]}']],
    ['{"a":1,"properties":{"n":9007199254740993}}', undefined],
    ['{"a":1,"properties":{"n":1.50}}', undefined],
    ['{"a":1,"properties":{},"context":{"n":1e400}}', undefined],
    ['{"a":1,"properties":{}, "context":{}}', undefined],
    ['{"a":1,"context":{},"properties":{}}', undefined],
    ['{"a":{"x":0,"properties":{"n":1}},"properties":{"n":1}}', undefined],
    ['{"properties":{}}', undefined],
  ])('%s', (text, members) => expect(find(text)).toEqual(members));

  test('properties of more levels than the stack holds', () => {
    let properties: JsonObject = {};
    for (let level = 0; level < 100_000; level += 1) properties = { a: properties };
    expect(findWritten('{"a":1,"properties":{}}', properties, undefined)).toBeUndefined();
  });

  test('a text of other properties or another context is not used', () => {
    const [properties, context] = [{ a: 1 }, { b: 2 }];
    const texts = { propertiesText: '{"as":"sent"}', contextText: '{"so":"too"}' };
    const written = {
      properties,
      context,
      ...texts,
      seen: { isPlain: true, isWellFormed: true, isAscii: true },
    };
    const event = { ...fc.sample(events, 1)[0]!, propertiesText: undefined, properties, context };
    const payload = (more: Partial<IncomingEvent>): string =>
      encodeStoredEvent({ ...event, written, ...more }, acceptance, 'shop', requestPart);
    expect(payload({})).toContain('"properties":{"as":"sent"},"context":{"so":"too"}');
    expect(payload({ properties: { a: 2 } })).toContain('"properties":{"a":2},"context":{"so":');
    expect(payload({ context: { b: 3 } })).toContain('{"as":"sent"},"context":{"b":3}');
  });
});

describe('readEventTime', () => {
  const timestamp = '2026-03-01T12:00:00.000Z';
  const occurredAt = '2026-02-01T12:00:00.000Z';
  const read = (change: Partial<StoredEvent>): string =>
    readEventTime({
      eventId: 'e',
      eventName: 'n',
      source: 's',
      idempotencyKey: 'k',
      timestamp,
      ...change,
    });

  test('is what the gate computed, whatever else the event has', () => {
    expect(read({ eventTime: '1999-01-01T00:00:00.000Z', occurredAt })).toBe(
      '1999-01-01T00:00:00.000Z',
    );
  });

  test('of an earlier version follows from what it has', () => {
    expect(read({})).toBe(timestamp);
    expect(read({ occurredAt })).toBe(occurredAt);
    expect(read({ occurredAt, sentAt: '2026-03-01T13:00:00.000Z' })).toBe(
      '2026-02-01T11:00:00.000Z',
    );
    expect(read({ occurredAt: '2026-03-01T13:00:00.000Z' })).toBe(timestamp);
    expect(read({ occurredAt: 'no time' })).toBe(timestamp);
    expect(read({ timestamp: 'no time', occurredAt })).toBe('no time');
    const old = { occurredAt: '1999-01-01T00:00:00.000Z' };
    expect(read(old)).toBe(timestamp);
    expect(read({ ...old, context: { posthog: { historical_migration: true } } })).toBe(
      old.occurredAt,
    );
    expect(read({ ...old, context: { posthog: 1 } })).toBe(timestamp);
  });
});

describe('decodeStoredEvent', () => {
  test.each(['', '[]', '{}', 'null', '{"eventId":7}'])('refuses %s', (text) => {
    expect(() => decodeStoredEvent(text)).toThrow(/not a stored event|JSON/);
  });
});
