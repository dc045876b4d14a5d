import { escapePointer, unescapePointer } from '../../event/json/json-pointer.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';

/** One schema object in a schema file, and its path there. */
export interface SchemaPlace {
  /** A JSON pointer into the file; empty for the root. */
  readonly path: string;
  readonly schema: JsonObject;
}

const schemaMaps = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];
const schemaLists = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const schemaKeywords = [
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
];

/**
 * The schemas directly inside a schema. Skips values that only look like schemas (`enum`,
 * `default`).
 */
export function innerSchemas({ path, schema }: SchemaPlace): SchemaPlace[] {
  const inner: SchemaPlace[] = [];
  const add = (place: string, value: JsonValue | undefined): void => {
    if (value !== undefined && isJsonObject(value)) inner.push({ path: place, schema: value });
  };
  for (const keyword of schemaKeywords) add(`${path}/${keyword}`, schema[keyword]);
  for (const keyword of schemaLists) {
    const list = schema[keyword];
    if (!Array.isArray(list)) continue;
    for (const [index, value] of list.entries()) add(`${path}/${keyword}/${index}`, value);
  }
  for (const keyword of schemaMaps) {
    const map = schema[keyword];
    if (map === undefined || !isJsonObject(map)) continue;
    for (const [name, value] of Object.entries(map)) {
      add(`${path}/${keyword}/${escapePointer(name)}`, value);
    }
  }
  return inner;
}

/** Every schema object of a file, the outermost first. The file's depth must have been checked. */
export function allSchemas(root: JsonObject): SchemaPlace[] {
  const found: SchemaPlace[] = [{ path: '', schema: root }];
  // The list grows while it is walked.
  for (const place of found) found.push(...innerSchemas(place));
  return found;
}

/**
 * The object that a $ref inside a file (`#/$defs/money`) points to; undefined if it does not exist.
 */
export function resolvePointer(root: JsonObject, reference: string): JsonObject | undefined {
  let pointer: string;
  try {
    pointer = decodeURIComponent(reference.slice(1));
  } catch {
    return undefined;
  }
  if (!reference.startsWith('#') || !(pointer === '' || pointer.startsWith('/'))) return undefined;
  let value: JsonValue | undefined = root;
  for (const step of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    const name = unescapePointer(step);
    const holder = value as JsonObject;
    value = Object.hasOwn(holder, name) ? holder[name] : undefined;
  }
  return value !== undefined && isJsonObject(value) ? value : undefined;
}

/**
 * The schemas that `starts` apply, themselves included: through every $ref, and through the
 * keywords that `follows` accepts.
 */
export function reachableSchemas(
  root: JsonObject,
  starts: readonly JsonObject[],
  follows: (keyword: string) => boolean,
): Set<JsonObject> {
  const found = new Set<JsonObject>(starts);
  // The set grows while it is walked.
  for (const schema of found) {
    const reference = schema['$ref'];
    const target = typeof reference === 'string' ? resolvePointer(root, reference) : undefined;
    if (target !== undefined) found.add(target);
    for (const inner of innerSchemas({ path: '', schema })) {
      const keyword = inner.path.split('/')[1]!;
      // A schema in $defs applies only through a $ref.
      if (keyword !== '$defs' && keyword !== 'definitions' && follows(keyword))
        found.add(inner.schema);
    }
  }
  return found;
}
