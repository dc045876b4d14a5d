import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { formatSubjectMax } from '../../validation/schema/schema-formats.ts';
import { patternSubjectMax } from '../../validation/schema/pattern-safety.ts';
import { unescapePointer } from '../../event/json/json-pointer.ts';
import { lengthLimit } from '../length-limit.ts';
import type { Doubt } from '../schema-of-sketch.ts';
import type { BrokenKeyword } from './failures.ts';

export interface Widened {
  readonly schema: JsonObject;
  /** What was changed, for people. Empty: nothing. */
  readonly changes: readonly Doubt[];
  /** What events break and a person has to change. */
  readonly left: readonly Doubt[];
}

/** The schema of a property that the schema does not know yet; undefined if it is not known. */
export type DescribeMember = (steps: readonly string[], name: string) => JsonObject | undefined;

/**
 * Changes only the keywords that events broke, and each so that it takes more: what a person has
 * written stays. Rules of which some branches may fail (`anyOf`, `oneOf`, `not`, `if`) are left to
 * people.
 */
export function widenSchema(
  schema: JsonObject,
  failures: readonly BrokenKeyword[],
  describe: DescribeMember,
): Widened {
  const wide = structuredClone(schema);
  const changes: Doubt[] = [];
  const left: Doubt[] = [];
  for (const failure of failures) {
    if (isPartial(failure)) continue;
    const parent = parentOf(wide, failure.schemaPath);
    const change = parent && widenKeyword(parent, failure, describe);
    const { path, keyword, count } = failure;
    if (change !== undefined) changes.push({ path, text: change });
    else left.push({ path, text: `${count} break its ${keyword}, which a person has to change` });
  }
  return { schema: wide, changes, left };
}

/** Errors inside branches that may fail; the keyword around them has an error of its own. */
function isPartial({ schemaPath, keyword }: BrokenKeyword): boolean {
  if (keyword === 'if' || keyword === 'propertyNames') return true;
  return schemaPath
    .split('/')
    .slice(0, -1)
    .some((step) => /^(anyOf|oneOf|not|if|contains)$/.test(step));
}

function parentOf(root: JsonObject, schemaPath: string): JsonObject | undefined {
  let value: JsonValue | undefined = root;
  for (const step of schemaPath.split('/').slice(1, -1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as JsonObject)[unescapePointer(decodeURIComponent(step))];
  }
  return value !== undefined && isJsonObject(value) ? value : undefined;
}

/** What was changed; undefined if this keyword is for people. */
function widenKeyword(
  parent: JsonObject,
  failure: BrokenKeyword,
  describe: DescribeMember,
): string | undefined {
  switch (failure.keyword) {
    case 'type':
      return widenType(parent, failure);
    case 'enum':
    case 'const':
      return widenChoices(parent, failure);
    case 'required':
      return widenRequired(parent, failure);
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return widenNames(parent, failure, describe);
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return widenSize(parent, failure);
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      parent[failure.keyword] = failure.sizeMin;
      return `${failure.keyword} is ${failure.sizeMin} now`;
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
    case 'multipleOf':
    case 'pattern':
    case 'format':
    case 'uniqueItems':
      delete parent[failure.keyword];
      return `its ${failure.keyword} is dropped: ${failure.count} did not meet it`;
    default:
      return undefined;
  }
}

function widenType(parent: JsonObject, { types }: BrokenKeyword): string {
  const { type } = parent;
  const known = Array.isArray(type) ? type.map(String) : [String(type)];
  const all = new Set([...known, ...types]);
  if (all.has('number')) all.delete('integer');
  parent['type'] = [...all];
  if (all.size === 1) parent['type'] = [...all][0]!;
  return `may be ${[...types].join(' or ')} too`;
}

function widenChoices(parent: JsonObject, { keyword, values }: BrokenKeyword): string {
  const known = keyword === 'const' ? [parent['const']!] : (parent['enum'] as JsonValue[]);
  delete parent[keyword];
  if (values === undefined) return `its ${keyword} is dropped: too many other values`;
  const added = [...values].sort(([one], [other]) => (one < other ? -1 : 1));
  parent['enum'] = [...known, ...added.map(([, value]) => value)];
  return `may be ${added.map(([text]) => text).join(' or ')} too`;
}

function widenRequired(parent: JsonObject, { names }: BrokenKeyword): string {
  const required = (parent['required'] as JsonValue[]).filter((name) => !names.has(String(name)));
  if (required.length === 0) delete parent['required'];
  else parent['required'] = required;
  return `${[...names].sort().join(', ')} may be missing`;
}

function widenNames(
  parent: JsonObject,
  { keyword, names, steps }: BrokenKeyword,
  describe: DescribeMember,
): string {
  const properties = parent['properties'];
  const holder: JsonObject =
    properties !== undefined && isJsonObject(properties) ? properties : (parent['properties'] = {});
  const added: string[] = [];
  let isOpen = false;
  for (const name of [...names].sort()) {
    if (Object.hasOwn(holder, name)) continue;
    const member = name in Object.prototype ? undefined : describe(steps, name);
    if (member === undefined) isOpen = true;
    else {
      holder[name] = member;
      added.push(name);
    }
  }
  if (isOpen) delete parent[keyword];
  return isOpen ? 'may have any other properties' : `may have ${added.join(', ')}`;
}

function widenSize(parent: JsonObject, { keyword, sizeMax }: BrokenKeyword): string {
  let limit = lengthLimit(sizeMax, 16, 65_536);
  const dropped: string[] = [];
  // Patterns and formats are safe only on short texts.
  const bounded = [
    ['pattern', patternSubjectMax],
    ['format', formatSubjectMax],
  ] as const;
  for (const [rule, max] of keyword === 'maxLength' ? bounded : []) {
    if (parent[rule] === undefined) continue;
    if (sizeMax <= max) limit = Math.min(limit ?? max, max);
    else {
      delete parent[rule];
      dropped.push(rule);
    }
  }
  if (limit === undefined) delete parent[keyword];
  else parent[keyword] = limit;
  const also = dropped.length === 0 ? '' : `, without its ${dropped.join(' and ')}`;
  return limit === undefined ? `has no ${keyword} now${also}` : `${keyword} is ${limit} now${also}`;
}
