import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import { schemaAt } from '../validation/schema/expand-schema.ts';
import type { CatalogProperty } from './catalog.ts';

/** The most properties on one page, to keep it readable. */
export const propertiesShownMax = 500;

/** The properties of a checked schema. Nested properties follow the property that holds them. */
export function readProperties(schema: JsonObject): CatalogProperty[] {
  const found: CatalogProperty[] = [];
  addProperties(schema, schema, '', found);
  return found;
}

function addProperties(
  root: JsonObject,
  holder: JsonObject,
  path: string,
  found: CatalogProperty[],
): void {
  const { properties, required } = holder;
  if (properties === undefined || !isJsonObject(properties)) return;
  const needed = Array.isArray(required) ? required : [];
  for (const [name, value] of Object.entries(properties)) {
    if (found.length > propertiesShownMax) return;
    const schema = resolve(root, value);
    const place = path === '' ? name : `${path}.${name}`;
    found.push({
      path: place,
      type: typeText(root, schema),
      required: needed.includes(name),
      description: textOf(schema['description'] ?? schema['title']),
      limits: limitsOf(schema),
      personal: textOf(schema['x-pii']),
    });
    const { inner, suffix } = innermost(root, schema);
    addProperties(root, inner, `${place}${suffix}`, found);
  }
}

/** Resolves a reference, and adds the keywords beside it. */
export function resolve(root: JsonObject, value: JsonValue | undefined): JsonObject {
  if (value === undefined || !isJsonObject(value)) return {};
  const { $ref: reference, ...own } = value;
  return typeof reference === 'string'
    ? { ...resolve(root, schemaAt(root, reference)), ...own }
    : value;
}

function innermost(root: JsonObject, schema: JsonObject): { inner: JsonObject; suffix: string } {
  let inner = schema;
  let suffix = '';
  while (inner['items'] !== undefined) {
    inner = resolve(root, inner['items']);
    suffix += '[]';
  }
  return { inner, suffix };
}

const valuesShownMax = 20;

function typeText(root: JsonObject, schema: JsonObject): string {
  const { type, enum: values, const: only, items } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(values)) {
    const shown = values.slice(0, valuesShownMax).map((value) => JSON.stringify(value));
    return values.length > valuesShownMax ? `${shown.join(' or ')} or others` : shown.join(' or ');
  }
  if (type === 'array' && items !== undefined) {
    return `array of ${typeText(root, resolve(root, items))}`;
  }
  if (Array.isArray(type)) return type.map(String).join(' or ');
  return typeof type === 'string' ? type : 'any';
}

const limitTexts: Readonly<Record<string, (limit: string) => string>> = {
  format: (limit) => `as ${limit}`,
  pattern: (limit) => `matches ${limit}`,
  minLength: (limit) => `at least ${limit} characters`,
  maxLength: (limit) => `at most ${limit} characters`,
  minimum: (limit) => `at least ${limit}`,
  maximum: (limit) => `at most ${limit}`,
  exclusiveMinimum: (limit) => `above ${limit}`,
  exclusiveMaximum: (limit) => `below ${limit}`,
  multipleOf: (limit) => `a multiple of ${limit}`,
  minItems: (limit) => `at least ${limit} items`,
  maxItems: (limit) => `at most ${limit} items`,
};

function limitsOf(schema: JsonObject): string[] {
  return Object.entries(limitTexts).flatMap(([keyword, text]) => {
    const limit = schema[keyword];
    return typeof limit === 'string' || typeof limit === 'number' ? [text(String(limit))] : [];
  });
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
