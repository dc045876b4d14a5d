import { compareBounds } from './compare-bounds.ts';
import { compareValues } from './compare-values.ts';
import { expandSchema } from '../schema/expand-schema.ts';
import {
  alters,
  narrows,
  widens,
  type Place,
  type ReportChange,
  type SchemaChange,
} from './schema-change.ts';
import { canonicalJson } from '../schema/schema-identity.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';

/** With more changes than this, it is another schema: listing the rest would not help. */
export const changesMax = 100;

/** Keywords with their own comparison. A change to any other keyword counts as breaking. */
const comparedKeywords = new Set([
  'type',
  'enum',
  'const',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'multipleOf',
  'pattern',
  'format',
  'uniqueItems',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'allOf',
  'anyOf',
  'x-pii',
]);

/**
 * Lists how the properties that `after` accepts differ from those that `before` accepts. Only
 * keywords are compared; a change that they cannot explain counts as breaking.
 *
 * A consumer is expected to read the properties that its version lists, and to ignore all others.
 */
export function compareSchemas(before: JsonObject, after: JsonObject): SchemaChange[] {
  const changes: SchemaChange[] = [];
  const report: ReportChange = (change) => {
    if (changes.length < changesMax) changes.push(change);
  };
  compareAt({ path: '', name: 'properties' }, expandSchema(before), expandSchema(after), report);
  return changes;
}

function compareAt(place: Place, before: JsonValue, after: JsonValue, report: ReportChange): void {
  if (canonicalJson(before) === canonicalJson(after)) return;
  if (after === false) {
    report(narrows(place, `forbids ${place.name}`));
    return;
  }
  if (before === false) {
    report(widens(place, `accepts ${place.name}, which was forbidden`));
    return;
  }
  const old = isJsonObject(before) ? before : {};
  const now = isJsonObject(after) ? after : {};
  if (!compareValues(place, old, now, report)) return;
  compareBounds(place, old, now, report);
  compareObject(place, old, now, report);
  if (old['items'] !== undefined || now['items'] !== undefined) {
    const item = { path: `${place.path}[]`, name: `an item of ${place.name}` };
    compareAt(item, old['items'] ?? true, now['items'] ?? true, report);
  }
  compareBranches(place, old, now, report);
  if (canonicalJson(old['x-pii']) !== canonicalJson(now['x-pii'])) {
    report({
      ...widens(place, `changes how ${place.name} is stored (x-pii)`),
      consumers: 'would receive another value',
    });
  }
  for (const keyword of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (comparedKeywords.has(keyword)) continue;
    if (canonicalJson(old[keyword]) === canonicalJson(now[keyword])) continue;
    report(alters(place, `changes ${keyword} of ${place.name}, which is not analysed`));
  }
}

/** Each branch of allOf accepts fewer values; each branch of anyOf accepts more. */
function compareBranches(
  place: Place,
  old: JsonObject,
  now: JsonObject,
  report: ReportChange,
): void {
  for (const keyword of ['allOf', 'anyOf'] as const) {
    const before = branchesOf(old[keyword]);
    const after = branchesOf(now[keyword]);
    const fewer = [...before].some((branch) => !after.has(branch));
    const more = [...after].some((branch) => !before.has(branch));
    const text = `of ${keyword} of ${place.name}`;
    if (fewer && more) {
      report(alters(place, `changes a branch ${text}, which is not analysed`));
    } else if (fewer || more) {
      // Without anyOf every value is valid, and with an empty allOf, too.
      const limits = keyword === 'allOf' || before.size === 0 || after.size === 0;
      const change = `${more ? 'adds' : 'removes'} a branch ${text}`;
      report(more === limits ? narrows(place, change) : widens(place, change));
    }
  }
}

function branchesOf(value: JsonValue | undefined): Set<string> {
  return new Set(Array.isArray(value) ? value.map(canonicalJson) : []);
}

