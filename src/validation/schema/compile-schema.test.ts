import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';

import { compileSchema } from './compile-schema.ts';
import type { JsonObject } from '../../event/json/json.ts';

const faulty: readonly JsonObject[] = [
  { type: 'objekt' },
  { type: ['string', 'string'] },
  { type: 'object', required: 'total' },
  { type: 'object', required: ['total', 'total'] },
  { type: 'object', properties: { total: { minimum: '0' } } },
  { type: 'object', properties: { list: { items: { maxItems: -1 } } } },
  { type: 'object', properties: { deep: { anyOf: [{ $defs: { a: { title: 1 } } }] } } },
  { type: 'object', patternProperties: 1 },
  { type: 'object', $id: 1 },
  { type: 'object', $ref: ['#'] },
  { type: 'object', $anchor: '1' },
  { type: 'object', unevaluatedProperties: 'no' },
  { type: 'object', contentSchema: 3 },
  { type: 'object', deprecated: 'yes' },
];

describe('a schema that draft 2020-12 does not allow', () => {
  const ajv = new Ajv2020({ strict: true, logger: false });

  it.each(faulty.map((schema) => [JSON.stringify(schema), schema] as const))(
    'is refused with the text of Ajv: %s',
    (_, schema) => {
      expect(ajv.validateSchema(schema)).toBe(false);
      const text = ajv.errorsText(ajv.errors, { dataVar: '' });
      expect(() => compileSchema(schema)).toThrow(new Error(text));
    },
  );
});
