import { isOpenText, looksLikeKey } from './property-names.ts';
import type { Sketch } from './sketch.ts';

export interface TextChoices {
  /** In the order of the alphabet. */
  readonly values: readonly string[];
  readonly doubt: string | undefined;
}

/** How often each choice is seen on average, at least. */
const repeatsMin = 4;
/** The share of texts seen once: by Good and Turing that of texts that are still unknown. */
export const unknownMax = 0.01;
/** Rarer choices are reported: a typing error, perhaps. */
const rareMax = 3;
/** Words of one choice. More are a sentence. */
const wordsMax = 4;

/**
 * The list of choices that the texts of a place are from; undefined if they are free. Each is short, they
 * repeat, and nearly no text was seen only once.
 */
export function choicesOf({ choices, texts }: Sketch, name: string): TextChoices | undefined {
  if (choices === undefined || choices.size === 0 || isOpenText(name)) return undefined;
  const values = [...choices.keys()].sort();
  // Only empty texts: others are to come.
  if (values.every((value) => value === '')) return undefined;
  if (texts < values.length * repeatsMin || !values.every(isChoice)) return undefined;
  const counts = [...choices.values()];
  const once = counts.filter((count) => count === 1).length;
  if (once > texts * unknownMax) return undefined;
  return { values, doubt: doubtOf(choices, values) };
}

function doubtOf(choices: ReadonlyMap<string, number>, values: readonly string[]) {
  if (values.length === 1) return `only ${JSON.stringify(values[0])} was seen: an enum of one`;
  const rare = values.filter((value) => choices.get(value)! <= rareMax);
  if (rare.length === 0) return undefined;
  const shown = rare.slice(0, 5).map((value) => JSON.stringify(value));
  return `an enum with values that are rare: ${shown.join(', ')}`;
}

function isChoice(text: string): boolean {
  if (text === '') return true;
  if (text.trim() !== text || text.split(/\s+/).length > wordsMax) return false;
  return !/[\p{Cc}\p{Cf}<>{}[\]"\\]/u.test(text) && !looksLikeKey(text);
}
