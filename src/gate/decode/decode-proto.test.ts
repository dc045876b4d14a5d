import { isDeepStrictEqual } from 'node:util';

import { fromBinary, toBinary, toJson, type JsonObject } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { type Timestamp, type Value, StructSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Event } from '../../../gen/headgate/v1/event_pb.ts';
import { EventSchema } from '../../../gen/headgate/v1/event_pb.ts';
import {
  BatchTrackRequestSchema,
  TrackRequestSchema,
} from '../../../gen/headgate/v1/track_service_pb.ts';
import { ServiceError } from '../../errors.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { protoJsonTime } from './proto-json-time.fixture.ts';
import { decodeBatchProto, decodeTrackProto } from './decode-proto.ts';
import { nestingMax } from './event-draft.ts';
import {
  anyTimestamps,
  batchBytes,
  bytesField,
  damagedBytes,
  eventBytesWithUnknown,
  inRequest,
  keepsToSchema,
  message,
  stringField,
  trackBytes,
  varintField,
} from './wire-messages.fixture.ts';

/*
 * The decoder beside protobuf-es. Where they differ, on purpose:
 * - an unknown, reserved or mistyped field is a fault here and passed over there;
 * - a time that cannot be, and a number that JSON cannot say, are the event's fault here;
 * - groups are refused;
 * - a time that comes in several pieces is not put together: the last piece counts.
 */

type Plain = Pick<
  IncomingEvent,
  | 'eventName'
  | 'userId'
  | 'anonymousId'
  | 'idempotencyKey'
  | 'properties'
  | 'context'
  | 'schemaVersion'
> & { occurredAt: string | undefined };

function timeOf(time: Timestamp | undefined): string | undefined {
  if (time === undefined) return '';
  const ms = Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);
  const fits =
    time.nanos >= 0 && time.nanos < 1e9 && ms >= -62_135_596_800_000 && ms < 253_402_300_800_000;
  return fits ? protoJsonTime(time) : undefined;
}

function plainOf(event: Event | undefined): Plain {
  return {
    eventName: event?.eventName ?? '',
    userId: event?.userId ?? '',
    anonymousId: event?.anonymousId ?? '',
    idempotencyKey: event?.idempotencyKey ?? '',
    properties: (event?.properties ?? {}) as Plain['properties'],
    context: event?.context as Plain['context'],
    schemaVersion: event?.schemaVersion ?? 0,
    occurredAt: timeOf(event?.occurredAt),
  };
}

/** What no producer of ours sends. */
const never = { vendorCall: undefined, clock: undefined, fault: undefined };

/** What protobuf-es read, in the form of `told`. */
function expected(event: Event | undefined): unknown {
  const plain = plainOf(event);
  return plain.occurredAt === undefined ? 'no time' : { ...plain, ...never };
}

function told(decoded: IncomingEvent): unknown {
  const { original: _original, propertiesText: _text, written: _written, ...fields } = decoded;
  return fields.fault?.violations[0]?.path === '/occurred_at' ? 'no time' : fields;
}

/** Undefined: refused. An error that is not of the contract goes on. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as ServiceError;
    if (code === 'malformed_request' || code === 'unknown_field') return undefined;
    throw error;
  }
}

/** The same of protobuf-es, which has many kinds of errors. */
function attemptTheirs<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const ownFaults = /NaN|occurred_at|properties_json|depth|one_of/;

function compare(
  bytes: Buffer,
  ours: IncomingEvent | undefined,
  theirs: { readonly event?: Event | undefined } | undefined,
): string {
  if (ours === undefined && theirs === undefined) return 'both refused';
  const keeps = attemptTheirs(() => keepsToSchema(TrackRequestSchema, bytes));
  if (theirs === undefined && keeps !== false) {
    return ours!.fault === undefined ? 'read here alone' : 'known difference';
  }
  // protobuf-es reads on behind the end of a message that is cut short within another.
  if (keeps !== true || theirs === undefined) return 'known difference';
  if (ours === undefined) return 'refused here alone';
  if (ours.fault !== undefined) {
    return ownFaults.test(JSON.stringify(ours.fault)) ? 'known difference' : 'a fault here alone';
  }
  return isDeepStrictEqual(told(ours), expected(theirs.event)) ? 'same' : 'read otherwise';
}

const runs = { numRuns: 1500 };

