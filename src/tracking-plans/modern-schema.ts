import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import { patternDanger, patternSubjectMax } from '../validation/schema/pattern-safety.ts';
import {
  numberFormats,
  formatSubjectMax,
  textFormats,
} from '../validation/schema/schema-formats.ts';
import { branchesMax, uniqueItemsMax } from '../validation/schema/schema-safety.ts';
import { resolvePointer } from '../validation/schema/schema-walk.ts';

/** What of a schema could not be kept. `path` is that of a property: `items[].sku`. */
export type ReportLost = (path: string, text: string) => void;

/** Keywords that are kept as they are. */
const kept = new Set(
  (
    'type enum const title description default deprecated examples readOnly writeOnly $comment ' +
    'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems ' +
    'maxItems minContains maxContains minProperties maxProperties required dependentRequired ' +
    'contentEncoding contentMediaType'
  ).split(' '),
);
const single = new Set('not if then else contains propertyNames additionalProperties'.split(' '));
const lists = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const maps = new Set(['properties', 'patternProperties', 'dependentSchemas']);
/** They say nothing that a gate checks, or are read elsewhere. */
const silent = new Set(['$schema', '$id', 'id', 'definitions', '$defs', 'labels', 'nullable']);

/** The type of which a keyword speaks: it must stand beside it. */
const typeOfKeyword = new Map<string, string>(
  Object.entries({
    string: 'minLength maxLength pattern format contentEncoding contentMediaType',
    number: 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf',
    array: 'items prefixItems contains minContains maxContains minItems maxItems uniqueItems',
    object:
      'properties patternProperties additionalProperties propertyNames required minProperties ' +
      'maxProperties dependentRequired dependentSchemas',
  }).flatMap(([type, keywords]) => keywords.split(' ').map((keyword) => [keyword, type] as const)),
);

const levelsMax = 16;

/**
 * A schema of an earlier draft as one that a gate accepts. References are written out. What cannot be
 * kept, because a gate would refuse it or does not know it, is left out and reported.
 */
export function modernSchema(schema: JsonObject, root: JsonObject, lost: ReportLost): JsonObject {
  return asObject(convert(schema, { root, lost, path: '', level: 0, following: new Set() }));
}

interface Place {
  readonly root: JsonObject;
  readonly lost: ReportLost;
  readonly path: string;
  readonly level: number;
  /** The references that lead here. */
  readonly following: ReadonlySet<string>;
}

const asObject = (value: JsonValue): JsonObject => (isJsonObject(value) ? value : {});

function convert(value: JsonValue | undefined, place: Place): JsonValue {
  if (typeof value === 'boolean') return value;
  if (value === undefined || !isJsonObject(value)) {
    place.lost(place.path, 'what stands there is not a schema');
    return {};
  }
  if (place.level > levelsMax) {
    place.lost(place.path, 'nested too deep: anything is allowed there');
    return {};
  }
  const reference = value['$ref'];
  if (typeof reference === 'string') return convertReference(value, reference, place);
  const out: JsonObject = {};
  for (const [keyword, inner] of Object.entries(value)) {
    convertKeyword(out, keyword, inner, { ...place, level: place.level + 1 }, value);
  }
  return finished(out, place);
}

function convertReference(value: JsonObject, reference: string, place: Place): JsonValue {
  const target = resolvePointer(place.root, reference);
  if (target === undefined || place.following.has(reference)) {
    const why = target === undefined ? 'leads out of the plan' : 'leads back to itself';
    place.lost(place.path, `a reference (${reference}) ${why}: anything is allowed there`);
    return {};
  }
  const { $ref: _, ...others } = value;
  const following = new Set([...place.following, reference]);
  const level = place.level + 1;
  // In earlier drafts the keywords beside a reference mean nothing; people mean them to be kept.
  return convert({ ...target, ...others }, { ...place, following, level });
}

