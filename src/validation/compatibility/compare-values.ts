import { narrows, widens, type Place, type ReportChange } from './schema-change.ts';
import { canonicalJson } from '../schema/schema-identity.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';

const allTypes = ['null', 'boolean', 'object', 'array', 'string', 'number'] as const;

/**
 * Compares types, and the values of `enum` and `const`. Returns false if no value is valid under
 * both schemas: comparing further would add nothing.
 */
export function compareValues(
  place: Place,
  old: JsonObject,
  now: JsonObject,
  report: ReportChange,
): boolean {
  const before = typesOf(old);
  const after = typesOf(now);
  const gone = [...before].filter((type) => !covers(after, type));
  const come = [...after].filter((type) => !covers(before, type));
  if (gone.length > 0) {
    report(narrows(place, `no longer accepts ${listed(gone)} for ${place.name}`));
  }
  if (come.length > 0) report(widens(place, `lets ${place.name} be ${listed(come)}`));
  compareChoices(place, old, now, report);
  return [...before].some((type) => covers(after, type)) || come.length < after.size;
}

function typesOf(schema: JsonObject): Set<string> {
  const { type } = schema;
  if (typeof type === 'string') return new Set([type]);
  if (Array.isArray(type)) return new Set(type.map(String));
  const values = choicesOf(schema);
  if (values === undefined) return new Set(allTypes);
  return new Set(values.map(typeOf));
}

/** The type of a value in the words of JSON Schema. */
export function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function covers(types: ReadonlySet<string>, type: string): boolean {
  return types.has(type) || (type === 'integer' && types.has('number'));
}

function choicesOf(schema: JsonObject): readonly JsonValue[] | undefined {
  if (schema['const'] !== undefined) return [schema['const']];
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined;
}

function compareChoices(
  place: Place,
  old: JsonObject,
  now: JsonObject,
  report: ReportChange,
): void {
  const before = choicesOf(old)?.map(canonicalJson);
  const after = choicesOf(now)?.map(canonicalJson);
  if (before === undefined && after === undefined) return;
  if (before === undefined) {
    report(narrows(place, `lets ${place.name} be only ${listed(after!)}`));
    return;
  }
  if (after === undefined) {
    report(widens(place, `lets ${place.name} be more than ${listed(before)}`));
    return;
  }
  const gone = before.filter((value) => !after.includes(value));
  const come = after.filter((value) => !before.includes(value));
  if (gone.length > 0) {
    report(narrows(place, `no longer accepts ${listed(gone)} for ${place.name}`));
  }
  if (come.length > 0) report(widens(place, `lets ${place.name} be ${listed(come)}`));
}

const shownMax = 6;

function listed(words: readonly string[]): string {
  const shown = words.slice(0, shownMax);
  const hidden = words.length - shown.length;
  return hidden > 0 ? `${shown.join(', ')} or ${hidden} more` : shown.join(' or ');
}
