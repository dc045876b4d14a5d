import { minus } from '../../../event/json/json-codes.ts';

const idLength = 36;
/** Of the first group of digits and the half of the second: what a double holds beside an index. */
const keyDigits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10] as const;
const indexesMax = 2 ** 13;

const noDigit = 0x10;
const dash = 0x20;
/** What each byte is in a UUID: the value of a hexadecimal digit, a dash, or neither. */
const kinds = new Uint8Array(256).fill(noDigit);
kinds[minus] = dash;
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  kinds[digit.charCodeAt(0)] = value;
  kinds[digit.toUpperCase().charCodeAt(0)] = value;
}
/** What a UUID has at each place: 0 for a digit. */
const form = Array.from({ length: idLength }, (_, at) => ([8, 13, 18, 23].includes(at) ? dash : 0));

/** The first 40 bits of a UUID, or -1 if these bytes are not one. */
export function idKey(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== idLength) return -1;
  for (let at = 0; at < idLength; at += 1) {
    if ((kinds[bytes[start + at]!]! & (noDigit | dash)) !== form[at]) return -1;
  }
  let key = 0;
  for (const place of keyDigits) key = key * 16 + kinds[bytes[start + place]!]!;
  return key;
}

/**
 * The places of ids in their order.
 *
 * @param keys of the ids.
 * @param idAt returns the id at a place.
 */
export function orderOfIds(keys: readonly number[], idAt: (place: number) => string): number[] {
  const byText = (one: number, other: number): number => (idAt(one) < idAt(other) ? -1 : 1);
  if (keys.length > indexesMax) return [...keys.keys()].toSorted(byText);
  // Numbers are sorted in a fraction of the time of texts.
  const sorted = Float64Array.from(keys, (key, place) => key * indexesMax + place).sort();
  const order = Array.from(sorted, (number) => number % indexesMax);
  const isSame = order.some((place, at) => at > 0 && keys[place] === keys[order[at - 1]!]);
  return isSame
    ? order.toSorted((one, other) => keys[one]! - keys[other]! || byText(one, other))
    : order;
}
