import {
  backslash,
  brace,
  braceEnd,
  bracket,
  bracketEnd,
  colon,
  comma,
  dot,
  isDigit,
  minus,
  plus,
  quote,
  zero,
} from '../event/json/json-codes.ts';

/**
 * The members of a stored event, as its payload has them: ids, names and times as they are, everything
 * else as JSON text. Empty where the event has no such member.
 */
export interface PayloadMembers {
  eventId: string;
  eventName: string;
  source: string;
  timestamp: string;
  /** Empty in events of earlier versions. */
  eventTime: string;
  userId: string;
  anonymousId: string;
  idempotencyKey: string;
  schemaVersion: string;
  properties: string;
  context: string;
  occurredAt: string;
  vendorCall: string;
  correlationId: string;
  sentAt: string;
  historical: string;
  traceparent: string;
  warnings: string;
}

/** The members of a stored event in the order of `encodeStoredEvent`: a text without escapes, digits, or any JSON. */
export const storedMembers = [
  ['eventId', 'text'],
  ['eventName', 'text'],
  ['source', 'text'],
  ['timestamp', 'text'],
  ['eventTime', 'text'],
  ['userId', 'text'],
  ['anonymousId', 'text'],
  ['idempotencyKey', 'text'],
  ['schemaVersion', 'integer'],
  ['properties', 'json'],
  ['context', 'json'],
  ['occurredAt', 'text'],
  ['vendorCall', 'json'],
  ['correlationId', 'text'],
  ['sentAt', 'text'],
  ['historical', 'json'],
  ['traceparent', 'text'],
  ['warnings', 'json'],
] as const satisfies readonly (readonly [keyof PayloadMembers, 'text' | 'integer' | 'json'])[];

/** Each name with what comes before and after it in a payload. */
const layout = storedMembers.map(([name, kind]) => ({
  name,
  kind,
  head: `"${name}":${kind === 'text' ? '"' : ''}`,
}));

/**
 * Cuts a payload into its members without making values of them, so that no number loses a digit. It
 * checks the whole text, and takes half the time of parsing it and writing JSON again.
 *
 * Undefined unless the payload is what `encodeStoredEvent` writes most often: its members in its order,
 * without an escape in an id and without spaces. Then read it in another way.
 */
export function cutPayload(text: string): PayloadMembers | undefined {
  if (text.charCodeAt(0) !== brace) return undefined;
  const members = noMembers();
  let at = 1;
  for (const { name, kind, head } of layout) {
    if (!text.startsWith(head, at)) continue;
    const start = at + head.length;
    const end = kind === 'text' ? plainEnd(text, start) : jsonEnd(text, start);
    // An empty id is another thing than none.
    if (end === -1 || end === start) return undefined;
    const value = text.slice(start, end);
    if (kind === 'integer' && !/^\d{1,9}$/.test(value)) return undefined;
    members[name] = value;
    at = kind === 'text' ? end + 1 : end;
    const next = text.charCodeAt(at);
    at += 1;
    if (next === comma) continue;
    return next === braceEnd && at === text.length ? members : undefined;
  }
  return undefined;
}

/** To be filled. */
export function noMembers(): PayloadMembers {
  return {
    eventId: '',
    eventName: '',
    source: '',
    timestamp: '',
    eventTime: '',
    userId: '',
    anonymousId: '',
    idempotencyKey: '',
    schemaVersion: '',
    properties: '',
    context: '',
    occurredAt: '',
    vendorCall: '',
    correlationId: '',
    sentAt: '',
    historical: '',
    traceparent: '',
    warnings: '',
  };
}

/** Where the quote is that ends a string without escapes, or -1. */
function plainEnd(text: string, start: number): number {
  for (let at = start; ; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    // NaN, after the end, is not above either.
    if (!(code > 0x1f) || code === backslash) return -1;
  }
}

/** Deeper than any accepted event, and shallow enough for every database. */
const depthMax = 500;
/** Which of the open brackets are braces. Reused: a call finishes before the next begins. */
const isObject = new Uint8Array(depthMax + 1);

/** Where the value ends that begins at `start`, or -1 if it is not JSON without spaces. */
function jsonEnd(text: string, start: number): number {
  let at = start;
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === brace || code === bracket) {
      if (depth === depthMax) return -1;
      depth += 1;
      isObject[depth] = Number(code === brace);
      at += 1;
      // The end of an empty one is read below, as that of any other.
      if (text.charCodeAt(at) !== (code === brace ? braceEnd : bracketEnd)) {
        if (code === brace && (at = nameEnd(text, at)) === -1) return -1;
        continue;
      }
    } else {
      at = code === quote ? stringEnd(text, at + 1) : scalarEnd(text, at, code);
      if (at === -1) return -1;
    }
    for (;;) {
      if (depth === 0) return at;
      const next = text.charCodeAt(at);
      at += 1;
      if (next === comma) break;
      if (next !== (isObject[depth] === 1 ? braceEnd : bracketEnd)) return -1;
      depth -= 1;
    }
    if (isObject[depth] === 1 && (at = nameEnd(text, at)) === -1) return -1;
  }
}

/** Where the value of a name begins, or -1. */
function nameEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== quote) return -1;
  const end = stringEnd(text, start + 1);
  return end !== -1 && text.charCodeAt(end) === colon ? end + 1 : -1;
}

const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** What comes after the quote that ends a string, or -1. */
function stringEnd(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === backslash) {
      escape.lastIndex = at;
      if (!escape.test(text)) return -1;
      at = escape.lastIndex;
    } else {
      if (!(code > 0x1f)) return -1;
      at += 1;
    }
  }
}

const literals = ['true', 'false', 'null'] as const;

function scalarEnd(text: string, start: number, first: number): number {
  if (first !== minus && !isDigit(first)) {
    const literal = literals.find((each) => text.startsWith(each, start));
    return literal === undefined ? -1 : start + literal.length;
  }
  const whole = first === minus ? start + 1 : start;
  let at = digitsEnd(text, whole);
  if (at === -1 || (at > whole + 1 && text.charCodeAt(whole) === zero)) return -1;
  if (text.charCodeAt(at) === dot && (at = digitsEnd(text, at + 1)) === -1) return -1;
  // 0x20 makes an E an e.
  if ((text.charCodeAt(at) | 0x20) !== 0x65) return at;
  const sign = text.charCodeAt(at + 1);
  return digitsEnd(text, sign === minus || sign === plus ? at + 2 : at + 1);
}

/** -1 without a digit. */
function digitsEnd(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at === start ? -1 : at;
}
