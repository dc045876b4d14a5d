import { plainEnd } from '../../../event/json/find-json.ts';
import {
  backslash,
  brace,
  braceEnd,
  bracket,
  bracketEnd,
  colon,
  comma,
  isDigit,
  minus,
  quote,
  zero,
} from '../../../event/json/json-codes.ts';
import { storedMembers } from '../../payload-members.ts';

export type MemberName = (typeof storedMembers)[number][0];

export const memberCount = storedMembers.length;

/** Which member has a name. */
export function placeOf(name: MemberName): number {
  return storedMembers.findIndex(([each]) => each === name);
}

const kinds: readonly string[] = storedMembers.map(([, kind]) => kind);
/** What stands before the value of each member. */
const heads = storedMembers.map(([name, kind]) =>
  Uint8Array.from(Buffer.from(`"${name}":${kind === 'text' ? '"' : ''}`)),
);
const required = (
  ['eventId', 'eventName', 'source', 'timestamp', 'eventTime', 'idempotencyKey'] as const
).map(placeOf);

const digitsMax = 9;

/** A longer member has no place in `lengths`. */
const lengthMax = 0xffff;

/**
 * Finds the members of a payload, as `cutPayload` does, and checks the whole of it. Their lengths are enough to
 * find them again, without a look at what is between (`findMembers`).
 *
 * @param lengths gets a number for each member from `to` on: 0 for one that the event does not have.
 * @returns false unless the payload is what `encodeStoredEvent` writes most often, and has what every row needs.
 */
export function cutEvent(
  bytes: Uint8Array,
  start: number,
  end: number,
  lengths: Uint16Array,
  to: number,
): boolean {
  if (bytes[start] !== brace) return false;
  lengths.fill(0, to, to + memberCount);
  let at = start + 1;
  for (let member = 0; member < memberCount; member += 1) {
    const head = heads[member]!;
    if (!hasHead(bytes, at, head)) continue;
    const from = at + head.length;
    const isText = kinds[member] === 'text';
    const stop = isText ? plainEnd(bytes, from, end) : jsonEnd(bytes, from, end);
    const length = stop - from;
    if (length <= 0 || length > lengthMax || stop >= end) return false;
    if (kinds[member] === 'integer' && !isInteger(bytes, from, stop)) return false;
    lengths[to + member] = length;
    at = isText ? stop + 1 : stop;
    const next = bytes[at];
    at += 1;
    if (next === comma) continue;
    if (next !== braceEnd || at !== end) return false;
    for (const each of required) if (lengths[to + each] === 0) return false;
    return true;
  }
  return false;
}

/**
 * Where the members of a payload begin, which `cutEvent` has cut.
 *
 * @param starts gets a number for each member.
 */
export function findMembers(
  start: number,
  lengths: Uint16Array,
  from: number,
  starts: Int32Array,
): void {
  let at = start + 1;
  for (let member = 0; member < memberCount; member += 1) {
    const length = lengths[from + member]!;
    if (length === 0) continue;
    const value = at + heads[member]!.length;
    starts[member] = value;
    at = value + length + (kinds[member] === 'text' ? 2 : 1);
  }
}

function hasHead(bytes: Uint8Array, at: number, head: Uint8Array): boolean {
  // Most heads that are not there differ in their second character.
  for (let index = 1; index < head.length; index += 1) {
    if (bytes[at + index] !== head[index]) return false;
  }
  return bytes[at] === quote;
}

function isInteger(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start <= digitsMax && digitsEnd(bytes, start) === end;
}

/** Deeper than any accepted event, and shallow enough for every database. */
const depthMax = 500;
/** Which of the open brackets are braces. Reused: a call finishes before the next begins. */
const isObject = new Uint8Array(depthMax + 1);

/** Where the value ends that begins at `start`, or -1 if it is not JSON without spaces. */
function jsonEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let depth = 0;
  for (;;) {
    const code = bytes[at]!;
    if (code === brace || code === bracket) {
      if (depth === depthMax) return -1;
      depth += 1;
      isObject[depth] = code === brace ? 1 : 0;
      at += 1;
      if (bytes[at] !== (code === brace ? braceEnd : bracketEnd)) {
        if (code === brace && (at = nameEnd(bytes, at, end)) === -1) return -1;
        continue;
      }
    } else {
      at = code === quote ? stringEnd(bytes, at + 1, end) : scalarEnd(bytes, at, code);
      if (at === -1) return -1;
    }
    for (;;) {
      if (depth === 0) return at;
      const next = bytes[at]!;
      at += 1;
      if (next === comma) break;
      if (next !== (isObject[depth] === 1 ? braceEnd : bracketEnd)) return -1;
      depth -= 1;
    }
    if (isObject[depth] === 1 && (at = nameEnd(bytes, at, end)) === -1) return -1;
  }
}

/** Where the value of a name begins, or -1. */
function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] !== quote) return -1;
  const stop = stringEnd(bytes, start + 1, end);
  return stop !== -1 && bytes[stop] === colon ? stop + 1 : -1;
}

/** What may come after a backslash. */
const escapes = Uint8Array.from(Buffer.from('"\\/bfnrt'));

/** What comes after the quote that ends a string, or -1. */
function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const code = bytes[at]!;
    if (code === quote) return at + 1;
    if (code < 0x20) return -1;
    at += 1;
    if (code !== backslash) continue;
    const escaped = bytes[at]!;
    at += 1;
    if (escapes.includes(escaped)) continue;
    if (escaped !== 0x75) return -1;
    for (const stop = at + 4; at < stop; at += 1) if (!isHex(bytes[at]!)) return -1;
  }
  return -1;
}

function isHex(code: number): boolean {
  const lower = code | 0x20;
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66);
}

const literals = ['true', 'false', 'null'].map((text) => Uint8Array.from(Buffer.from(text)));

function scalarEnd(bytes: Uint8Array, start: number, first: number): number {
  if (first !== minus && !isDigit(first)) {
    const literal = literals.find((each) => each.every((code, at) => bytes[start + at] === code));
    return literal === undefined ? -1 : start + literal.length;
  }
  const whole = first === minus ? start + 1 : start;
  let at = digitsEnd(bytes, whole);
  if (at === -1 || (at > whole + 1 && bytes[whole] === zero)) return -1;
  if (bytes[at] === 0x2e && (at = digitsEnd(bytes, at + 1)) === -1) return -1;
  // 0x20 makes an E an e.
  if ((bytes[at]! | 0x20) !== 0x65) return at;
  const sign = bytes[at + 1];
  return digitsEnd(bytes, sign === minus || sign === 0x2b ? at + 2 : at + 1);
}

/** -1 without a digit. */
function digitsEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(bytes[at]!)) at += 1;
  return at === start ? -1 : at;
}
