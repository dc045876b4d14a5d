import * as fc from 'fast-check';

import { isJsonObject, type JsonObject } from '../../src/event/json/json.ts';

const digits = (from: number, to: number): fc.Arbitrary<string> =>
  fc.bigInt({ min: 10n ** BigInt(from), max: 10n ** BigInt(to) }).map(String);
const integer = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom('0', '1e3', '100.0', '9007199254740993', '-9223372036854775808'),
);
const number = fc.oneof(
  integer,
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e200, max: 1e200 }).map(String),
  fc.tuple(digits(17, 25), digits(3, 20)).map((parts) => parts.join('.')),
);
const text = fc
  .oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('', "'; --", '{}', 'null'))
  .filter((value) => !value.includes('\0'));
const quoted = (values: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  values.map((value) => JSON.stringify(value));
const time = fc.date({
  noInvalidDate: true,
  min: new Date('0002-01-01'),
  max: new Date('9998-01-01'),
});
const timestamp = fc.oneof(
  time.map((value) => value.toISOString()),
  time.map((value) => value.toISOString().replace('Z', '456+02:00')),
);
const formats: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'date-time': quoted(timestamp),
  date: quoted(time.map((value) => value.toISOString().slice(0, 10))),
  time: quoted(time.map((value) => value.toISOString().slice(11))),
  uuid: quoted(
    fc
      .uuid()
      .map((value, at = value.charCodeAt(0)) => (at % 2 === 0 ? value : value.toUpperCase())),
  ),
};

/** The JSON text of a value that a schema of `generatedSchema` takes. */
export function generatedValue(schema: JsonObject): fc.Arbitrary<string> {
  const { type, format, items, properties, additionalProperties, anyOf } = schema;
  if (Array.isArray(schema['enum']))
    return fc.constantFrom(...schema['enum'].map((value) => JSON.stringify(value)));
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.filter(isJsonObject).map(generatedValue));
  if (Array.isArray(type)) {
    return fc.oneof(...type.map((name) => generatedValue({ type: name })));
  }
  switch (type) {
    case 'null':
      return fc.constant('null');
    case 'string':
      return formats[String(format)] ?? quoted(text);
    case 'boolean':
      return fc.constantFrom('true', 'false');
    case 'integer':
      return schema['maximum'] === undefined ? integer : digits(0, 29);
    case 'number':
      return numberOf(schema);
    case 'array':
      return fc
        .array(generatedValue(isJsonObject(items) ? items : {}), { maxLength: 3 })
        .map((values) => `[${values.join(',')}]`);
    case 'object':
      return isJsonObject(properties)
        ? membersOf(properties)
        : membersOf({ key: isJsonObject(additionalProperties) ? additionalProperties : {} });
    default:
      return fc.oneof(number, quoted(text), fc.constantFrom('true', '[1,{"a":null}]'));
  }
}

function numberOf({ multipleOf, format }: JsonObject): fc.Arbitrary<string> {
  if (multipleOf !== undefined) {
    return fc
      .tuple(fc.nat(1_000_000), fc.nat(99))
      .map(([whole, cents]) => `${whole}.${String(cents).padStart(2, '0')}`);
  }
  return format === 'double'
    ? fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)
    : number;
}

/** Each member may be absent, or null: every column may be NULL. */
function membersOf(properties: JsonObject): fc.Arbitrary<string> {
  const members = Object.entries(properties).map(([name, inner]) =>
    fc
      .oneof(
        { weight: 8, arbitrary: generatedValue(inner as JsonObject) },
        { weight: 1, arbitrary: fc.constant('null') },
        { weight: 1, arbitrary: fc.constant('') },
      )
      .map((value) => (value === '' ? '' : `${JSON.stringify(name)}:${value}`)),
  );
  return fc.tuple(...members).map((texts) => `{${texts.filter(Boolean).join(',')}}`);
}
