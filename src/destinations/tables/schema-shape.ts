import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { distinct, narrower, unionOf, type LogicalType } from './logical-type.ts';
import { listedTypes, numberTypeOf, textTypeOf } from './scalar-types.ts';

/** What the values of one schema may be. `null` does not count: every column may be NULL. */
export interface SchemaShape {
  /** Of values that are not objects. */
  readonly types: readonly LogicalType[];
  /** Undefined if the value is never an object. */
  readonly members: ReadonlyMap<string, SchemaShape> | undefined;
  /** Of the members that are not listed; undefined if nothing is said about them. */
  readonly others: SchemaShape | undefined;
  /** Nothing is said about the value. */
  readonly isAny: boolean;
  /** The value never arrives: it is dropped as personal data, or the schema takes none. */
  readonly isAbsent: boolean;
}

const any: SchemaShape = {
  types: [],
  members: undefined,
  others: undefined,
  isAny: true,
  isAbsent: false,
};
const absent: SchemaShape = { ...any, isAny: false, isAbsent: true };

/**
 * Reads what the values of a schema may be.
 *
 * - `allOf`, and keywords side by side: both hold, so the narrower type counts.
 * - `anyOf`, `oneOf`, a list of types: any may hold, so the union counts.
 * - `then`, `else`, `dependentSchemas`: their properties are added; the types outside them count.
 *
 * @param schema has no `$ref`, so that it is finite.
 */
export function shapeOf(schema: JsonValue | undefined): SchemaShape {
  if (schema === false) return absent;
  if (!isJsonObject(schema)) return any;
  if (schema['x-pii'] === 'drop') return absent;
  let shape = ownShape(schema);
  for (const part of schemasIn(schema['allOf'])) shape = both(shape, shapeOf(part));
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = schemasIn(schema[keyword]).map(shapeOf);
    if (branches.length > 0) shape = both(shape, branches.reduce(either));
  }
  const { dependentSchemas } = schema;
  const dependent = isJsonObject(dependentSchemas) ? Object.values(dependentSchemas) : [];
  const added = [schema['then'], schema['else'], ...dependent].filter(isJsonObject).map(shapeOf);
  const members = added.filter((part) => part.members !== undefined);
  return members.length === 0 ? shape : withMembers(shape, members.reduce(either));
}

function schemasIn(list: JsonValue | undefined): JsonValue[] {
  return Array.isArray(list) ? list : [];
}

/** By the keywords of the schema itself, without those that combine schemas. */
function ownShape(schema: JsonObject): SchemaShape {
  const listed = schema['enum'] ?? (schema['const'] === undefined ? undefined : [schema['const']]);
  if (Array.isArray(listed)) {
    // What replaces a listed text that is personal data is not one of the listed ones.
    if (schema['x-pii'] !== undefined) return { ...any, isAny: false, types: [{ kind: 'text' }] };
    return { ...any, isAny: false, types: distinct(listedTypes(listed)) };
  }
  const types = namedTypes(schema);
  if (types.length === 0) return any;
  const isObject = types.includes('object');
  const own = types.map((type) => typeNamed(type, schema)).filter((type) => type !== undefined);
  return {
    types: distinct(own),
    members: isObject ? membersOf(schema) : undefined,
    others: isObject ? othersOf(schema) : undefined,
    isAny: false,
    isAbsent: false,
  };
}

/** The names of types, as written, or as the other keywords show. */
function namedTypes(schema: JsonObject): string[] {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.filter((name) => typeof name === 'string');
  if (isJsonObject(schema['properties'])) return ['object'];
  return [];
}

function typeNamed(type: string, schema: JsonObject): LogicalType | undefined {
  switch (type) {
    case 'string':
      return textTypeOf(schema);
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
      return numberTypeOf(schema, true);
    case 'number':
      return numberTypeOf(schema, false);
    case 'array':
      return arrayTypeOf(schema);
    default:
      return undefined;
  }
}

