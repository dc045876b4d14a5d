import { canonicalNumber } from './canonical-number.ts';
import type { IncomingEvent } from './incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json/json.ts';
import { defineMember, parseByHand, parseJsonText } from './json/parse-json.ts';

/** Returns a changed value; its argument stays as it is. */
export type ChangeObject = (value: JsonObject) => JsonObject;

/**
 * The event with other properties. If it has its own JSON text, that text is changed, so that every
 * other number keeps its digits, and the object is read from it.
 */
export function withChangedProperties(event: IncomingEvent, change: ChangeObject): IncomingEvent {
  const text = event.propertiesText;
  if (text === undefined) return { ...event, properties: change(event.properties) };
  const propertiesText = JSON.stringify(change(parseWithNumberTexts(text) as JsonObject));
  return { ...event, properties: parseJsonText(propertiesText) as JsonObject, propertiesText };
}

/** The value of a JSON text, only for `JSON.stringify`: each number is written again as it was. */
export function parseWithNumberTexts(text: string): JsonValue {
  return parseByHand(text, rawJson);
}

/** A copy of an object with the members that `change` returns. Undefined leaves a member out. */
export function mapMembers(
  object: JsonObject,
  change: (name: string, value: JsonValue) => JsonValue | undefined,
): JsonObject {
  const copy: JsonObject = {};
  for (const name of Object.keys(object)) {
    const value = change(name, object[name]!);
    if (value === undefined) continue;
    if (name === '__proto__') defineMember(copy, name, value);
    else copy[name] = value;
  }
  return copy;
}

/** An object with members, rather than a number that is kept as text. */
export function hasMembers(value: JsonValue): value is JsonObject {
  return isJsonObject(value) && !jsonText.isRawJSON(value);
}

/** ECMAScript's "JSON.parse source text access", which the types do not know yet. */
const jsonText = JSON as unknown as {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
};

/** A number by its text, so that all its digits are written again. */
export function rawJson(text: string): unknown {
  return jsonText.rawJSON(text);
}

/** The text of a number that is kept as text. Undefined for every other value. */
export function numberText(value: unknown): string | undefined {
  return jsonText.isRawJSON(value) ? (value as { readonly rawJSON: string }).rawJSON : undefined;
}

/**
 * The JSON text of a value with every number in its canonical form (canonical-number.ts), so that
 * hashes do not depend on how a number was written.
 */
export function canonicalJson(value: JsonValue): string {
  return JSON.stringify(withCanonicalNumbers(value));
}

function withCanonicalNumbers(value: JsonValue): JsonValue {
  const source = numberText(value);
  if (source !== undefined) return rawJson(canonicalNumber(source)) as JsonValue;
  if (Array.isArray(value)) return value.map(withCanonicalNumbers);
  if (!isJsonObject(value)) return value;
  return mapMembers(value, (_name, member) => withCanonicalNumbers(member));
}
