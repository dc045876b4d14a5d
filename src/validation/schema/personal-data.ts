import {
  allSchemas,
  innerSchemas,
  reachableSchemas,
  resolvePointer,
  unescapePointer,
} from './schema-walk.ts';
import type { JsonObject } from '../../event/json/json.ts';
import type { ReportFault } from '../registry-fault.ts';

/** What a schema may say of a property that is personal: `"x-pii": "hash"`. */
export const personalDataKeyword = 'x-pii';

/** The strictest first: where two schemas mark one property differently, that one counts. */
export const personalDataActions = ['drop', 'mask', 'hash'] as const;
export type PersonalDataAction = (typeof personalDataActions)[number];

/** What is personal in a value and in the values inside of it. */
export interface Marking {
  action: PersonalDataAction | undefined;
  /** By name; in an array by place. */
  readonly members: Map<string, Marking>;
  readonly patterns: (readonly [RegExp, Marking])[];
  /** All other members, and all other items. */
  others: Marking | undefined;
}

/** Marks under these would say nothing about a value that is stored. */
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
      refuse(`${place} is none of ${personalDataActions.join(', ')}`, 'Write one of them.');
    } else if (path === '') {
      refuse(`${place} marks everything`, 'Mark the properties that are personal.');
    } else if (outOfPlace.has(schema)) {
      const where = [...unmarkable].join(', ');
      refuse(`${place} is reached through one of ${where}`, 'Mark the property in properties.');
    } else if (action !== 'drop' && !isText(root, schema)) {
      refuse(
        `${place} makes a text of what is not of type string`,
        'Write "type": "string" beside it, mark the texts inside of it, or use drop.',
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

/** What the schemas of an event mark, all its versions together; undefined when nothing. */
export function markingOf(schemas: readonly JsonObject[]): Marking | undefined {
  const marked = schemas.filter((root) =>
    allSchemas(root).some(({ schema }) => schema[personalDataKeyword] !== undefined),
  );
  if (marked.length === 0) return undefined;
  const marking = unmarked();
  for (const root of marked) collect(root, root, marking);
  return marking;
}

/** Whether a schema marks some property in this way. */
export function marksWith(root: JsonObject, action: PersonalDataAction): boolean {
  return allSchemas(root).some(({ schema }) => schema[personalDataKeyword] === action);
}

function unmarked(): Marking {
  return { action: undefined, members: new Map(), patterns: [], others: undefined };
}

/** The number of steps is bounded: schema-references.ts refuses what multiplies or comes back. */
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

/** Where the marks of an inner schema apply; undefined if nowhere. */
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
