import { looksLikeKey } from './property-names.ts';
import type { Sketch } from './sketch.ts';

/** Fewer names are properties, whatever they look like. */
const keysMin = 5;
/** The share of names that look like keys. */
const keysShare = 0.9;
/** Names that are words are a map only if they are many. */
const wordsMin = 24;
/** How many of the names an object has on average, and in how many objects each name may be. */
const presenceMax = 0.25;

/** Whether the names in an object are data (ids, days, countries), not properties. */
export function isMap({ members, objects }: Sketch): boolean {
  if (members === undefined) return true;
  if (members.size < keysMin) return false;
  const names = [...members.keys()];
  if (names.filter(looksLikeKey).length >= names.length * keysShare) return true;
  if (members.size < wordsMin) return false;
  const places = [...members.values()];
  const present = places.reduce((sum, { values }) => sum + values, 0);
  if (present > members.size * objects * presenceMax) return false;
  if (places.some(({ values }) => values > objects / 2)) return false;
  return new Set(places.map(kindOf)).size === 1;
}

function kindOf({ texts, integers, fractions, booleans, lists, objects }: Sketch): string {
  const kinds = { texts, numbers: integers + fractions, booleans, lists, objects };
  return Object.entries(kinds)
    .filter(([, count]) => count > 0)
    .map(([kind]) => kind)
    .join();
}