describe('decodeTrackProto beside protobuf-es', () => {
  test('reads what any writer may write', () => {
    fc.assert(
      fc.property(trackBytes, (bytes) => {
        const { event } = fromBinary(TrackRequestSchema, bytes);
        expect(told(decodeTrackProto(bytes))).toEqual(expected(event));
      }),
      runs,
    );
  });

  test('reads or refuses damaged bytes as protobuf-es does, and never throws another error', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(damagedBytes, (bytes) => {
        const ours = attempt(() => decodeTrackProto(bytes));
        const theirs = attemptTheirs(() => fromBinary(TrackRequestSchema, bytes));
        const comparison = compare(bytes, ours, theirs);
        seen.add(comparison);
        expect(['same', 'both refused', 'known difference']).toContain(comparison);
      }),
      { numRuns: 4000 },
    );
    expect(seen.size).toBe(3);
  });

  test('reports an impossible time in its event, or in its request', () => {
    fc.assert(
      fc.property(anyTimestamps, (time) => {
        const event = message([bytesField(8, time)]);
        const known = expected(fromBinary(EventSchema, event));
        expect(told(decodeTrackProto(inRequest(event)))).toEqual(known);
        const batch = Buffer.from(message([bytesField(1, event), bytesField(3, time)]));
        const refused = attempt(() => decodeBatchProto(batch, 1)) === undefined;
        expect(refused).toBe(known === 'no time');
      }),
    );
  });

  test('never drops an unknown field silently', () => {
    fc.assert(
      fc.property(eventBytesWithUnknown, (bytes) => {
        const unknown = fromBinary(EventSchema, bytes).$unknown ?? [];
        const { fault } = decodeTrackProto(inRequest(bytes));
        expect(unknown.length).toBeGreaterThan(0);
        for (const { no } of unknown) {
          const violation = fault?.violations.find(({ path }) => path === `/${no}`);
          expect(violation?.code).toBe(no >= 10 && no <= 15 ? 'reserved' : 'unknown');
        }
      }),
      runs,
    );
    expect(() => decodeTrackProto(Buffer.from(message([stringField(2, 'x')])))).toThrow(
      expect.objectContaining({ code: 'unknown_field' }),
    );
  });
});