function compareObject(place: Place, old: JsonObject, now: JsonObject, report: ReportChange): void {
  const before = objectOf(old);
  const after = objectOf(now);
  const within = (name: string): Place => {
    const path = place.path === '' ? name : `${place.path}.${name}`;
    return { path, name: `'${path}'` };
  };
  for (const name of new Set([...Object.keys(before.properties), ...before.required])) {
    const inner = within(name);
    if (!Object.hasOwn(after.properties, name)) {
      compareDropped(inner, before, after, name, report);
    } else if (Object.hasOwn(before.properties, name)) {
      compareAt(inner, before.properties[name]!, after.properties[name]!, report);
    }
    const dropped = !Object.hasOwn(after.properties, name) && after.others === false;
    if (before.required.has(name) && !after.required.has(name) && !dropped) {
      const change = `makes ${inner.name} optional`;
      report({ place: inner.path, change, producers: '', consumers: 'would miss it' });
    }
  }
  for (const [name, schema] of Object.entries(after.properties)) {
    if (!Object.hasOwn(before.properties, name)) compareAdded(within(name), before, schema, report);
  }
  for (const name of after.required) {
    if (before.required.has(name)) continue;
    const inner = within(name);
    const change = `makes ${inner.name} required`;
    report({ place: inner.path, change, producers: 'would be rejected', consumers: '' });
  }
  compareOthers(place, before.others, after.others, report);
}

interface ObjectRules {
  readonly properties: JsonObject;
  readonly required: ReadonlySet<string>;
  /** The schema of unlisted properties: a schema, true, or false. */
  readonly others: JsonValue;
}

function objectOf(schema: JsonObject): ObjectRules {
  const { properties, required, additionalProperties } = schema;
  const names = Array.isArray(required) ? required : [];
  return {
    properties: properties !== undefined && isJsonObject(properties) ? properties : {},
    required: new Set(names.filter((name) => typeof name === 'string')),
    others: isOpen(additionalProperties) ? true : additionalProperties!,
  };
}

function isOpen(others: JsonValue | undefined): boolean {
  if (others === undefined) return true;
  return others === true || (isJsonObject(others) && Object.keys(others).length === 0);
}

function compareDropped(
  place: Place,
  before: ObjectRules,
  after: ObjectRules,
  name: string,
  report: ReportChange,
): void {
  if (after.others === false) {
    report({
      place: place.path,
      change: `drops ${place.name}`,
      producers: 'that send it would be rejected',
      consumers: before.required.has(name) ? 'would miss it' : '',
    });
    return;
  }
  const schema = before.properties[name];
  if (schema === undefined) return;
  if (after.others === true) report(widens(place, `no longer says what ${place.name} is`));
  else compareAt(place, schema, after.others, report);
}

function compareAdded(
  place: Place,
  before: ObjectRules,
  schema: JsonValue,
  report: ReportChange,
): void {
  if (before.others === false) {
    const change = `adds ${place.name}`;
    report({ place: place.path, change, producers: '', consumers: '' });
  } else if (before.others === true) {
    // The schemas do not say whether a producer already sends it, or with which type.
    const change = `lists ${place.name}, which could have any value before`;
    report({ place: place.path, change, producers: '', consumers: '' });
  } else {
    compareAt(place, before.others, schema, report);
  }
}

function compareOthers(
  place: Place,
  before: JsonValue,
  after: JsonValue,
  report: ReportChange,
): void {
  if (canonicalJson(before) === canonicalJson(after)) return;
  const name = `the unlisted properties of ${place.name}`;
  const others: Place = { path: place.path === '' ? '*' : `${place.path}.*`, name };
  if (after === false) {
    report({
      place: others.path,
      change: `no longer accepts properties that it does not list in ${place.name}`,
      producers: 'that send such properties would be rejected',
      consumers: '',
    });
  } else if (before === false) {
    const change = `accepts properties that it does not list in ${place.name}`;
    report({ place: others.path, change, producers: '', consumers: '' });
  } else {
    compareAt(others, before, after, report);
  }
}
