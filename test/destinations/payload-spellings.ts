import {
  readPayloadHead,
  type PayloadHead,
} from '../../src/destinations/payload-bytes/payload-head.ts';
import { createPayloadPlaces } from '../../src/destinations/payload-bytes/payload-places.ts';
import { storedMembers } from '../../src/destinations/payload-members.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import { deliveryOf, storedEvent } from './deliveries.ts';

/* Payloads in many spellings, for engines that make rows of their bytes. */

const ordinary: Readonly<Record<string, unknown>> = {
  ...storedEvent(),
  eventTime: '2026-03-01T12:00:00.123Z',
  userId: 'Zoë 😀',
  anonymousId: 'device-7',
  occurredAt: '2026-02-28T23:59:59.123456789Z',
  sentAt: '2026-03-01T12:00:00.000Z',
  context: { page: '/checkout', 'a\tb': null },
};

/** As the gate stores it, with this text as its properties. */
export function payloadWith(properties: string, version = 1, overrides: object = {}): Buffer {
  const event: Record<string, unknown> = { ...ordinary, schemaVersion: version, ...overrides };
  event['properties'] = { placeholder: 1 };
  const ordered = Object.fromEntries(storedMembers.map(([name]) => [name, event[name]]));
  return Buffer.from(JSON.stringify(ordered).replace('{"placeholder":1}', () => properties));
}

/** A property of each kind of column. */
export const anyKind: JsonObject = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    word: { enum: ['a', 'b'] },
    flag: { type: 'boolean' },
    whole: { type: 'integer' },
    large: { type: 'integer', maximum: 1e30 },
    cents: { type: 'number', multipleOf: 0.01 },
    number: { type: 'number' },
    double: { type: 'number', format: 'double' },
    list: { type: 'array' },
    map: { type: 'object', additionalProperties: true },
    any: {},
    id: { type: 'string', format: 'uuid' },
    at: { type: 'string', format: 'date-time' },
    day: { type: 'string', format: 'date' },
    clock: { type: 'string', format: 'time' },
    deep: { type: 'object', properties: { inner: { type: 'object', properties: { x: {} } } } },
    Ünïcode: { type: 'string' },
  },
};

/** The JSON of values that fit some of them, and of some that fit none. */
export const spellings = [
  '0',
  '-0',
  '-0.0',
  '0.0',
  '1',
  '-1',
  '12.5',
  '12.50',
  '0.1',
  '-0.05',
  '0.000001',
  '0.0000001',
  '1e2',
  '1E-7',
  '100.0',
  '123456789012345',
  '1234567890123456',
  '9007199254740993',
  '1e400',
  '0.123456789012345678901',
  '99999999999999.9',
  '-9223372036854775808',
  '9223372036854775808',
  '""',
  '"a"',
  '"b\\n"',
  '"\\u0041"',
  '"\\ud800"',
  '"ä😀\u2028\u007f"',
  '"null"',
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '[1]',
  '[1,2.50]',
  '[1e2]',
  '["a\\/b"]',
  '[[[]]]',
  '[-0]',
  '{"b":1,"a":2}',
  '{"2":1,"1":2}',
  '{"a":1,"a":2}',
  '{"a":{"b":1},"c":{"b":1}}',
  '{"__proto__":1}',
  '{"inner":{"x":1}}',
  '{"inner":{"x":1,"x":2}}',
  '{"inner":null}',
  '{"inner":{"x":{"y":[0.10]}}}',
  '{"":1,"":2}',
  '{"\\u0061":1}',
  `{${Array.from({ length: 300 }, (_, at) => `"k${at}":${at}`).join()}}`,
  '"0190163D-8694-739B-AEA5-966C26F8AD91"',
  '"2026-03-01"',
  '"2026-02-30"',
  '"1815-12-10"',
  '"2026-03-01T12:00:00.123Z"',
  '"1066-10-14T00:00:00Z"',
  '"23:59:59.5z"',
  `${'['.repeat(70)}${']'.repeat(70)}`,
];

/** Properties with members of any order, unknown ones, and those that come twice; and what is not an object. */
export const oddProperties = [
  '{}',
  '{"text":"a","whole":1}',
  '{"whole":1,"text":"a"}',
  '{"x":1,"whole":2,"y":{"text":"z"}}',
  '{"text":"a","text":"b"}',
  '{"te\\u0078t":"a"}',
  '{"deep":{"inner":{"x":1}},"deep":{}}',
  '[]',
  '"text"',
  '{"deep":5}',
  '{"deep":[{"inner":{}}]}',
  '{"text" :"a"}',
  '{"text":"a",}',
  '{"text":01}',
  'null',
  '{"text":tru}',
];

/** Members of an event that are missing, or of other forms. */
export const otherMembers: readonly object[] = [
  {},
  { userId: undefined, anonymousId: undefined, occurredAt: undefined, context: undefined },
  { eventTime: '1066-10-14T00:00:00.000Z', occurredAt: '2026-13-01T00:00:00.000Z' },
  { occurredAt: '1066-10-14T00:00:00.000Z', sentAt: '1066-10-14T00:00:00.000Z' },
  { eventTime: 'soon', sentAt: '2026-03-01T12:00:00+02:00' },
  { timestamp: '2024-02-29T00:00:00.000Z', schemaVersion: undefined, traceparent: '00-ab-cd-01' },
  { warnings: [{ code: 'late', message: 'a "word"' }], correlationId: undefined },
  { schemaVersion: 99 },
];

/** The heads of payloads in a batch, each undefined where the payload is left to its values. */
export function headsOf(payloads: readonly Uint8Array[]): (PayloadHead | undefined)[] {
  const places = createPayloadPlaces(payloads.length);
  return payloads.map((payload, index) =>
    readPayloadHead(places, { ...deliveryOf(payload), sequence: 7 }, index),
  );
}