describe('decodeBatchProto beside protobuf-es', () => {
  test('reads what any writer may write', () => {
    fc.assert(
      fc.property(batchBytes, (bytes) => {
        const request = fromBinary(BatchTrackRequestSchema, bytes);
        const decoded = decodeBatchProto(bytes, 10);
        expect(decoded.events.length).toBe(request.events.length);
        expect(decoded.events.map(told)).toEqual(request.events.map(expected));
        expect(decoded.context).toEqual(request.context);
        expect(decoded.validateOnly).toBe(request.validateOnly);
        expect(decoded.sentAt).toBe(timeOf(request.sentAt));
      }),
      runs,
    );
  });

  test('keeps the bytes of each event as sent', () => {
    fc.assert(
      fc.property(batchBytes, (bytes) => {
        const decoded = decodeBatchProto(bytes, 10);
        const { events } = fromBinary(BatchTrackRequestSchema, bytes);
        decoded.events.forEach((event, index) => {
          expect(fromBinary(EventSchema, event.original())).toEqual(events[index]);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('counts events beyond the limit and says how many there were', () => {
    const one = bytesField(1, message([stringField(1, 'a')]));
    const seven = Buffer.from(message(Array.from({ length: 7 }, () => one)));
    expect(decodeBatchProto(seven, 7).events.length).toBe(7);
    expect(() => decodeBatchProto(seven, 6)).toThrow('The batch has 7 events; the limit is 6');
    expect(() => decodeBatchProto(Buffer.alloc(0), 6)).toThrow(
      expect.objectContaining({ code: 'empty_batch' }),
    );
  });
});

/** properties = {a: {a: ... }} of so many levels. */
function nested(levels: number): Buffer {
  let struct = message([]);
  for (let level = 1; level < levels; level += 1) {
    const value = message([bytesField(5, struct)]);
    struct = message([bytesField(1, message([stringField(1, 'a'), bytesField(2, value)]))]);
  }
  return inRequest(message([stringField(4, 'key'), bytesField(5, struct)]));
}

describe('the edges of decodeTrackProto', () => {
  test(`takes ${nestingMax} levels of properties and refuses one more, however many more`, () => {
    expect(decodeTrackProto(nested(nestingMax)).fault).toBeUndefined();
    const deeper = decodeTrackProto(nested(nestingMax + 1));
    expect(deeper.fault?.violations).toMatchObject([{ path: '/properties', code: 'depth' }]);
    expect(deeper.idempotencyKey).toBe('key');
    expect(decodeTrackProto(nested(60)).fault?.code).toBe('invalid_field');
    for (const levels of [200, 2_000]) {
      expect(() => decodeTrackProto(nested(levels))).toThrow(/nests too deep/);
    }
  });

  test.each([Number.NaN, Infinity, -Infinity])('makes %d the fault of its event', (number) => {
    const value = message([(writer) => writer.tag(2, WireType.Bit64).double(number)]);
    const struct = message([bytesField(1, message([stringField(1, 'a'), bytesField(2, value)]))]);
    for (const field of [5, 7]) {
      const decoded = decodeTrackProto(inRequest(message([bytesField(field, struct)])));
      expect(decoded.fault?.code).toBe('invalid_field');
    }
    expect(() => toJson(StructSchema, fromBinary(StructSchema, struct))).toThrow(/NaN/);
  });

  test('merges an event that comes in two pieces', () => {
    const left = message([stringField(1, 'order_completed'), stringField(2, 'u1')]);
    const right = message([stringField(2, 'u2'), varintField(9, 4n, true)]);
    const bytes = Buffer.from(message([bytesField(1, left), bytesField(1, right)]));
    expect(decodeTrackProto(bytes)).toMatchObject({
      eventName: 'order_completed',
      userId: 'u2',
      schemaVersion: 4,
    });
  });

  test('does not let __proto__ become a prototype', () => {
    const value = toBinary(ValueSchema, {
      $typeName: 'google.protobuf.Value',
      kind: { case: 'stringValue', value: 'x' },
    } as Value);
    const struct = message([
      bytesField(1, message([stringField(1, '__proto__'), bytesField(2, value)])),
    ]);
    const { properties } = decodeTrackProto(inRequest(message([bytesField(5, struct)])));
    expect(Object.entries(properties as JsonObject)).toEqual([['__proto__', 'x']]);
    expect(Object.getPrototypeOf(properties)).toBe(Object.prototype);
  });

  test.each([
    ['a group', [0x0b, 0x0c]],
    ['a field of number 0', [0x02, 0x00]],
    ['a varint of eleven bytes', [0x0a, ...Array.from({ length: 10 }, () => 0xff), 1]],
    ['a tag that is field 1 but for its upper bits', [0x8a, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ['a tag of six bytes', [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00]],
    ['a length beyond the end', [0x0a, 0x05, 0x0a]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeTrackProto(Buffer.from(bytes))).toThrow(ServiceError);
    expect(() => decodeBatchProto(Buffer.from(bytes), 10)).toThrow(ServiceError);
  });

  test.each([
    ['a name that is not UTF-8', [0x0a, 0x02, 0xc3, 0x28]],
    ['a message within it that is cut short', [0x2a, 0x05, 0x0a]],
    ['properties that are not UTF-8', [0x2a, 0x08, 0x0a, 0x06, 0x0a, 0x01, 0x61, 0x12, 0xc3, 0x28]],
    ['a group', [0x0b, 0x0c]],
  ])('refuses an event with %s, and of a batch that event alone', (_what, bytes) => {
    const broken = Buffer.from(bytes);
    expect(() => decodeTrackProto(inRequest(broken))).toThrow(ServiceError);
    const [first, last] = [message([stringField(1, 'first')]), message([stringField(1, 'last')])];
    const body = Buffer.concat([first, broken, last].map(inRequest));
    const { events } = decodeBatchProto(body, 3);
    expect(events.map(({ eventName }) => eventName)).toEqual(['first', '', 'last']);
    expect(events.map(({ fault }) => fault?.code)).toEqual([undefined, 'invalid_field', undefined]);
    expect(Buffer.from(events[1]!.original())).toEqual(broken);
    expect(() => decodeBatchProto(body, 2)).toThrow('The batch has 3 events');
  });

  test('reads U+FFFD that was sent as such', () => {
    const event = message([stringField(1, 'a\ufffdb')]);
    expect(decodeTrackProto(inRequest(event)).eventName).toBe('a\ufffdb');
  });
});
