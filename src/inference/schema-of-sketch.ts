import { formatKeywords } from './text-formats.ts';
import { lengthLimit } from './length-limit.ts';
import { choicesOf, unknownMax } from './text-choices.ts';
import { isMap } from './map-shape.ts';
import { looksPersonal, mayBeFraction, mayBeNegative } from './property-names.ts';
import { joined, type Sketch } from './sketch.ts';
import type { JsonObject } from '../event/json/json.ts';
import {
  personalDataKeyword,
  type PersonalDataAction,
} from '../validation/schema/personal-data.ts';

/** Something that a person should look at. */
export interface Doubt {
  /** `items[].sku`; empty for the event as a whole. */
  readonly path: string;
  readonly text: string;
}

export interface SchemaChoices {
  /** Below so many values nothing is required, closed or limited to a list. */
  readonly samplesMin: number;
  /** What to do with properties that look personal; undefined: only report them. */
  readonly personal: PersonalDataAction | undefined;
  /** Values below this level are not described. */
  readonly levelsMax: number;
}

/** Every property at the top gets it, for a person to replace. */
export const descriptionToWrite = 'TODO';

interface Place {
  /** `items[].sku` */
  readonly path: string;
  /** The name of the property; that of the list for its items. */
  readonly name: string;
  readonly level: number;
  /** A place above had too few values, and said so. */
  readonly isFew: boolean;
}

/** Writes the schema of the values of a sketch. Deterministic: properties are in the order of names. */
export function schemaOfSketch(
  sketch: Sketch,
  choices: SchemaChoices,
): { readonly schema: JsonObject; readonly doubts: readonly Doubt[] } {
  const doubts: Doubt[] = [];
  const doubt = (path: string, text: string) => void doubts.push({ path, text });
  const context = { ...choices, doubt };
  const isFew = sketch.objects < choices.samplesMin;
  const root: Place = { path: '', name: '', level: 0, isFew };
  return { schema: { type: 'object', ...objectRules(context, sketch, root) }, doubts };
}

/** The schema of one property, for a schema that does not know it yet. */
export function schemaOfMember(
  member: Sketch,
  choices: SchemaChoices,
  path: string,
  name: string,
): { readonly schema: JsonObject; readonly doubts: readonly Doubt[] } {
  const doubts: Doubt[] = [];
  const doubt = (at: string, text: string) => void doubts.push({ path: at, text });
  const context = { ...choices, doubt };
  const schema = schemaOf(context, member, { path, name, level: 1, isFew: false });
  return { schema: { description: descriptionToWrite, ...schema }, doubts };
}

interface Context extends SchemaChoices {
  doubt(path: string, text: string): void;
}

function isFew({ samplesMin }: Context, count: number): boolean {
  return count < samplesMin;
}

function schemaOf(context: Context, sketch: Sketch, place: Place): JsonObject {
  const few = isFew(context, sketch.values - sketch.nulls);
  const inner = { ...place, isFew: place.isFew || few };
  const types = typesOf(context, sketch, inner);
  if (types.length === 0) {
    if (!place.isFew) context.doubt(place.path, 'only null was seen: any value is allowed');
    return {};
  }
  if (few && !place.isFew) {
    context.doubt(place.path, `only ${countOf(sketch.values - sketch.nulls, 'value')}: few rules`);
  }
  const kinds = types.filter((type) => type !== 'null');
  if (kinds.length > 1 && !place.isFew)
    context.doubt(place.path, `several types: ${sharesOf(sketch)}`);
  const schema: JsonObject = { type: types.length === 1 ? types[0]! : [...types] };
  if (sketch.texts > 0)
    Object.assign(schema, textRules(context, sketch, inner, kinds.length === 1));
  if (sketch.integers + sketch.fractions > 0) Object.assign(schema, numberRules(sketch, inner));
  if (sketch.lists > 0) Object.assign(schema, listRules(context, sketch, inner));
  if (sketch.objects > 0) Object.assign(schema, objectRules(context, sketch, inner));
  markPersonal(context, schema, inner);
  return schema;
}

function typesOf(context: Context, sketch: Sketch, place: Place): string[] {
  const types: string[] = [];
  if (sketch.objects > 0) types.push('object');
  if (sketch.lists > 0) types.push('array');
  if (sketch.texts > 0) types.push('string');
  const numbers = sketch.integers + sketch.fractions;
  if (numbers > 0) types.push(numberType(context, sketch, numbers, place));
  if (sketch.booleans > 0) types.push('boolean');
  if (sketch.nulls > 0 && types.length > 0) types.push('null');
  return types;
}

function numberType(
  context: Context,
  sketch: Sketch,
  numbers: number,
  { path, name, isFew: few }: Place,
): string {
  if (sketch.fractions > 0) return 'number';
  if (few || isFew(context, numbers)) return 'number';
  if (!mayBeFraction(name)) return 'integer';
  context.doubt(path, 'only whole numbers were seen, and its name may have fractions: number');
  return 'number';
}

function numberRules(sketch: Sketch, { name, isFew: few }: Place): JsonObject {
  if (few || sketch.least < 0 || mayBeNegative(name)) return {};
  return { minimum: 0 };
}

