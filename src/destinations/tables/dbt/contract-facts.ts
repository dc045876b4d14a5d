import { isJsonObject, type JsonObject, type JsonValue } from '../../../event/json/json.ts';
import type { PlannedColumn } from '../plan-table.ts';

/** The schema of a property, if the way to it has only `properties`. */
function memberAt(schema: JsonObject, path: readonly string[]): JsonValue | undefined {
  let member: JsonValue | undefined = schema;
  for (const name of path) {
    if (!isJsonObject(member)) return undefined;
    const { properties } = member as JsonObject;
    member =
      isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  }
  return member;
}

/**
 * Whether every event that keeps the schema has a value there, and none of them null. May say no where a rule
 * that combines schemas would require it.
 */
export function requiredIn(schema: JsonObject, path: readonly string[]): boolean {
  return path.every((name, at) => {
    const parent = memberAt(schema, path.slice(0, at));
    if (!isJsonObject(parent)) return false;
    const { required } = parent as JsonObject;
    const isListed = Array.isArray(required) && required.includes(name);
    return isListed && !mayBeNull(memberAt(schema, path.slice(0, at + 1)));
  });
}

function mayBeNull(schema: JsonValue | undefined): boolean {
  if (!isJsonObject(schema)) return true;
  const { type, enum: values, const: value } = schema as JsonObject;
  if (Array.isArray(values)) return values.includes(null);
  if (value !== undefined) return value === null;
  if (typeof type === 'string') return type === 'null';
  return !Array.isArray(type) || type.includes('null');
}

/** What dbt's macro would put into SQL or into Jinja as it is. */
const unsafe = /['\\{}%\p{Cc}\p{Cs}]/u;

/** The texts that a column may have. Undefined if it may have others, or if one cannot be written. */
export function acceptedValues({ type }: PlannedColumn): readonly string[] | undefined {
  if (type.kind !== 'enum' || type.values.length > valuesMax) return undefined;
  return type.values.some((value) => unsafe.test(value)) ? undefined : type.values;
}

const valuesMax = 200;
