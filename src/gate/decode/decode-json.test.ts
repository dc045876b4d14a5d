import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { BatchTrackRequestSchema } from '../../../gen/headgate/v1/track_service_pb.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import {
  decodeBatchJson,
  decodeNdjson,
  decodeTrackConnect,
  decodeTrackRest,
} from './decode-json.ts';
import { protoJsonTime } from './proto-json-time.fixture.ts';
import { camelCase, eventFields } from './event-fields.ts';

const texts = fc.string({ unit: 'grapheme', maxLength: 8 });
const objects = fc.dictionary(texts, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
const times = fc
  .date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  })
  .map((date) => date.toISOString());
const versions = fc.oneof(fc.nat(4_000_000_000), fc.nat(9).map(String));

const events = fc.record(
  {
    event_name: texts,
    user_id: texts,
    anonymous_id: fc.option(texts),
    idempotency_key: texts,
    properties: fc.option(objects),
    context: objects,
    occurred_at: fc.oneof(
      times,
      fc.constantFrom('2026-03-01T12:00:00+02:00', '2026-03-01T12:00:00.123456789Z'),
    ),
    schema_version: fc.option(versions),
  },
  { requiredKeys: [] },
) as unknown as fc.Arbitrary<JsonObject>;

/** Each name in one of the two forms that ProtoJSON takes. */
function renamed(event: JsonObject, camel: boolean): JsonObject {
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [camel ? camelCase(name) : name, value]),
  );
}

/** As a reader of its text has it: it may hold numbers that are kept as text. */
function plain(context: JsonObject | undefined): unknown {
  return context && (JSON.parse(JSON.stringify(context)) as unknown);
}

function told(decoded: IncomingEvent): unknown {
  const { original: _original, propertiesText: _text, written: _written, ...fields } = decoded;
  return { ...fields, context: plain(fields.context) };
}

