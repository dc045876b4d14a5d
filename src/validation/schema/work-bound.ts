import { innerSchemas, resolvePointer } from './schema-walk.ts';
import { isJsonObject, type JsonObject } from '../../event/json/json.ts';

/**
 * What validating one event may take: a gate validates on one thread, and answers nobody meanwhile. One check
 * of one value by one schema takes up to 130 ns where it fails, so that this is half a second at worst.
 */
export const checksMax = 4_000_000;

/** Up to this many checks a value costs no more than reading it did. */
const checksUncounted = 4;

/** An error is an object of some 200 bytes: this many are 40 MB. */
const errorsMax = 200_000;

/** Steps of regular expressions in one event: some 50 ms. */
export const patternStepsMax = 20_000_000;

/** Thrown for an event whose check would take too long. */
export class TooMuchWork extends Error {
  override readonly name = 'TooMuchWork';
}

/** How many values an event of this schema may have; undefined: as many as a request holds. */
export function valuesValidatedMax(root: JsonObject): number | undefined {
  const checks = checksOfHeaviest(root);
  return checks <= checksUncounted ? undefined : Math.floor(checksMax / checks);
}

/** How many values an event may have if all its errors are reported. */
export function valuesListedMax(root: JsonObject, max: number): number {
  return Math.min(max, Math.floor(errorsMax / Math.max(1, checksOfHeaviest(root))));
}

/**
 * The most checks that one value of a list, or one member of a map, can take. What is named in the
 * schema is there once and needs no bound: schema-references.ts has counted the whole.
 */
function checksOfHeaviest(root: JsonObject): number {
  let heaviest = 0;
  const look = (schemas: readonly JsonObject[], repeated: boolean): void => {
    const here = appliedTogether(root, schemas);
    if (repeated)
      heaviest = Math.max(
        heaviest,
        here.reduce((sum, each) => sum + checksOf(each), 0),
      );
    const named = new Map<string, JsonObject[]>();
    const others: JsonObject[] = [];
    for (const schema of here) {
      if (schema['uniqueItems'] === true) heaviest = Math.max(heaviest, comparisonsOf(schema));
      for (const { path, schema: inner } of innerSchemas({ path: '', schema })) {
        const [, keyword, name = ''] = path.split('/');
        if (keyword === 'properties') named.set(name, [...(named.get(name) ?? []), inner]);
        else if (elementKeywords.has(keyword!)) others.push(inner);
      }
    }
    for (const group of named.values()) look(group, repeated);
    if (others.length > 0) look(others, true);
  };
  look([root], false);
  return heaviest;
}

const elementKeywords = new Set([
  'items',
  'prefixItems',
  'contains',
  'additionalProperties',
  'patternProperties',
  'propertyNames',
  'unevaluatedProperties',
]);

const sameValueKeywords = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'dependentSchemas',
]);

/** All schemas that look at the same value, as often as they do. */
function appliedTogether(root: JsonObject, schemas: readonly JsonObject[]): JsonObject[] {
  const found = [...schemas];
  // The list grows while it is walked.
  for (const schema of found) {
    const reference = schema['$ref'];
    const target = typeof reference === 'string' ? resolvePointer(root, reference) : undefined;
    if (target !== undefined) found.push(target);
    for (const { path, schema: inner } of innerSchemas({ path: '', schema })) {
      if (sameValueKeywords.has(path.split('/')[1]!)) found.push(inner);
    }
  }
  return found;
}

/** Names and values in a row are looked at one by one, each in an eighth of a check. */
function checksOf(schema: JsonObject): number {
  const { enum: values, required, properties } = schema;
  const lengths = [
    Array.isArray(values) ? values.length : 0,
    Array.isArray(required) ? required.length : 0,
    properties !== undefined && isJsonObject(properties) ? Object.keys(properties).length : 0,
  ];
  return 1 + lengths.reduce((sum, length) => sum + length, 0) / 8;
}

const scalars = new Set<unknown>(['string', 'number', 'integer', 'boolean', 'null']);

/** Each item is compared with half of the others, unless they are so plain that a table finds them. */
function comparisonsOf({ items, maxItems }: JsonObject): number {
  const type = items !== undefined && isJsonObject(items) ? items['type'] : undefined;
  return scalars.has(type) ? 1 : Number(maxItems) / 2;
}
