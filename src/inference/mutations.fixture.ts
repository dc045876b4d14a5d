import type { JsonObject, JsonValue } from '../event/json/json.ts';
import { isJsonObject } from '../event/json/json.ts';

export type Random = () => number;

/** Mulberry32: the same numbers in every run. */
export function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!;
}

/** The ways in which producers break a contract. */
export const mutationKinds = [
  'a missing required property',
  'a wrong type',
  'a value outside an enum',
  'a misspelt name',
  'a nested type',
] as const;
export type MutationKind = (typeof mutationKinds)[number];

/**
 * What is true of the events of one name, found by a walk over all of them that has nothing in common
 * with the inference: at each place the types, and how often each member of an object is there.
 */
export interface Truth {
  readonly types: ReadonlyMap<string, ReadonlySet<string>>;
  readonly objects: ReadonlyMap<string, number>;
  readonly presence: ReadonlyMap<string, number>;
  /** Names of properties whose values are from a list. */
  readonly enums: ReadonlySet<string>;
  /** Names of objects whose members are data. */
  readonly maps: ReadonlySet<string>;
}

export function truthOf(
  events: Iterable<JsonObject>,
  enums: ReadonlySet<string>,
  maps: ReadonlySet<string>,
): Truth {
  const types = new Map<string, Set<string>>();
  const objects = new Map<string, number>();
  const presence = new Map<string, number>();
  const walk = (value: JsonValue, path: string): void => {
    const known = types.get(path) ?? new Set();
    types.set(path, known.add(typeOf(value)));
    if (Array.isArray(value)) for (const item of value) walk(item, `${path}[]`);
    else if (isJsonObject(value)) {
      objects.set(path, (objects.get(path) ?? 0) + 1);
      for (const [name, member] of Object.entries(value)) {
        const at = `${path}.${name}`;
        presence.set(at, (presence.get(at) ?? 0) + 1);
        walk(member, at);
      }
    }
  };
  for (const event of events) walk(event, '');
  return { types, objects, presence, enums, maps };
}

interface Spot {
  readonly holder: JsonObject;
  /** The path of the holder. */
  readonly path: string;
  readonly name: string;
  readonly depth: number;
}

/** Breaks an event in one way; undefined if it has no place for it. Does not change the event. */
export function mutate(
  event: JsonObject,
  kind: MutationKind,
  truth: Truth,
  random: Random,
): JsonObject | undefined {
  const copy = structuredClone(event);
  const spots = spotsOf(copy, truth);
  const fits = spots.filter((spot) => isSpotFor(spot, kind, truth));
  if (fits.length === 0) return undefined;
  const { holder, name, path } = oneOf(random, fits);
  const value = holder[name]!;
  if (kind === 'a missing required property') delete holder[name];
  else if (kind === 'a value outside an enum') holder[name] = `${String(value)}_x`;
  else if (kind === 'a misspelt name') {
    delete holder[name];
    holder[misspelt(name, random)] = value;
  } else holder[name] = otherType(value, truth.types.get(`${path}.${name}`)!);
  return copy;
}

function isSpotFor({ holder, path, name, depth }: Spot, kind: MutationKind, truth: Truth): boolean {
  const at = `${path}.${name}`;
  const value = holder[name]!;
  switch (kind) {
    case 'a missing required property':
      return truth.presence.get(at) === truth.objects.get(path);
    case 'a value outside an enum':
      return typeof value === 'string' && truth.enums.has(name);
    case 'a misspelt name':
      return name.length >= 3;
    case 'a wrong type':
      return depth <= 1 && hasOtherType(value, truth.types.get(at)!);
    case 'a nested type':
      return depth >= 2 && hasOtherType(value, truth.types.get(at)!);
  }
}

function spotsOf(event: JsonObject, { maps }: Truth): Spot[] {
  const spots: Spot[] = [];
  const walk = (value: JsonValue, path: string, depth: number): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, `${path}[]`, depth);
    else if (isJsonObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        spots.push({ holder: value, path, name, depth: depth + 1 });
        if (!maps.has(name)) walk(member, `${path}.${name}`, depth + 1);
      }
    }
  };
  walk(event, '', 0);
  return spots;
}

function hasOtherType(value: JsonValue, types: ReadonlySet<string>): boolean {
  // Of what is always null nothing is known, so nothing is wrong there.
  return value !== null && !types.has(typeOf(otherType(value, types)));
}

function otherType(value: JsonValue, types: ReadonlySet<string>): JsonValue {
  if (typeof value === 'string') return types.has('number') ? true : 12_345;
  return types.has('string') ? true : 'a text';
}

function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Two letters change places, or one is doubled. */
function misspelt(name: string, random: Random): string {
  const at = 1 + Math.floor(random() * (name.length - 2));
  const swapped = name.slice(0, at) + name[at + 1] + name[at] + name.slice(at + 2);
  return swapped === name ? name.slice(0, at) + name[at] + name.slice(at) : swapped;
}