const body = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('JSON of Connect beside protobuf-es', () => {
  test('reads camelCase and snake_case, null, numbers as text and times', () => {
    fc.assert(
      fc.property(fc.array(events, { minLength: 1, maxLength: 3 }), fc.boolean(), (list, camel) => {
        const request = { events: list.map((event) => renamed(event, camel)) };
        const parsed = fromJson(BatchTrackRequestSchema, request);
        const decoded = decodeBatchJson(body(request), 'connect', 10);
        expect(decoded.events.map(told)).toEqual(
          parsed.events.map((event) => ({
            eventName: event.eventName,
            userId: event.userId,
            anonymousId: event.anonymousId,
            idempotencyKey: event.idempotencyKey,
            // As the wire and a parser would have it: -0 is 0 in JSON text.
            properties: JSON.parse(JSON.stringify(event.properties ?? {})),
            context:
              event.context === undefined ? undefined : JSON.parse(JSON.stringify(event.context)),
            occurredAt: event.occurredAt === undefined ? '' : protoJsonTime(event.occurredAt),
            schemaVersion: event.schemaVersion,
            fault: undefined,
          })),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('reads the members of a batch as protobuf-es does', () => {
    const request = {
      events: [{}],
      context: { a: 1 },
      sentAt: '2026-03-01T12:00:00.5+01:00',
      validateOnly: true,
    };
    const parsed = fromJson(BatchTrackRequestSchema, request);
    const decoded = decodeBatchJson(body(request), 'connect', 10);
    expect(decoded).toMatchObject({ context: parsed.context, validateOnly: parsed.validateOnly });
    expect(Date.parse(decoded.sentAt)).toBe(timestampMs(parsed.sentAt!));
    const snake = { events: [{}], sent_at: null, validate_only: null, context: null };
    expect(decodeBatchJson(body(snake), 'connect', 10)).toMatchObject({
      sentAt: '',
      validateOnly: false,
    });
  });

  test.each([
    ['a string for an object', { properties: 'x' }],
    ['a number for a string', { userId: 7 }],
    ['a fraction for a version', { schemaVersion: 1.5 }],
    ['a negative version', { schemaVersion: -1 }],
    ['a version beyond 32 bits', { schemaVersion: 2 ** 32 }],
    ['text for a version', { schemaVersion: 'two' }],
    ['a time that is none', { occurredAt: '2026-13-01T12:00:00Z' }],
    ['a time without a zone', { occurredAt: '2026-03-01T12:00:00' }],
    ['an unknown field', { surprise: 1 }],
    ['a field of the server', { eventId: 'x' }],
  ])('makes %s the fault of its event, which protobuf-es refuses', (_what, members) => {
    const good = { eventName: 'order_completed' };
    const request = { events: [good, { ...members, idempotencyKey: 'k' } as JsonObject] };
    expect(() => fromJson(BatchTrackRequestSchema, request)).toThrow(/cannot decode/);
    const [first, second] = decodeBatchJson(body(request), 'connect', 10).events;
    expect(first!.fault).toBeUndefined();
    expect(second!.fault?.code).toMatch(/_field$/);
    expect(second!.idempotencyKey).toBe('k');
  });
});

describe('JSON of REST', () => {
  test('takes the values that JSON.parse gives, under snake_case names', () => {
    fc.assert(
      fc.property(events, (event) => {
        const parsed = JSON.parse(JSON.stringify(event)) as Record<string, never>;
        const decoded = decodeTrackRest(body(event));
        expect(decoded.properties).toEqual(parsed['properties'] ?? {});
        expect(plain(decoded.context)).toEqual(parsed['context'] ?? undefined);
        expect(decoded.eventName).toBe(parsed['event_name'] ?? '');
        expect(decoded.fault).toBeUndefined();
      }),
    );
  });

  test('does not take camelCase, and says what was meant', () => {
    for (const field of eventFields.filter((name) => name.includes('_'))) {
      const { fault } = decodeTrackRest(body({ [camelCase(field)]: 'x' }));
      expect(fault).toMatchObject({ code: 'unknown_field' });
      expect(fault!.message).toContain(`Did you mean "${field}"?`);
    }
  });

  test('counts the last of two equal names, as JSON.parse does', () => {
    const text = '{"user_id":"a","user_id":"b","properties":{"n":1,"n":12345678901234567890}}';
    const decoded = decodeTrackRest(Buffer.from(text));
    expect(decoded.userId).toBe('b');
    expect(decoded.propertiesText).toBe('{"n":12345678901234567890}');
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{"event_name":'],
    ['an array', '[]'],
    ['null', 'null'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('refuses %s and does not quote it', (_what, text) => {
    expect(() => decodeTrackRest(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'malformed_request' }),
    );
  });

  test('passes over a byte order mark', () => {
    expect(decodeTrackRest(Buffer.from('\ufeff{"user_id":"u"}')).userId).toBe('u');
    expect(decodeTrackConnect(Buffer.from('\ufeff{"event":{"userId":"u"}}')).userId).toBe('u');
  });

  test('takes 32 levels and refuses 33, for properties, context and properties_json alike', () => {
    const nested = (levels: number): string =>
      `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
    for (const name of ['properties', 'context']) {
      expect(decodeTrackRest(Buffer.from(`{"${name}":${nested(32)}}`)).fault).toBeUndefined();
      const { fault } = decodeTrackRest(Buffer.from(`{"${name}":${nested(33)}}`));
      expect(fault?.violations).toMatchObject([{ path: `/${name}`, code: 'depth' }]);
    }
    const asText = (levels: number): IncomingEvent =>
      decodeTrackRest(body({ properties_json: nested(levels) }));
    expect(asText(32).fault).toBeUndefined();
    expect(asText(33).fault?.violations[0]?.code).toBe('depth');
    expect(() => decodeTrackRest(Buffer.from(`{"properties":${nested(100_000)}}`))).not.toThrow(
      RangeError,
    );
  });

  test('reads NDJSON line by line: a broken line spoils itself alone', () => {
    const lines = ['{"user_id":"a"}', '', '  ', '{"user_id":', '{"user_id":"c"}\r', '7'];
    const { events: decoded } = decodeNdjson(Buffer.from(lines.join('\n')), 10);
    expect(decoded.map((event) => event.userId)).toEqual(['a', '', 'c', '']);
    expect(decoded.map((event) => event.fault?.violations[0]?.code)).toEqual([
      undefined,
      'json',
      undefined,
      'type',
    ]);
    expect(Buffer.from(decoded[1]!.original()).toString()).toBe('{"user_id":');
  });

  test('refuses an empty batch and one event above the limit, and accepts the limit', () => {
    const batch = (count: number): Buffer =>
      body({ events: Array.from({ length: count }, () => ({})) });
    expect(decodeBatchJson(batch(3), 'rest', 3).events.length).toBe(3);
    expect(() => decodeBatchJson(batch(4), 'rest', 3)).toThrow(
      expect.objectContaining({ code: 'too_many_events' }),
    );
    expect(() => decodeBatchJson(body({}), 'rest', 3)).toThrow(
      expect.objectContaining({ code: 'empty_batch' }),
    );
    expect(() => decodeBatchJson(body({ events: [{}], sentAt: '' }), 'rest', 3)).toThrow(
      expect.objectContaining({ code: 'unknown_field' }),
    );
  });
});

describe('a line of NDJSON', () => {
  const codesOf = (text: string): (string | undefined)[] =>
    decodeNdjson(Buffer.from(text), 10).events.map(({ fault }) => fault?.code);

  test('may have space around it that JSON knows, and a byte order mark before the first', () => {
    expect(codesOf('\ufeff {"event_name":"a"}\r\n\t{"event_name":"b"} \n \t\r\n')).toEqual([
      undefined,
      undefined,
    ]);
  });

  test.each(['\u00a0', '\u3000', '\v', '\f', '\ufeff\ufeff', '\u2028'])(
    'may not have %j around it, and is not blank with it',
    (space) => {
      const event = '{"event_name":"a"}';
      expect(codesOf(`${event}\n${space}${event}\n${event}${space}\n${space}`)).toEqual([
        undefined,
        'invalid_field',
        'invalid_field',
        'invalid_field',
      ]);
      expect(() => decodeTrackRest(Buffer.from(space + event))).toThrow('not JSON');
    },
  );
});

test('a name of a megabyte is refused like a short one', () => {
  const name = 'A'.repeat(1_000_000);
  const { fault } = decodeTrackRest(Buffer.from(`{"${name}":1}`));
  expect(fault?.violations![0]).toMatchObject({ path: `/${'A'.repeat(60)}`, code: 'unknown' });
});
