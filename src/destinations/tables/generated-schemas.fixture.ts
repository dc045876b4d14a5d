import * as fc from 'fast-check';
import type { JsonObject } from '../../event/json/json.ts';

const name = fc.oneof(
  fc.constantFrom('amount', 'orderId', 'order_id', 'user_id', 'select', 'Größe', 'items', 'a b'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
);

const scalar: fc.Arbitrary<JsonObject> = fc.constantFrom<JsonObject>(
  { type: 'string' },
  { type: ['string', 'null'] },
  { type: 'string', format: 'date-time', maxLength: 64 },
  { type: 'string', format: 'date', maxLength: 10 },
  { type: 'string', format: 'time', maxLength: 30 },
  { type: 'string', format: 'uuid', maxLength: 36 },
  { enum: ['card', 'cash'] },
  { type: 'boolean' },
  { type: 'integer' },
  { type: 'integer', minimum: 0, maximum: 1e30 },
  { type: 'number' },
  { type: 'number', multipleOf: 0.01, minimum: 0, maximum: 1_000_000 },
  { type: 'number', format: 'double' },
  { type: ['integer', 'string'] },
  { anyOf: [{ type: 'integer' }, { type: 'number' }] },
  { type: 'array', items: { type: 'string' } },
  { type: 'array', items: { type: 'object' } },
  { type: 'object' },
  { type: 'object', additionalProperties: { type: 'integer' } },
  {},
);

/** A schema of an event: every kind of type, objects in objects, names of every kind. */
export const generatedSchema: fc.Arbitrary<JsonObject> = fc.letrec<{
  object: JsonObject;
  value: JsonObject;
}>((tie) => ({
  object: fc
    .dictionary(name, tie('value'), { maxKeys: 6 })
    .map((properties) => ({ type: 'object', properties })),
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('object')),
})).object;

/** The schemas of one event: each version may drop, change and add properties. */
export const generatedVersions: fc.Arbitrary<JsonObject[]> = fc.array(generatedSchema, {
  minLength: 1,
  maxLength: 5,
});
