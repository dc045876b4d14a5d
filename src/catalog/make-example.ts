import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import type { SchemaVersion } from '../validation/schema-registry.ts';
import { resolve } from './read-properties.ts';

/**
 * Properties that a version accepts: one of the schema's `examples`, or an object made from its
 * rules. Undefined if neither meets the schema, because a page must not show an event that would be
 * rejected.
 */
export function makeExample({ schema, findingsIn }: SchemaVersion): JsonObject | undefined {
  const { examples } = schema;
  const given = (Array.isArray(examples) ? examples : []).filter(isJsonObject);
  return [...given, made(schema, schema, true), made(schema, schema, false)].find(
    (candidate): candidate is JsonObject =>
      isJsonObject(candidate) && findingsIn(candidate) === undefined,
  );
}

const texts: Readonly<Record<string, string>> = {
  date: '2026-03-01',
  time: '12:00:00Z',
  'date-time': '2026-03-01T12:00:00Z',
  email: 'ada@example.com',
  uri: 'https://example.com/',
  uuid: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  hostname: 'example.com',
};

/** Texts that often match patterns: currencies, countries, languages, numbers. */
const guesses = ['EUR', 'DE', 'de', 'de-DE', 'A-1001', 'a1', '1', '1.0.0', '#336699'];

/**
 * A value that the schema probably accepts. If `optional` is false, only with required properties.
 */
function made(root: JsonObject, value: JsonValue, optional: boolean): JsonValue {
  const schema = resolve(root, value);
  const { examples, default: usual, const: only, enum: choices } = schema;
  const said = (Array.isArray(examples) ? examples[0] : undefined) ?? usual ?? only;
  if (said !== undefined && schema !== root) return said;
  if (Array.isArray(choices)) return choices[0] ?? null;
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  if (type === 'object') return madeObject(root, schema, optional);
  if (type === 'array') {
    const count = Math.max(1, Number(schema['minItems'] ?? 1));
    return Array.from({ length: Math.min(count, 3) }, () =>
      made(root, schema['items'] ?? {}, optional),
    );
  }
  if (type === 'number' || type === 'integer') return madeNumber(schema);
  if (type === 'boolean') return true;
  return type === 'null' ? null : madeText(schema);
}

function madeObject(root: JsonObject, schema: JsonObject, optional: boolean): JsonObject {
  const { properties, required } = schema;
  const needed = Array.isArray(required) ? required : [];
  const known = properties !== undefined && isJsonObject(properties) ? properties : {};
  return Object.fromEntries(
    Object.entries(known)
      .filter(([name]) => optional || needed.includes(name))
      .map(([name, inner]) => [name, made(root, inner, optional)]),
  );
}

function madeNumber({ minimum, exclusiveMinimum, maximum, multipleOf }: JsonObject): number {
  if (typeof multipleOf === 'number') return multipleOf;
  if (typeof minimum === 'number') return Math.max(minimum, 1);
  if (typeof exclusiveMinimum === 'number') return exclusiveMinimum + 1;
  return typeof maximum === 'number' ? Math.min(maximum, 1) : 1;
}

function madeText({ format, pattern, minLength, maxLength }: JsonObject): string {
  if (typeof format === 'string' && texts[format] !== undefined) return texts[format];
  if (typeof pattern === 'string') {
    const expression = new RegExp(pattern, 'u');
    const found = guesses.find((guess) => expression.test(guess));
    if (found !== undefined) return found;
  }
  const length = Math.max(typeof minLength === 'number' ? minLength : 0, 'text'.length);
  return 'text'.padEnd(length, 't').slice(0, typeof maxLength === 'number' ? maxLength : undefined);
}
