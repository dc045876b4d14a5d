import { unescapePointer } from '../../event/json/json-pointer.ts';
import { allSchemas, innerSchemas, reachableSchemas, resolvePointer } from './schema-walk.ts';
import type { JsonObject } from '../../event/json/json.ts';
import type { ReportFault } from '../registry-fault.ts';

/** The keyword that marks a property as personal data: `"x-pii": "hash"`. */
export const personalDataKeyword = 'x-pii';

/**
 * The strictest first. If two schemas mark one property differently, the stricter action counts.
 */
export const personalDataActions = ['drop', 'mask', 'hash'] as const;
export type PersonalDataAction = (typeof personalDataActions)[number];

/** The marks of a value and of the values inside it. */
export interface Marking {
  action: PersonalDataAction | undefined;
  /** By name; for arrays, by index. */
  readonly members: Map<string, Marking>;
  readonly patterns: (readonly [RegExp, Marking])[];
  /** The marks of all other members or items. */
  others: Marking | undefined;
}

/** Keywords under which a mark would not apply to a stored value. */
const unmarkable = new Set(['not', 'if', 'contains', 'propertyNames']);

/** Reports marks that cannot be applied. */
export function personalDataFaults(root: JsonObject, refuse: ReportFault): void {
  const outOfPlace = reachableSchemas(
    root,
    allSchemas(root).flatMap((place) =>
      innerSchemas(place)
        .filter(({ path }) => unmarkable.has(keywordOf(path.slice(place.path.length))))
        .map(({ schema }) => schema),
    ),
    () => true,
  );
  for (const { path, schema } of allSchemas(root)) {
    const action = schema[personalDataKeyword];
    if (action === undefined) continue;
    const place = `${path}/${personalDataKeyword}`;
    if (!personalDataActions.some((known) => known === action)) {
      refuse(`${place} is not one of ${personalDataActions.join(', ')}`, 'Write one of them.');
    } else if (path === '') {
      refuse(`${place} marks the whole event`, 'Mark the properties that are personal.');
    } else if (outOfPlace.has(schema)) {
      const where = [...unmarkable].join(', ');
      refuse(`${place} is reached through one of ${where}`, 'Mark the property in properties.');
    } else if (action !== 'drop' && !isText(root, schema)) {
      refuse(
        `${place} would replace a value that is not a string with a string`,
        'Write "type": "string" beside it, mark the strings inside it, or use drop.',
      );
    }
  }
}

function isText(root: JsonObject, schema: JsonObject): boolean {
  const reference = schema['$ref'];
  const target = typeof reference === 'string' ? resolvePointer(root, reference) : undefined;
  const type = schema['type'] ?? target?.['type'];
  const types = Array.isArray(type) ? type : [type];
  return types.every((each) => each === 'string' || each === 'null');
}

/** The marks of all versions of an event together; undefined if no schema marks anything. */
export function markingOf(schemas: readonly JsonObject[]): Marking | undefined {
  const marked = schemas.filter((root) =>
    allSchemas(root).some(({ schema }) => schema[personalDataKeyword] !== undefined),
  );
  if (marked.length === 0) return undefined;
  const marking = unmarked();
  for (const root of marked) collect(root, root, marking);
  return marking;
}

/** Whether a schema marks some property with this action. */
export function marksWith(root: JsonObject, action: PersonalDataAction): boolean {
  return allSchemas(root).some(({ schema }) => schema[personalDataKeyword] === action);
}

function unmarked(): Marking {
  return { action: undefined, members: new Map(), patterns: [], others: undefined };
}

/**
 * The number of steps is bounded: schema-references.ts refuses circular and multiplying references.
 */
function collect(root: JsonObject, schema: JsonObject, into: Marking): void {
  const action = schema[personalDataKeyword] as PersonalDataAction | undefined;
  if (action !== undefined) into.action = stricter(action, into.action);
  const reference = schema['$ref'];
  const target = typeof reference === 'string' ? resolvePointer(root, reference) : undefined;
  if (target !== undefined) collect(root, target, into);
  for (const inner of innerSchemas({ path: '', schema })) {
    const [, keyword = '', name = ''] = inner.path.split('/');
    const child = childOf(into, keyword, unescapePointer(name));
    if (child !== undefined) collect(root, inner.schema, child);
  }
}

/** The marking that an inner schema adds to; undefined if its marks do not apply. */
function childOf(into: Marking, keyword: string, name: string): Marking | undefined {
  switch (keyword) {
    case 'properties':
    case 'prefixItems':
      return memberOf(into, name);
    case 'patternProperties': {
      const marking = unmarked();
      into.patterns.push([new RegExp(name, 'u'), marking]);
      return marking;
    }
    case 'items':
    case 'additionalProperties':
    case 'unevaluatedItems':
    case 'unevaluatedProperties':
      return (into.others ??= unmarked());
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
    case 'then':
    case 'else':
    case 'dependentSchemas':
      return into;
    default:
      return undefined;
  }
}

function memberOf(into: Marking, name: string): Marking {
  let member = into.members.get(name);
  if (member === undefined) into.members.set(name, (member = unmarked()));
  return member;
}

function stricter(
  one: PersonalDataAction,
  other: PersonalDataAction | undefined,
): PersonalDataAction {
  return personalDataActions.find((each) => each === one || each === other)!;
}

function keywordOf(path: string): string {
  return path.split('/')[1] ?? '';
}