function convertKeyword(
  out: JsonObject,
  keyword: string,
  value: JsonValue,
  place: Place,
  schema: JsonObject,
): void {
  if (silent.has(keyword)) return;
  if (keyword === 'items') convertItems(out, value, schema['additionalItems'], place);
  else if (keyword === 'dependencies') convertDependencies(out, value, place);
  else if (keyword === 'additionalItems') return;
  else if (single.has(keyword)) out[keyword] = convert(value, place);
  else if (lists.has(keyword)) convertList(out, keyword, value, place);
  else if (maps.has(keyword)) convertMap(out, keyword, value, place);
  else if (keyword === 'format') convertFormat(out, value, place);
  else if (keyword === 'pattern') convertPattern(out, value, place);
  else if (keyword === 'uniqueItems') convertUnique(out, value, schema, place);
  else if (keyword === 'type') convertType(out, value, place);
  else if (keyword === 'required') convertRequired(out, value, place);
  else if (kept.has(keyword)) convertKept(out, keyword, value, place);
  else place.lost(place.path, `the keyword ${keyword} is not known`);
}

function convertType(out: JsonObject, value: JsonValue, { path, lost }: Place): void {
  const known = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
  const types = (Array.isArray(value) ? value : [value]).filter(
    (type): type is string => typeof type === 'string' && known.includes(type),
  );
  if (types.length < (Array.isArray(value) ? value.length : 1)) {
    lost(path, `the type ${JSON.stringify(value)} is not one of JSON Schema`);
  }
  if (types.length > 0) out['type'] = types.length === 1 ? types[0]! : [...new Set(types)];
}

function convertKept(out: JsonObject, keyword: string, value: JsonValue, place: Place): void {
  const isText = ['title', 'description', '$comment'].includes(keyword);
  if (isText && typeof value !== 'string') return;
  if (keyword === 'description' && value === '') return;
  if (keyword === 'enum' || keyword === 'const') {
    const values = Array.isArray(value) && keyword === 'enum' ? value : [value];
    const isLarge = values.some((each) => Number.isInteger(each) && !Number.isSafeInteger(each));
    if (isLarge) return place.lost(place.path, `an ${keyword} with whole numbers beyond 2^53`);
  }
  // In draft 4 these are true or false, beside `minimum` and `maximum`.
  if (keyword.startsWith('exclusive') && typeof value === 'boolean') {
    if (value) place.lost(place.path, `${keyword} is true, as in draft 4: write the number`);
    return;
  }
  out[keyword] = value;
}

function convertItems(
  out: JsonObject,
  value: JsonValue,
  others: JsonValue | undefined,
  place: Place,
): void {
  const inner = { ...place, path: `${place.path}[]` };
  if (!Array.isArray(value)) {
    out['items'] = convert(value, inner);
    return;
  }
  out['prefixItems'] = value.map((item) => convert(item, inner));
  if (others !== undefined) out['items'] = convert(others, inner);
}

function convertDependencies(out: JsonObject, value: JsonValue, place: Place): void {
  if (!isJsonObject(value)) return;
  const required: JsonObject = {};
  const schemas: JsonObject = {};
  for (const [name, needs] of Object.entries(value)) {
    if (Array.isArray(needs)) required[name] = needs;
    else schemas[name] = convert(needs, place);
  }
  if (Object.keys(required).length > 0) out['dependentRequired'] = required;
  if (Object.keys(schemas).length > 0) out['dependentSchemas'] = schemas;
}

function convertList(out: JsonObject, keyword: string, value: JsonValue, place: Place): void {
  if (!Array.isArray(value) || value.length === 0) return;
  if (value.length > branchesMax) {
    place.lost(place.path, `${keyword} with more than ${branchesMax} branches`);
    return;
  }
  out[keyword] = value.map((branch) => convert(branch, place));
}

function convertMap(out: JsonObject, keyword: string, value: JsonValue, place: Place): void {
  if (!isJsonObject(value)) return;
  const members: JsonObject = {};
  for (const [name, schema] of Object.entries(value)) {
    const path = place.path === '' ? name : `${place.path}.${name}`;
    const danger = keyword === 'patternProperties' ? patternDanger(name) : undefined;
    if (danger !== undefined) place.lost(path, `a pattern that could hang the gate: ${danger}`);
    else if (keyword === 'properties' && name in Object.prototype) {
      place.lost(path, 'a name that every JavaScript object has');
    } else members[name] = convert(schema, { ...place, path });
  }
  out[keyword] = members;
  if (keyword === 'patternProperties') out['propertyNames'] ??= { maxLength: patternSubjectMax };
}

