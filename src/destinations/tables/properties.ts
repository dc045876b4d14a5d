import type { JsonObject } from '../../event/json/json.ts';
import type { LogicalType } from './logical-type.ts';
import { snakeForm } from './safe-name.ts';
import { shapeOf, typeOfShape, type SchemaShape } from './schema-shape.ts';

/** A property of an event that has a column, in one version of its schema. */
export interface TypedProperty {
  /** Names from the properties inwards: `['address', 'city']`. */
  readonly path: readonly string[];
  readonly type: LogicalType;
}

/** Objects are taken apart up to this many names; one inside them is a column of JSON. */
export const pathNamesMax = 4;

/**
 * The properties of a schema that get a column: an object with listed members has none itself, but
 * each member has. In an order that depends on the names alone: the outermost first, and names of lower snake
 * case before others, so that they keep their names as columns.
 */
export function propertiesOf(schema: JsonObject): TypedProperty[] {
  const found: TypedProperty[] = [];
  collect(shapeOf(schema), [], found);
  return found.toSorted((one, other) => comparePaths(one.path, other.path));
}

function collect(shape: SchemaShape, path: readonly string[], found: TypedProperty[]): void {
  for (const [name, member] of shape.members ?? []) {
    if (member.isAbsent) continue;
    const inner = [...path, name];
    if (isObjectOnly(member) && inner.length < pathNamesMax) collect(member, inner, found);
    else found.push({ path: inner, type: typeOfShape(member) });
  }
}

function isObjectOnly({ types, members, isAny }: SchemaShape): boolean {
  return !isAny && types.length === 0 && members !== undefined && members.size > 0;
}

function isPlain(path: readonly string[]): boolean {
  return path.every((name) => snakeForm.test(name));
}

function comparePaths(one: readonly string[], other: readonly string[]): number {
  if (one.length !== other.length) return one.length - other.length;
  const plainFirst = Number(isPlain(other)) - Number(isPlain(one));
  if (plainFirst !== 0) return plainFirst;
  const index = one.findIndex((name, at) => name !== other[at]);
  return index === -1 ? 0 : one[index]! < other[index]! ? -1 : 1;
}