function arrayTypeOf(schema: JsonObject): LogicalType {
  if (schema['prefixItems'] !== undefined) return { kind: 'array', item: { kind: 'json' } };
  const item = shapeOf(schema['items']);
  return { kind: 'array', item: item.isAbsent ? { kind: 'json' } : typeOfShape(item) };
}

function membersOf(schema: JsonObject): Map<string, SchemaShape> {
  const properties = schema['properties'];
  if (!isJsonObject(properties)) return new Map();
  return new Map(Object.entries(properties).map(([name, inner]) => [name, shapeOf(inner)]));
}

function othersOf(schema: JsonObject): SchemaShape | undefined {
  const { additionalProperties, patternProperties } = schema;
  const patterned = isJsonObject(patternProperties) ? Object.values(patternProperties) : [];
  const shapes = [additionalProperties, ...patterned].filter(isJsonObject).map(shapeOf);
  return shapes.length === 0 ? undefined : shapes.reduce(either);
}

/** The type of the one column that holds these values. */
export function typeOfShape({ types, members, others, isAny }: SchemaShape): LogicalType {
  if (isAny) return { kind: 'json' };
  if (members === undefined) return unionOf(types);
  if (types.length > 0 || members.size > 0) return { kind: 'json' };
  return { kind: 'map', value: others === undefined ? { kind: 'json' } : typeOfShape(others) };
}

function either(one: SchemaShape, other: SchemaShape): SchemaShape {
  if (one.isAbsent) return other;
  if (other.isAbsent) return one;
  return {
    types: distinct([...one.types, ...other.types]),
    members: mergeMembers(one.members, other.members, either),
    others: merged(one.others, other.others, either),
    isAny: one.isAny || other.isAny,
    isAbsent: false,
  };
}

function both(one: SchemaShape, other: SchemaShape): SchemaShape {
  if (one.isAbsent || other.isAbsent) return absent;
  if (one.isAny) return other.isAny ? { ...one, ...joined(one, other) } : joinAny(other, one);
  if (other.isAny) return joinAny(one, other);
  const types = one.types
    .flatMap((left) => other.types.map((right) => narrower(left, right)))
    .filter((type) => type !== undefined);
  const isObject = one.members !== undefined && other.members !== undefined;
  // Two schemas that no value keeps: the first says what the column is.
  if (types.length === 0 && !isObject) return one;
  return {
    types: distinct(types),
    ...(isObject ? joined(one, other) : { members: undefined, others: undefined }),
    isAny: false,
    isAbsent: false,
  };
}

/** A shape beside one that may be anything, and may know members. */
function joinAny(shape: SchemaShape, open: SchemaShape): SchemaShape {
  return shape.members === undefined ? shape : { ...shape, ...joined(shape, open) };
}

function joined(one: SchemaShape, other: SchemaShape): Pick<SchemaShape, 'members' | 'others'> {
  return {
    members: mergeMembers(one.members, other.members, both),
    others: merged(one.others, other.others, both),
  };
}

type Merge = (one: SchemaShape, other: SchemaShape) => SchemaShape;

function merged(
  one: SchemaShape | undefined,
  other: SchemaShape | undefined,
  merge: Merge,
): SchemaShape | undefined {
  return one !== undefined && other !== undefined ? merge(one, other) : (one ?? other);
}

function mergeMembers(
  one: SchemaShape['members'],
  other: SchemaShape['members'],
  merge: Merge,
): SchemaShape['members'] {
  if (one === undefined || other === undefined) return one ?? other;
  const members = new Map(one);
  for (const [name, shape] of other) {
    const known = members.get(name);
    members.set(name, known === undefined ? shape : merge(known, shape));
  }
  return members;
}

/** With the members of a schema that holds only sometimes. */
function withMembers(shape: SchemaShape, sometimes: SchemaShape): SchemaShape {
  if (shape.members === undefined) return shape.isAny ? sometimes : shape;
  const members = mergeMembers(shape.members, sometimes.members, (known) => known);
  return { ...shape, members };
}