function convertRequired(out: JsonObject, value: JsonValue, { path, lost }: Place): void {
  if (!Array.isArray(value)) {
    lost(path, 'required is not a list of names');
    return;
  }
  const names = value.filter((name) => typeof name === 'string' && !(name in Object.prototype));
  if (names.length > 0) out['required'] = [...new Set(names)];
}

function convertFormat(out: JsonObject, value: JsonValue, { path, lost }: Place): void {
  const isKnown = [...textFormats, ...numberFormats].some((format) => format === value);
  if (isKnown) out['format'] = value;
  else lost(path, `the format ${JSON.stringify(value)} is not checked by a gate`);
}

function convertPattern(out: JsonObject, value: JsonValue, { path, lost }: Place): void {
  if (typeof value !== 'string') return;
  const danger = patternDanger(value);
  if (danger === undefined) out['pattern'] = value;
  else lost(path, `a pattern that a gate refuses (${value}): ${danger}`);
}

function convertUnique(
  out: JsonObject,
  value: JsonValue,
  { maxItems }: JsonObject,
  { path, lost }: Place,
): void {
  if (value !== true) return;
  if (typeof maxItems === 'number' && maxItems <= uniqueItemsMax) out['uniqueItems'] = true;
  else lost(path, `uniqueItems without a maxItems of at most ${uniqueItemsMax}`);
}

/** Adds what a gate asks for beside a keyword: the type, and a limit beside patterns and formats. */
function finished(schema: JsonObject, { path, lost }: Place): JsonObject {
  const missing = new Set(
    Object.keys(schema).flatMap((keyword) => typeOfKeyword.get(keyword) ?? []),
  );
  if (numberFormats.some((format) => format === schema['format'])) {
    missing.delete('string');
    missing.add('number');
  }
  if (schema['type'] === undefined && missing.size > 0) {
    schema['type'] = missing.size === 1 ? [...missing][0]! : [...missing];
    if (!missing.has('object')) lost(path, `has no type: ${[...missing].join(' or ')} is assumed`);
  }
  dropForOtherTypes(schema);
  checkTuple(schema, { path, lost });
  limitLength(schema, { path, lost });
  const { properties, required, additionalProperties } = schema;
  if (additionalProperties === false && Array.isArray(required)) {
    const listed = isJsonObject(properties) ? properties : (schema['properties'] = {});
    for (const name of required) if (typeof name === 'string') listed[name] ??= {};
  }
  return schema;
}

/** A keyword that speaks of another type than the schema has says nothing, and a gate refuses it. */
function dropForOtherTypes(schema: JsonObject): void {
  const { type } = schema;
  if (type === undefined) return;
  const types = new Set(Array.isArray(type) ? type : [type]);
  if (types.has('integer')) types.add('number');
  for (const keyword of Object.keys(schema)) {
    const wanted = typeOfKeyword.get(keyword);
    const isNumberFormat = numberFormats.some((format) => format === schema[keyword]);
    const needed = keyword === 'format' && isNumberFormat ? 'number' : wanted;
    if (needed !== undefined && !types.has(needed)) delete schema[keyword];
  }
}

/** A gate asks that the number of items is that of the positions: otherwise it may be a mistake. */
function checkTuple(schema: JsonObject, { path, lost }: Pick<Place, 'path' | 'lost'>): void {
  const { prefixItems, minItems, maxItems, items } = schema;
  if (!Array.isArray(prefixItems)) return;
  const count = prefixItems.length;
  if (minItems === count && (items === false || maxItems === count)) return;
  delete schema['prefixItems'];
  if (items === false) schema['maxItems'] ??= count;
  delete schema['items'];
  lost(path, `rules for items by their position, without minItems: ${count} and no more items`);
}

function limitLength(schema: JsonObject, { path, lost }: Pick<Place, 'path' | 'lost'>): void {
  const { pattern, format, maxLength } = schema;
  const isText = textFormats.some((known) => known === format);
  if (pattern === undefined && !isText) return;
  const max = pattern === undefined ? formatSubjectMax : patternSubjectMax;
  if (typeof maxLength === 'number' && maxLength <= max) return;
  if (typeof maxLength === 'number') lost(path, `maxLength is ${max} now: a gate asks for it`);
  schema['maxLength'] = max;
}
