import * as fc from 'fast-check';

import { canonicalNumber } from '../../src/event/canonical-number.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { parseExactly } from '../../src/event/exact-numbers.ts';
import type { JsonObject, JsonValue } from '../../src/event/json/json.ts';
import { readTime } from '../../src/event/time/time-text.ts';
import { generatedVersions } from '../../src/destinations/tables/generated-schemas.fixture.ts';
import type { ColumnValue } from '../../src/destinations/tables/fit-value.ts';
import type { LogicalType } from '../../src/destinations/tables/logical-type.ts';
import { storedEvent } from '../destinations/deliveries.ts';

/** An event of one version of a generated contract. Its properties are a text, with all their digits. */
export interface GeneratedEvent {
  readonly version: number;
  readonly properties: string;
}

export interface GeneratedHistory {
  readonly schemas: readonly JsonObject[];
  readonly events: readonly GeneratedEvent[];
}

/** What a property of each kind may be, and what it may not be. */
const literal = fc.oneof(
  fc.constantFrom(
    '12345678901234567890.123',
    '9223372036854775807',
    '9223372036854775808',
    '1e30',
    '1e300',
    '1e-50',
    '1e60',
    '0.1',
    '-0',
    '"2026-02-28T23:59:59.123456789+02:00"',
    '"1066-10-14T00:00:00Z"',
    '"2024-02-29"',
    '"9999-12-31"',
    '"23:59:59.5Z"',
    '"0190163D-8694-739B-AEA5-966C26F8AD91"',
    '"card"',
    '"it\'s \\\\ \\u0041\\n"',
    'true',
    'null',
    '["a",{"b":12345678901234567890.5}]',
    '{"a":"b","c":1.0}',
  ),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
  fc.integer({ min: -1000, max: 1000 }).map((value) => String(value / 100)),
);

const byFormat: Readonly<Record<string, readonly string[]>> = {
  'date-time': [
    '"2026-02-28T23:59:59.123456789+02:00"',
    '"1066-10-14T00:00:00Z"',
    '"1969-12-31T23:59:59.5Z"',
    '"9999-12-31T00:00:00Z"',
  ],
  date: ['"2024-02-29"', '"1815-12-10"', '"9999-12-31"'],
  time: ['"23:59:59.5Z"'],
  uuid: ['"0190163D-8694-739B-AEA5-966C26F8AD91"'],
};

const byType: Readonly<Record<string, readonly string[]>> = {
  boolean: ['true', 'false'],
  integer: ['0', '-7', '9007199254740993', '-9223372036854775808', '1e2', '1e30', '1e80'],
  number: ['19.90', '-0.05', '1e-7', '12345678901234567890.125', '1e60', '1e-50', '123456789.01'],
  array: ['[]', '["a"]', '[1e400]'],
  object: ['{}', '{"k":7}'],
};

/** Most values are of the type that the schema says. */
function valueOf(schema: JsonObject): fc.Arbitrary<string> {
  const { format, type } = schema;
  const known = byFormat[String(format)] ?? byType[String(type)];
  if (known === undefined) return literal;
  return fc.oneof({ arbitrary: fc.constantFrom(...known), weight: 3 }, literal);
}

function propertiesOf(schema: JsonObject): fc.Arbitrary<string> {
  const members = Object.entries((schema['properties'] ?? {}) as JsonObject);
  const texts = members.map(([name, member]) => {
    const inner = member as JsonObject;
    const value = inner['properties'] === undefined ? valueOf(inner) : propertiesOf(inner);
    return fc
      .option(value)
      .map((text) => (text === null ? [] : [`${JSON.stringify(name)}:${text}`]));
  });
  return fc.tuple(...texts).map((found) => `{${found.flat().join(',')}}`);
}

/** The versions of an event's schema, and events of each. */
export const generatedHistory: fc.Arbitrary<GeneratedHistory> = generatedVersions.chain((schemas) =>
  fc
    .tuple(
      ...schemas.map((schema, index) =>
        fc
          .array(propertiesOf(schema), { minLength: 1, maxLength: 3 })
          .map((all) => all.map((properties) => ({ version: index + 1, properties }))),
      ),
    )
    .map((events) => ({ schemas, events: events.flat() })),
);

/** A payload whose properties are this text. */
export function payloadOf(eventName: string, { version, properties }: GeneratedEvent): string {
  const event = storedEvent({ eventName, schemaVersion: version, properties: {} });
  return JSON.stringify(event).replace('"properties":{}', () => `"properties":${properties}`);
}

/** The contract of an event with one version more, and what is sent then. */
interface HistoryStep {
  readonly contract: EventContract;
  /** Events of this version and of the earlier ones, which come again by another id. */
  readonly payloads: readonly string[];
}

/** A version after the other. `sent` gets every event by its id. */
export function* stepsOf(
  name: string,
  { schemas, events }: GeneratedHistory,
  sent: Map<string, GeneratedEvent>,
): Generator<HistoryStep> {
  for (let version = 1; version <= schemas.length; version += 1) {
    const payloads = events
      .filter((event) => event.version <= version)
      .map((event) => {
        const payload = payloadOf(name, event);
        sent.set((JSON.parse(payload) as { eventId: string }).eventId, event);
        return payload;
      });
    yield { contract: contractOf(name, schemas.slice(0, version)), payloads };
  }
}

/** Without what JSON leaves open: `-0`, `1.0`, `\\u0041`. */
export const withoutSpelling = (json: string): string => JSON.stringify(JSON.parse(json));

export function contractOf(name: string, schemas: readonly JsonObject[]): EventContract {
  return { name, schemas };
}

/** The value of a property, with the digits of its numbers. */
export function propertyAt(properties: string, path: readonly string[]): JsonValue | undefined {
  let value = (parseExactly(properties) ?? JSON.parse(properties)) as JsonValue | undefined;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as JsonObject)[name];
  }
  return value;
}

/** A value as text that is the same for all engines. */
export function comparable(value: ColumnValue | string, type: LogicalType): string | null {
  if (value === null) return null;
  const text = String(value);
  switch (type.kind) {
    case 'integer':
    case 'big_integer':
    case 'decimal':
    case 'number':
      return canonicalNumber(text);
    case 'double':
      return String(Number(text));
    case 'timestamp': {
      const rfc = text.includes('T') ? text : `${text.replace(' ', 'T')}Z`;
      return readTime(rfc) ?? rfc;
    }
    default:
      return text;
  }
}
