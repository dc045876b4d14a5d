import { skipSpace, skipString, skipValue } from './json-slices.ts';

/** One element of an array, from `start` up to `end`, without the space around it. */
export interface ElementSpan {
  readonly start: number;
  readonly end: number;
  /** Its brackets do not match: it may hold what was meant to be the next elements. */
  readonly isUnbalanced: boolean;
}

/** The positions of the elements of a batch in a text that is not JSON. */
export interface BatchSplit {
  /** At most `elementsMax`. Two commas in a row have an empty element between them. */
  readonly elements: readonly ElementSpan[];
  /** All of them. */
  readonly count: number;
  /** The place after the opening bracket. */
  readonly start: number;
  /** The place of the closing bracket; undefined: the array, or a string in it, does not end. */
  readonly close: number | undefined;
}

/** Deeper brackets are counted, but not compared with their closing ones. */
const depthMax = 512;

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Finds the elements of a batch in a text that `JSON.parse` refused: of the array that is the text
 * itself, or the member `memberName` of the object that it is. Reads the text once. Looks only for strings,
 * brackets and commas, so a text of one character a byte (latin1) gives the places of bytes.
 *
 * A string ends at the next quote, even on another line: a line end that was not escaped is more
 * frequent than a quote that is missing.
 *
 * @returns undefined if there is no such array.
 */
export function splitBatch(
  text: string,
  memberName: string | undefined,
  elementsMax: number,
): BatchSplit | undefined {
  const first = skipSpace(text, 0);
  const open = memberName === undefined ? first : memberPlace(text, first, memberName);
  if (open === undefined || text.charCodeAt(open) !== openBracket) return undefined;
  const elements: ElementSpan[] = [];
  let count = 0;
  const opened = createOpened();
  let at = open + 1;
  for (;;) {
    const start = skipSpace(text, at);
    const { end, endedBy, isUnbalanced } = scanElement(text, start, opened);
    const isEmptyArray = count === 0 && endedBy === closeBracket && end === start;
    const isNothing = endedBy === undefined && end === start;
    if (!isEmptyArray && !isNothing) {
      count += 1;
      if (elements.length < elementsMax) {
        elements.push({ start, end: trimmedEnd(text, start, end), isUnbalanced });
      }
    }
    if (endedBy !== comma) {
      return { elements, count, start: open + 1, close: endedBy === undefined ? undefined : end };
    }
    at = end + 1;
  }
}

/** The place of a member's value in an object whose members before it are well formed. */
function memberPlace(text: string, first: number, memberName: string): number | undefined {
  if (text.charCodeAt(first) !== openBrace) return undefined;
  return placeAmong(text, skipSpace(text, first + 1), memberName);
}

/**
 * Whether an object whose array ends at `close` has a member of this name behind it. Only members as well formed as their brackets
 * and quotes are looked at.
 */
export function isMemberBehind(text: string, close: number, memberName: string): boolean {
  const next = skipSpace(text, close + 1);
  if (text.charCodeAt(next) !== comma) return false;
  return placeAmong(text, skipSpace(text, next + 1), memberName) !== undefined;
}

/** The same among the members from `at` on. */
function placeAmong(text: string, from: number, memberName: string): number | undefined {
  const wanted = JSON.stringify(memberName);
  let at = from;
  while (text.charCodeAt(at) === quote) {
    const nameEnd = skipString(text, at);
    const name = text.slice(at, nameEnd);
    const colon = skipSpace(text, nameEnd);
    if (text[colon] !== ':') return undefined;
    const value = skipSpace(text, colon + 1);
    if (name === wanted) return value;
    at = skipSpace(text, skipValue(text, value));
    if (text.charCodeAt(at) !== comma) return undefined;
    at = skipSpace(text, at + 1);
  }
  return undefined;
}

interface ScannedElement {
  readonly end: number;
  /** The comma, or the array's closing bracket. Undefined if the text ended first. */
  readonly endedBy: number | undefined;
  readonly isUnbalanced: boolean;
}

function scanElement(text: string, start: number, opened: OpenBrackets): ScannedElement {
  opened.clear();
  let isUnbalanced = false;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = skipString(text, at);
      continue;
    }
    if (code === openBrace || code === openBracket) opened.open(code);
    else if (code === comma && opened.isEmpty()) return { end: at, endedBy: code, isUnbalanced };
    else if (code === closeBrace || code === closeBracket) {
      const isLast = code === closeBracket && opened.isEmpty();
      if (!isLast && opened.close(code)) {
        at += 1;
        continue;
      }
      isUnbalanced ||= !isLast;
      // The bracket of the batch itself, unless one of the element's own was left open for it.
      if (isLast || (code === closeBracket && !opened.hadMatch)) {
        return { end: at, endedBy: closeBracket, isUnbalanced };
      }
    }
    at += 1;
  }
  return { end: text.length, endedBy: undefined, isUnbalanced: true };
}

/** The brackets that are open. Each is pushed and popped once, so that the whole scan is linear. */
function createOpened() {
  const stack: number[] = [];
  const counts = { [openBrace]: 0, [openBracket]: 0 } as Record<number, number>;
  let deeper = 0;
  const pop = (): number => {
    const code = stack.pop()!;
    counts[code]! -= 1;
    return code;
  };
  const opened = {
    /** Whether the last bracket that closed out of order matched an open one of its kind. */
    hadMatch: false,
    isEmpty: (): boolean => stack.length === 0,
    clear(): void {
      while (stack.length > 0) pop();
      deeper = 0;
    },
    open(code: number): void {
      if (stack.length === depthMax) deeper += 1;
      else {
        stack.push(code);
        counts[code]! += 1;
      }
    },
    /** False: it is not the innermost one that closes. Those within the one that does are closed, too. */
    close(code: number): boolean {
      if (deeper > 0) {
        deeper -= 1;
        return true;
      }
      const wanted = code === closeBrace ? openBrace : openBracket;
      opened.hadMatch = counts[wanted]! > 0;
      if (!opened.hadMatch) return false;
      if (pop() === wanted) return true;
      while (pop() !== wanted);
      return false;
    },
  };
  return opened;
}

type OpenBrackets = ReturnType<typeof createOpened>;

/** Where the text up to `end` ends without the space of JSON at its end. */
export function trimmedEnd(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && ' \t\n\r'.includes(text[at - 1]!)) at -= 1;
  return at;
}