function textRules(
  context: Context,
  sketch: Sketch,
  { path, name, isFew: few }: Place,
  alone: boolean,
): JsonObject {
  const format = formatKeywords(sketch.formats);
  if (format !== undefined) return { ...format };
  const choice = few || !alone ? undefined : choicesOf(sketch, name);
  if (choice === undefined) return lengthRule('maxLength', sketch.lengthMax, 64, 65_536);
  if (choice.doubt !== undefined) context.doubt(path, choice.doubt);
  return { enum: sketch.nulls > 0 ? [...choice.values, null] : [...choice.values] };
}

function listRules(context: Context, sketch: Sketch, place: Place): JsonObject {
  const limit = lengthRule('maxItems', sketch.itemsMax, 16, 16_384);
  if (sketch.items === undefined || place.level >= context.levelsMax) return limit;
  const item = { ...place, path: `${place.path}[]`, level: place.level + 1 };
  return { ...limit, items: schemaOf(context, sketch.items, item) };
}

function objectRules(context: Context, sketch: Sketch, place: Place): JsonObject {
  if (place.level >= context.levelsMax) {
    context.doubt(place.path, 'nested deeper than is described: anything is allowed in it');
    return {};
  }
  if (isMap(sketch)) return mapRules(context, sketch, place);
  const members = [...sketch.members!].sort(([one], [other]) => (one < other ? -1 : 1));
  const kept = members.filter(([name]) => !(name in Object.prototype));
  const properties: JsonObject = {};
  for (const [name, member] of kept) {
    const path = place.path === '' ? name : `${place.path}.${name}`;
    const inner = { path, name, level: place.level + 1, isFew: place.isFew };
    const described = place.level === 0 ? { description: descriptionToWrite } : {};
    properties[name] = { ...described, ...schemaOf(context, member, inner) };
  }
  if (place.isFew) return { properties };
  const required = kept.filter(([, { values }]) => values === sketch.objects);
  reportNearlyRequired(context, sketch, kept, place);
  const isClosed = kept.length === members.length && sketch.hidden === 0 && isComplete(sketch);
  if (!isClosed) context.doubt(place.path, 'other properties may still come: they are allowed');
  return {
    properties,
    ...(required.length > 0 && { required: required.map(([name]) => name) }),
    ...(isClosed && { additionalProperties: false }),
  };
}

function reportNearlyRequired(
  context: Context,
  sketch: Sketch,
  members: [string, Sketch][],
  place: Place,
): void {
  for (const [name, { values }] of members) {
    const missing = sketch.objects - values;
    if (missing === 0 || missing > sketch.objects * nearlyAlways) continue;
    const path = place.path === '' ? name : `${place.path}.${name}`;
    context.doubt(
      path,
      `missing in ${missing} of ${sketch.objects}: optional. Required, and they are faults?`,
    );
  }
}

/**
 * Seldom a name that was seen once means that more of them are to come (Good and Turing). So does an
 * object that was always empty.
 */
function isComplete({ members, objects }: Sketch): boolean {
  if (members!.size === 0) return false;
  let once = 0;
  for (const { values } of members!.values()) if (values === 1) once += 1;
  return once <= objects * unknownMax;
}

function mapRules(context: Context, sketch: Sketch, place: Place): JsonObject {
  const all = sketch.others ?? joined([...sketch.members!.values()]);
  const names = sketch.members === undefined ? 'many' : String(sketch.members.size);
  context.doubt(place.path, `${names} different names: a map, not properties`);
  const inner = { ...place, path: `${place.path}.*`, level: place.level + 1 };
  return {
    propertyNames: lengthRule('maxLength', sketch.nameLengthMax, 64, 1024),
    additionalProperties: schemaOf(context, all, inner),
  };
}

function markPersonal(context: Context, schema: JsonObject, { path, name }: Place): void {
  const { personal } = context;
  const { type, format } = schema;
  const types = Array.isArray(type) ? type : [type];
  const isText = types.every((each) => each === 'string' || each === 'null');
  const byValue = format === 'email' || format === 'ipv4' || format === 'ipv6';
  if (path.endsWith('*') ? !byValue : !byValue && !looksPersonal(name)) return;
  if (!isText) {
    if (!types.includes('boolean') && !types.includes('array'))
      context.doubt(path, 'looks personal: mark the texts in it with x-pii');
  } else if (personal === undefined) {
    context.doubt(path, 'looks personal: mark it with x-pii (drop, mask or hash)');
  } else {
    schema[personalDataKeyword] = personal;
    context.doubt(path, `looks personal: marked with x-pii: ${personal}`);
  }
}

/** Missing in at most this share: a rule that a few events broke, perhaps. */
const nearlyAlways = 0.01;

function lengthRule(keyword: string, seen: number, least: number, max: number): JsonObject {
  const limit = lengthLimit(seen, least, max);
  return limit === undefined ? {} : { [keyword]: limit };
}

function sharesOf(sketch: Sketch): string {
  const shares: readonly (readonly [string, number])[] = [
    ['object', sketch.objects],
    ['array', sketch.lists],
    ['string', sketch.texts],
    ['number', sketch.integers + sketch.fractions],
    ['boolean', sketch.booleans],
  ];
  return shares
    .filter(([, count]) => count > 0)
    .map(([type, count]) => `${type} ${count}`)
    .join(', ');
}

export function countOf(count: number, word: string): string {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}
