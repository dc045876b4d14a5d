import { innerSchemas, resolvePointer } from './schema-walk.ts';
import { isJsonObject, type JsonObject } from '../../event/json/json.ts';

/**
 * The most checks for one event. Validation blocks the gate's thread. One check of one value by one
 * schema takes up to 130 ns if it fails, so this is half a second at worst.
 */
export const checksMax = 4_000_000;

/** Up to this many checks, validating a value costs no more than parsing it. */
const checksUncounted = 4;

/** An error is an object of about 200 bytes, so this many take 40 MB. */
const errorsMax = 200_000;

/** The most steps of regular expressions in one event: about 50 ms. */
export const patternStepsMax = 20_000_000;

/** Thrown for an event that would take too long to validate. */
export class TooMuchWork extends Error {
  override readonly name = 'TooMuchWork';
}

/**
 * The most values that an event of this schema may have; undefined if only the request limits them.
 */
export function valuesValidatedMax(root: JsonObject): number | undefined {
  const checks = checksOfHeaviest(root);
  return checks <= checksUncounted ? undefined : Math.floor(checksMax / checks);
}

/** The most values that an event may have for all its errors to be listed. */
export function valuesListedMax(root: JsonObject, max: number): number {
  return Math.min(max, Math.floor(errorsMax / Math.max(1, checksOfHeaviest(root))));
}

/**
 * The most checks that one value of a list, or one member of a map, can take. A property that the
 * schema names occurs once and needs no bound: schema-references.ts has counted all schemas.
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

/** All schemas that check the same value, each as often as it does. */
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

/** Names and values in a list are checked one by one, and each costs an eighth of a check. */
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

/** Each item is compared with half of the others, except scalars, which Ajv finds with a table. */
function comparisonsOf({ items, maxItems }: JsonObject): number {
  const type = items !== undefined && isJsonObject(items) ? items['type'] : undefined;
  return scalars.has(type) ? 1 : Number(maxItems) / 2;
}
