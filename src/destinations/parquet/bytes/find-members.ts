import { plainEnd, startsWith } from '../../../event/json/find-json.ts';
import {
  backslash,
  brace,
  braceEnd,
  bracket,
  bracketEnd,
  comma,
  quote,
} from '../../../event/json/json-codes.ts';

/** Where the values of properties are in the JSON of an event. */
export interface FoundMembers {
  /** Of each path: where its value begins, or -1 if the event has none. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 if a string of the value has an escape. */
  readonly isEscaped: Uint8Array;
  /**
   * Looks for the values in the text of an object. False if it has to be parsed: a name is there twice, or has an
   * escape.
   *
   * @param bytes have JSON without spaces there.
   */
  find(bytes: Uint8Array, start: number, end: number): boolean;
}

/** A name of an object that leads to values. */
interface Member {
  /** The name as it stands in an object: with its quotes and the colon. */
  readonly head: Uint8Array;
  /** Which path it ends, or -1. */
  place: number;
  readonly inner: Members;
  /** Whether a path goes on in it. */
  isOpened: boolean;
  /** The number of the event that had it last. */
  seen: number;
  /** What came after it the last time. */
  next: Member | undefined;
}

interface Members {
  readonly all: Map<string, Member>;
  first: Member | undefined;
}

/** @param paths names from the outside inwards. Undefined: no value is looked for. Each path is there once. */
export function createFindMembers(paths: readonly (readonly string[] | undefined)[]): FoundMembers {
  const root = newMembers();
  for (const [place, names] of paths.entries()) {
    if (names !== undefined) memberOf(root, names).place = place;
  }
  const starts = new Int32Array(paths.length);
  const ends = new Int32Array(paths.length);
  const isEscaped = new Uint8Array(paths.length);
  let event = 0;

  /** What comes after the object, or -1. */
  const findIn = (members: Members, bytes: Uint8Array, start: number, end: number): number => {
    let at = start + 1;
    if (bytes[at] === braceEnd) return at + 1;
    let last: Member | undefined;
    while (at < end) {
      let member = last === undefined ? members.first : last.next;
      if (member !== undefined && startsWith(bytes, at, member.head)) {
        at += member.head.length;
      } else {
        const stop = plainEnd(bytes, at + 1, end);
        if (stop === -1) return -1;
        member = members.all.get(nameOf(bytes, at + 1, stop));
        if (member !== undefined) follow(members, last, member);
        at = stop + 2;
      }
      const from = at;
      hasEscape = false;
      const isOpened = member !== undefined && member.isOpened && bytes[at] === brace;
      at = isOpened ? findIn(member!.inner, bytes, at, end) : valueEnd(bytes, at, end);
      if (at === -1) return -1;
      if (member !== undefined) {
        if (member.seen === event) return -1;
        member.seen = event;
        last = member;
        if (member.place !== -1) {
          starts[member.place] = from;
          ends[member.place] = at;
          isEscaped[member.place] = hasEscape ? 1 : 0;
        }
      }
      at += 1;
      if (bytes[at - 1] === braceEnd) return at;
    }
    return -1;
  };
  return {
    starts,
    ends,
    isEscaped,
    find(bytes, start, end) {
      event += 1;
      starts.fill(-1);
      return bytes[start] === brace && findIn(root, bytes, start, end) === end;
    },
  };
}

/** Most events have their members in the order of the event before. */
function follow(members: Members, last: Member | undefined, member: Member): void {
  if (last === undefined) members.first = member;
  else last.next = member;
}

function newMembers(): Members {
  return { all: new Map(), first: undefined };
}

function memberOf(root: Members, names: readonly string[]): Member {
  let around: Member | undefined;
  for (const name of names) {
    if (around !== undefined) around.isOpened = true;
    const members = around?.inner ?? root;
    let member = members.all.get(name);
    if (member === undefined) {
      const head = Uint8Array.from(Buffer.from(`"${name}":`));
      const inner = newMembers();
      member = { head, place: -1, inner, isOpened: false, seen: -1, next: undefined };
      members.all.set(name, member);
    }
    around = member;
  }
  return around!;
}

function nameOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
}

/** Whether `valueEnd` has met an escape. */
let hasEscape = false;

/** What comes after a value, or -1. */
function valueEnd(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!;
  if (first === quote) return stringEnd(bytes, start + 1, end);
  let at = start;
  let depth = 0;
  while (at < end) {
    const code = bytes[at]!;
    if (depth === 0 && (code === comma || code === braceEnd || code === bracketEnd)) return at;
    at += 1;
    if (code === quote) {
      at = stringEnd(bytes, at, end);
      if (at === -1) return -1;
    } else if (code === brace || code === bracket) {
      depth += 1;
    } else if (code === braceEnd || code === bracketEnd) {
      depth -= 1;
    }
  }
  return -1;
}

/** What comes after the quote that ends a string, or -1. */
function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const code = bytes[at]!;
    at += 1;
    if (code === quote) return at;
    if (code === backslash) {
      at += 1;
      hasEscape = true;
    }
  }
  return -1;
}
