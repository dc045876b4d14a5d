import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import type { ReportLeft } from './imported-plan.ts';
import { objectIn, objectsIn, textIn } from './plan-fields.ts';
import type { RudderCatalog } from './rudderstack-catalog.ts';

/** Custom types may be in custom types. */
const levelsMax = 12;

/**
 * The schema of a list of properties: of the API, where each is written out, or of files, where each is a
 * reference into the catalog.
 */
export function schemaOfProperties(
  list: readonly JsonObject[],
  catalog: RudderCatalog | undefined,
  title: string,
  left: ReportLeft,
  level = 0,
): JsonObject {
  const properties: JsonObject = {};
  const required: string[] = [];
  for (const entry of list) {
    const reference = textIn(entry, '$ref', 'property');
    const property = reference === '' ? entry : catalog?.property(reference);
    const name = textIn(property ?? {}, 'name');
    if (property === undefined || name === '') {
      left(title, `names the property ${reference || '?'}, which is not in these files`);
      continue;
    }
    if (level > levelsMax) {
      left(title, `${name} is nested too deep: anything is allowed there`);
      properties[name] = {};
      continue;
    }
    const scope = { catalog, title, left, level: level + 1 };
    properties[name] = schemaOfProperty(property, entry, scope);
    if (entry['required'] === true) required.push(name);
  }
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

interface Scope {
  readonly catalog: RudderCatalog | undefined;
  readonly title: string;
  readonly left: ReportLeft;
  readonly level: number;
}

/** `entry` is what the rule says about it: what is nested in it. */
function schemaOfProperty(property: JsonObject, entry: JsonObject, scope: Scope): JsonObject {
  const description = textIn(property, 'description');
  const schema: JsonObject = {
    ...(description !== '' && { description }),
    ...typeRules(property, scope),
    ...configRules(objectIn(property, 'propConfig', 'config'), scope),
  };
  const itemTypes = itemTypesOf(property);
  if (itemTypes !== undefined) schema['items'] = typeSchema(itemTypes, scope);
  const nested = objectsIn(entry['properties']);
  if (nested.length === 0) return schema;
  const inner = schemaOfProperties(nested, scope.catalog, scope.title, scope.left, scope.level);
  const mayHaveMore =
    entry['additionalProperties'] ?? entry['additional_properties'] ?? entry['allow_unplanned'];
  if (typeof mayHaveMore === 'boolean') inner['additionalProperties'] = mayHaveMore;
  const types = [schema['type']].flat();
  if (types.includes('array')) {
    schema['items'] = inner;
    return schema;
  }
  return { ...inner, ...schema };
}

function typeRules(property: JsonObject, scope: Scope): JsonObject {
  const types = property['types'] ?? property['type'];
  return types === undefined || types === '' ? {} : typeSchema(types, scope);
}

/** `"string, null"`, a list of types, or a reference to a custom type. */
function typeSchema(types: JsonValue, scope: Scope): JsonObject {
  const names = (Array.isArray(types) ? types : [types])
    .filter((type): type is string => typeof type === 'string')
    .flatMap((type) => type.split(','))
    .map((type) => type.trim())
    .filter((type) => type !== '');
  const custom = names.filter((name) => name.startsWith('#'));
  if (custom.length === 0) return names.length === 0 ? {} : { type: names };
  const branches = custom.map((name) => customSchema(name, scope));
  const plain = names.filter((name) => !name.startsWith('#'));
  if (branches.length === 1 && plain.length === 0) return branches[0]!;
  return { anyOf: [...branches, ...(plain.length > 0 ? [{ type: plain }] : [])] };
}

function customSchema(reference: string, scope: Scope): JsonObject {
  const { catalog, title, left, level } = scope;
  const type = catalog?.customType(reference);
  if (type === undefined || level > levelsMax) {
    left(title, `the custom type ${reference} is not in these files: anything is allowed there`);
    return {};
  }
  const inner = { ...scope, level: level + 1 };
  const description = textIn(type, 'description');
  const schema: JsonObject = {
    ...(description !== '' && { description }),
    ...typeRules(type, inner),
    ...configRules(objectIn(type, 'config', 'propConfig'), inner),
  };
  const itemTypes = itemTypesOf(type);
  if (itemTypes !== undefined) schema['items'] = typeSchema(itemTypes, inner);
  const nested = objectsIn(type['properties']);
  if (nested.length === 0) return schema;
  const object = schemaOfProperties(nested, catalog, title, left, level + 1);
  const variants = objectsIn(type['variants']);
  if (catalog !== undefined) withVariants(object, variants, catalog, title, left);
  return { ...schema, ...object };
}

function itemTypesOf(holder: JsonObject): JsonValue | undefined {
  const config = objectIn(holder, 'propConfig', 'config');
  return (
    holder['item_types'] ??
    holder['item_type'] ??
    config['itemTypes'] ??
    config['item_types'] ??
    undefined
  );
}

/** The rules beside the type; in later files their names are in snake case. */
function configRules(config: JsonObject, { title, left }: Scope): JsonObject {
  const rules: JsonObject = {};
  for (const [key, value] of Object.entries(config)) {
    const keyword = key.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    if (keyword === 'itemTypes') continue;
    if (isJsonObject(value)) left(title, `the rule ${key} cannot be carried over`);
    else rules[keyword] = value;
  }
  return rules;
}

/** Rules that hold for some values of one property: `if` and `then`. */
export function withVariants(
  schema: JsonObject,
  variants: readonly JsonObject[],
  catalog: RudderCatalog,
  title: string,
  left: ReportLeft,
): void {
  for (const variant of variants) {
    const discriminator = catalog.property(textIn(variant, 'discriminator'));
    const name = textIn(discriminator ?? {}, 'name') || textIn(variant, 'discriminator');
    const properties = objectIn(schema, 'properties');
    const cases = objectsIn(variant['cases']).map((each) => ({
      match: Array.isArray(each['match']) ? each['match'] : [],
      rules: schemaOfProperties(objectsIn(each['properties']), catalog, title, left),
    }));
    const fallback = variant['default'];
    const others = isJsonObject(fallback) ? objectsIn(fallback['properties']) : objectsIn(fallback);
    const rest = schemaOfProperties(others, catalog, title, left);
    // The rules are in the branches; a closed object has to know the names.
    for (const { rules } of [...cases, { rules: rest }]) {
      for (const known of Object.keys(objectIn(rules, 'properties'))) properties[known] ??= {};
    }
    const chain = cases.reduceRight<JsonObject>(
      (otherwise, { match, rules }) => ({
        if: { properties: { [name]: { enum: match } }, required: [name] },
        // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
        then: rules,
        else: otherwise,
      }),
      rest,
    );
    const before = Array.isArray(schema['allOf']) ? schema['allOf'] : [];
    schema['properties'] = properties;
    schema['allOf'] = [...before, chain];
  }
}
