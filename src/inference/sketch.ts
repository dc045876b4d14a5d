import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import { everyFormat, formatsOf } from './text-formats.ts';

/**
 * What was seen at one place of the properties of an event: counts and a few distinct values, so that
 * millions of events take the memory of a few.
 */
export interface Sketch {
  /** All values here; the kinds below add up to it. */
  values: number;
  nulls: number;
  booleans: number;
  integers: number;
  fractions: number;
  texts: number;
  lists: number;
  objects: number;
  /** Of all numbers; Infinity without one. */
  least: number;
  /** UTF-16 code units of the longest text. */
  lengthMax: number;
  /** A bit for each format that every text so far has. */
  formats: number;
  /** How often each text was seen; undefined once there are too many. */
  choices: Map<string, number> | undefined;
  itemsMax: number;
  /** The items of all lists together. */
  items: Sketch | undefined;
  /** By name. Undefined once there are too many: `others` has them all together. */
  members: Map<string, Sketch> | undefined;
  others: Sketch | undefined;
  /** UTF-16 code units of the longest name of a member. */
  nameLengthMax: number;
  /** Values with something inside that was not followed. */
  hidden: number;
}

/** More distinct texts than this are no list of choices. */
export const choicesMax = 40;
/** Longer texts are no choices. */
export const choiceLengthMax = 60;
/** With more names than this, an object is a map. */
export const namesMax = 400;
/** A property with a longer name is not described: a few such names would fill a whole schema. */
export const nameFollowedMax = 200;
/** Deeper values are not followed. Each level of a schema takes two or three of its own. */
export const depthMax = 10;
/** The places of all events together, about 600 bytes each. */
export const placesMax = 200_000;

/** How many more places may be opened. One for all sketches. */
export interface PlaceBudget {
  left: number;
}

export function emptySketch(): Sketch {
  return {
    values: 0,
    nulls: 0,
    booleans: 0,
    integers: 0,
    fractions: 0,
    texts: 0,
    lists: 0,
    objects: 0,
    least: Infinity,
    lengthMax: 0,
    formats: everyFormat,
    choices: new Map(),
    itemsMax: 0,
    items: undefined,
    members: new Map(),
    others: undefined,
    nameLengthMax: 0,
    hidden: 0,
  };
}

/** Adds one value, and what is inside it. */
export function addValue(sketch: Sketch, value: JsonValue, budget: PlaceBudget, depth = 0): void {
  sketch.values += 1;
  if (value === null) sketch.nulls += 1;
  else if (typeof value === 'boolean') sketch.booleans += 1;
  else if (typeof value === 'number') addNumber(sketch, value);
  else if (typeof value === 'string') addText(sketch, value);
  else if (Array.isArray(value)) addList(sketch, value, budget, depth);
  else if (isJsonObject(value)) addObject(sketch, value, budget, depth);
}

function addNumber(sketch: Sketch, value: number): void {
  if (Number.isInteger(value)) sketch.integers += 1;
  else sketch.fractions += 1;
  if (value < sketch.least) sketch.least = value;
}

function addText(sketch: Sketch, text: string): void {
  sketch.texts += 1;
  if (text.length > sketch.lengthMax) sketch.lengthMax = text.length;
  if (sketch.formats !== 0) sketch.formats = formatsOf(text, sketch.formats);
  addChoice(sketch, text, 1);
}

function addChoice(sketch: Sketch, text: string, times: number): void {
  const { choices } = sketch;
  if (choices === undefined) return;
  const known = choices.get(text);
  if (known !== undefined) choices.set(text, known + times);
  else if (choices.size < choicesMax && text.length <= choiceLengthMax) choices.set(text, times);
  else sketch.choices = undefined;
}

function addList(sketch: Sketch, list: readonly JsonValue[], budget: PlaceBudget, depth: number) {
  sketch.lists += 1;
  if (list.length > sketch.itemsMax) sketch.itemsMax = list.length;
  if (list.length === 0) return;
  const items = (sketch.items ??= openPlace(budget, depth));
  if (items === undefined) {
    sketch.hidden += 1;
    return;
  }
  for (const item of list) addValue(items, item, budget, depth + 1);
}

function addObject(sketch: Sketch, object: JsonObject, budget: PlaceBudget, depth: number): void {
  sketch.objects += 1;
  for (const name of Object.keys(object)) {
    if (name.length > sketch.nameLengthMax) sketch.nameLengthMax = name.length;
    const place = placeOf(sketch, name, budget, depth);
    if (place === undefined) sketch.hidden += 1;
    else addValue(place, object[name]!, budget, depth + 1);
  }
}

function placeOf(
  sketch: Sketch,
  name: string,
  budget: PlaceBudget,
  depth: number,
): Sketch | undefined {
  const known = sketch.members?.get(name);
  if (known !== undefined) return known;
  if (sketch.members !== undefined && sketch.members.size >= namesMax) joinMembers(sketch, budget);
  if (sketch.members === undefined) return (sketch.others ??= openPlace(budget, depth));
  if (name.length > nameFollowedMax) {
    sketch.hidden += 1;
    return (sketch.others ??= openPlace(budget, depth));
  }
  const place = openPlace(budget, depth);
  if (place !== undefined) sketch.members.set(name, place);
  return place;
}

function openPlace(budget: PlaceBudget, depth: number): Sketch | undefined {
  if (budget.left <= 0 || depth >= depthMax) return undefined;
  budget.left -= 1;
  return emptySketch();
}

function joinMembers(sketch: Sketch, budget: PlaceBudget): void {
  budget.left += sketch.members!.size - 1;
  becomeMap(sketch);
}

/** From here on the object is a map. */
function becomeMap(sketch: Sketch): void {
  const { members, others } = sketch;
  if (members === undefined) return;
  sketch.others = joined([...members.values(), ...(others ? [others] : [])]);
  sketch.members = undefined;
}

/** One sketch of the values of several places. */
export function joined(places: readonly Sketch[]): Sketch {
  const into = emptySketch();
  for (const place of places) join(into, place);
  return into;
}

const counts = [
  'values',
  'nulls',
  'booleans',
  'integers',
  'fractions',
  'texts',
  'lists',
  'objects',
  'hidden',
] as const;

function join(into: Sketch, from: Sketch): void {
  for (const count of counts) into[count] += from[count];
  into.least = Math.min(into.least, from.least);
  into.lengthMax = Math.max(into.lengthMax, from.lengthMax);
  into.itemsMax = Math.max(into.itemsMax, from.itemsMax);
  into.nameLengthMax = Math.max(into.nameLengthMax, from.nameLengthMax);
  into.formats &= from.formats;
  if (from.choices === undefined) into.choices = undefined;
  for (const [text, times] of from.choices ?? []) addChoice(into, text, times);
  if (from.items !== undefined) join((into.items ??= emptySketch()), from.items);
  if (from.members === undefined) becomeMap(into);
  if (from.others !== undefined) join((into.others ??= emptySketch()), from.others);
  for (const [name, member] of from.members ?? []) joinMember(into, name, member);
}

function joinMember(into: Sketch, name: string, member: Sketch): void {
  if (into.members !== undefined && into.members.size >= namesMax && !into.members.has(name)) {
    becomeMap(into);
  }
  if (into.members === undefined) {
    join((into.others ??= emptySketch()), member);
    return;
  }
  const known = into.members.get(name);
  if (known === undefined) into.members.set(name, joined([member]));
  else join(known, member);
}
