import { unescapePointer } from '../../event/json/json-pointer.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';

/** Keywords that do not affect which events are valid. */
const annotations = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  '$anchor',
  'title',
  'description',
  'default',
  'deprecated',
  'examples',
  'readOnly',
  'writeOnly',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
]);

/** Keywords whose value maps names to schemas, is a list of schemas, or is a schema. */
const maps = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const lists = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const single = new Set([
  'items',
  'additionalProperties',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
]);

/**
 * Replaces each $ref with its schema and drops annotations, so that two schemas can be compared
 * part by part. Only for schemas that passed checkSchemaSafety: their references are not circular,
 * and their expanded size is bounded.
 */
export function expandSchema(root: JsonObject): JsonObject {
  const expand = (value: JsonValue): JsonValue => {
    if (!isJsonObject(value)) return value;
    const own: JsonObject = {};
    for (const [keyword, inner] of Object.entries(value)) {
      if (keyword === '$ref' || annotations.has(keyword)) continue;
      own[keyword] = expandKeyword(keyword, inner);
    }
    const reference = value['$ref'];
    if (typeof reference !== 'string') return own;
    const target = expand(schemaAt(root, reference) ?? {});
    // Beside other keywords, a reference is an additional requirement.
    return Object.keys(own).length === 0 ? target : { allOf: [target, own] };
  };
  const expandKeyword = (keyword: string, value: JsonValue): JsonValue => {
    if (single.has(keyword)) return expand(value);
    if (lists.has(keyword) && Array.isArray(value)) return value.map(expand);
    if (maps.has(keyword) && isJsonObject(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [name, expand(inner)]),
      );
    }
    return value;
  };
  return expand(root) as JsonObject;
}

/** The schema that a $ref of a safe schema refers to. */
export function schemaAt(root: JsonObject, reference: string): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const step of decodeURIComponent(reference.slice(1)).split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as JsonObject)[unescapePointer(step)];
  }
  return value;
}
