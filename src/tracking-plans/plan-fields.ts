import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';

/** The first member of these names that is an object, or an empty object. */
export function objectIn(holder: JsonObject, ...names: readonly string[]): JsonObject {
  for (const name of names) {
    const value = holder[name];
    if (value !== undefined && isJsonObject(value)) return value;
  }
  return {};
}

/** The first member of these names that is a text that is not empty. */
export function textIn(holder: JsonObject, ...names: readonly string[]): string {
  for (const name of names) {
    const value = holder[name];
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
  }
  return '';
}

/** The objects in a list. */
export function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

const annotations = new Set(['$schema', '$id', 'title', 'description', 'labels']);

/** Whether a schema says nothing but that there is an object. */
export function saysNothing(schema: JsonValue | undefined): boolean {
  return isEmptySchema(schema, (members) => Object.keys(members).length === 0);
}

/** Whether a schema of a whole call says nothing about any part of it. */
export function saysNothingOfCall(schema: JsonValue | undefined): boolean {
  return isEmptySchema(schema, (parts) => Object.values(parts).every(saysNothing));
}

function isEmptySchema(
  schema: JsonValue | undefined,
  areEmpty: (properties: JsonObject) => boolean,
): boolean {
  if (schema === undefined || !isJsonObject(schema)) return true;
  return Object.entries(schema).every(([keyword, value]) => {
    if (annotations.has(keyword)) return true;
    if (keyword === 'type') return [value].flat().every((type) => type === 'object');
    if (keyword === 'properties') return isJsonObject(value) && areEmpty(value);
    return Array.isArray(value) && value.length === 0;
  });
}
