import { createHash } from 'node:crypto';

/** Ids in the order of their hashes. Ids with the same hash are in the order of the lot. */
export interface SortedIds {
  readonly hashes: Uint32Array;
  /** `idBytes` for each. */
  readonly ids: Uint8Array;
  /** The place of each in the lot. */
  readonly places: Uint32Array;
}

/** An id is 128 bits: those of a UUID, or a digest of another text. */
export const idBytes = 16;

const hyphen = 0x2d;
/** The value of each lower-case hexadecimal digit by its character, and 255 for other characters. */
const digits = new Uint8Array(256).fill(255);
for (const [value, digit] of [...'0123456789abcdef'].entries()) digits[digit.charCodeAt(0)] = value;

const uuidLength = 36;

/** Writes the 128 bits of an id. */
export function writeId(
  to: Uint8Array,
  place: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start === uuidLength && writeUuid(to, place, bytes, start)) return;
  const digest = createHash('sha256').update(bytes.subarray(start, end)).digest();
  to.set(digest.subarray(0, idBytes), place * idBytes);
}

function writeUuid(to: Uint8Array, place: number, bytes: Uint8Array, start: number): boolean {
  let at = start;
  for (let byte = 0; byte < idBytes; byte += 1) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) {
      if (bytes[at] !== hyphen) return false;
      at += 1;
    }
    const [high, low] = [digits[bytes[at]!]!, digits[bytes[at + 1]!]!];
    // One that is no digit has all bits.
    if ((high | low) > 15) return false;
    to[place * idBytes + byte] = (high << 4) | low;
    at += 2;
  }
  return true;
}

/** Evenly spread, also if ids begin with a time. */
function hashOf(words: Uint32Array, place: number): number {
  let hash = words[place * 4]!;
  for (let word = 1; word < 4; word += 1) {
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ words[place * 4 + word]!;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** More places than a lot has, of which the number in front of them leaves room in a double. */
const placesMax = 2 ** 21;

/** @param ids in the order of the lot, in memory of their own. */
export function sortIds(ids: Uint8Array<ArrayBuffer>): SortedIds {
  const count = ids.length / idBytes;
  if (count > placesMax) throw new Error(`a lot of ${count} events is too large`);
  const words = new Uint32Array(ids.buffer, 0, count * 4);
  const keys = new Float64Array(count);
  for (let place = 0; place < count; place += 1)
    keys[place] = hashOf(words, place) * placesMax + place;
  keys.sort();
  const sorted = {
    hashes: new Uint32Array(count),
    ids: new Uint8Array(count * idBytes),
    places: new Uint32Array(count),
  };
  const sortedWords = new Uint32Array(sorted.ids.buffer);
  for (let at = 0; at < count; at += 1) {
    const place = keys[at]! % placesMax;
    sorted.places[at] = place;
    sorted.hashes[at] = Math.floor(keys[at]! / placesMax);
    for (let word = 0; word < 4; word += 1) sortedWords[at * 4 + word] = words[place * 4 + word]!;
  }
  return sorted;
}

/** Marks each id that comes again in the same lot. */
export function markRepeated({ hashes, ids, places }: SortedIds, isSecond: Uint8Array): void {
  const words = new Uint32Array(ids.buffer);
  const isSame = (one: number, other: number): boolean => {
    for (let word = 0; word < 4; word += 1) {
      if (words[one * 4 + word] !== words[other * 4 + word]) return false;
    }
    return true;
  };
  for (let at = 1; at < hashes.length; at += 1) {
    for (let before = at - 1; before >= 0 && hashes[before] === hashes[at]; before -= 1) {
      if (!isSame(before, at)) continue;
      isSecond[places[at]!] = 1;
      break;
    }
  }
}

/** Those that are not marked. */
export function pickIds(all: SortedIds, isSecond: Uint8Array): SortedIds {
  if (!isSecond.includes(1)) return all;
  const picked = emptyIds(all.hashes.length);
  const [from, to] = [wordsOf(all), wordsOf(picked)];
  let count = 0;
  for (let at = 0; at < all.hashes.length; at += 1) {
    if (isSecond[all.places[at]!] === 1) continue;
    picked.hashes[count] = all.hashes[at]!;
    picked.places[count] = all.places[at]!;
    copyWords(from, at, to, count);
    count += 1;
  }
  return {
    hashes: picked.hashes.subarray(0, count),
    ids: picked.ids.subarray(0, count * idBytes),
    places: picked.places.subarray(0, count),
  };
}

/** Of two segments. What they say of places means nothing. */
export function mergeIds(one: SortedIds, other: SortedIds): SortedIds {
  const merged = emptyIds(one.hashes.length + other.hashes.length);
  const [words, otherWords, to] = [wordsOf(one), wordsOf(other), wordsOf(merged)];
  let [at, otherAt] = [0, 0];
  for (let place = 0; place < merged.hashes.length; place += 1) {
    // Behind the last of one, only the other has more.
    const isOther = !(one.hashes[at]! <= (other.hashes[otherAt] ?? Infinity));
    if (isOther) {
      merged.hashes[place] = other.hashes[otherAt]!;
      copyWords(otherWords, otherAt, to, place);
      otherAt += 1;
    } else {
      merged.hashes[place] = one.hashes[at]!;
      copyWords(words, at, to, place);
      at += 1;
    }
  }
  return merged;
}

/** The same ids, four words each. They are in memory of their own. */
function wordsOf({ ids }: SortedIds): Uint32Array {
  return new Uint32Array(ids.buffer, ids.byteOffset, ids.length / 4);
}

function copyWords(from: Uint32Array, at: number, to: Uint32Array, place: number): void {
  for (let word = 0; word < 4; word += 1) to[place * 4 + word] = from[at * 4 + word]!;
}

export function emptyIds(count: number) {
  return {
    hashes: new Uint32Array(count),
    ids: new Uint8Array(count * idBytes),
    places: new Uint32Array(count),
  };
}
