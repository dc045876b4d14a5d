import type { SeenTexts } from '../../event/incoming-event.ts';
import {
  backslash,
  colon,
  dot,
  isDigit,
  minus,
  plus,
  quote,
  zero,
} from '../../event/json/json-codes.ts';
import { seenInJson } from '../../event/stored-event.ts';

/*
 * One walk over the bytes of a body that `JSON.parse` has read. It finds what would otherwise take three
 * passes over the text and one over the values: numbers that a double may not hold, members that stand
 * twice, and texts of `properties` and `context` that need not be written anew.
 */

/** A text of a body as it was sent. */
export interface SentText {
  /** Exactly what `JSON.stringify` makes of the value, unless a name stands twice in an object of it. */
  readonly text: string;
  /** The members of all objects in it, repeats too. As many as the value has: no name stands twice. */
  readonly members: number;
}

/** The texts of an event that are in the form in which they are stored. */
export interface SentTexts {
  readonly properties: SentText | undefined;
  readonly context: SentText | undefined;
  readonly seen: SeenTexts;
}

export interface BodyWalk {
  /** The members of the object that is the body, repeats too. */
  readonly members: number;
  /** Somewhere stands a number that a double may not hold: at least sixteen characters, or an exponent. */
  readonly mayBeInexact: boolean;
  /** By the place of an event among the events of the body. */
  readonly textsOf: (index: number) => SentTexts;
}

/** Where the events of a body are: it is one, or its member `event` is, or its member `events` has them. */
export type EventsPlace = 'body' | 'event' | 'events';

/**
 * Undefined if positions in `text` are not those in `body`: it begins with a byte order mark.
 *
 * @param body valid JSON, an object.
 * @param text the same as text.
 */
export function walkBody(body: Buffer, text: string, events: EventsPlace): BodyWalk | undefined {
  if (body[0] === byteOrderMark) return undefined;
  const walker = new BodyWalker(body, events);
  walker.walk();
  const { places, members, hasEscape, mayBeInexact } = walker;
  const isAscii = text.length === body.length;
  const seen = seenInJson(hasEscape, isAscii);
  const sentText = (at: number): SentText | undefined => {
    const end = places[at + 1] ?? 0;
    if (end === 0) return undefined;
    const start = places[at]!;
    const own = isAscii ? text.slice(start, end) : body.toString('utf8', start, end);
    return { text: own, members: places[at + 2]! };
  };
  return {
    members,
    mayBeInexact,
    textsOf: (index) => ({
      properties: sentText(index * placesOfEvent),
      context: sentText(index * placesOfEvent + placesOfText),
      seen,
    }),
  };
}

/** Start, end and members of a text; an end of 0 says that it is written anew. */
const placesOfText = 3;
/** Of `properties`, then of `context`. */
const placesOfEvent = 2 * placesOfText;

const propertiesName = Buffer.from('properties');
const contextName = Buffer.from('context');
const eventsNames = { event: Buffer.from('event'), events: Buffer.from('events') } as const;
/** How many brackets are open where the names of an event's members are. */
const depths = { body: 1, event: 2, events: 3 } as const;
const noText = -1;

const byteOrderMark = 0xef;
const letterE = 0x65;

/** What a byte outside of strings begins; 0 is anything else. */
const kind = {
  string: 1,
  open: 2,
  close: 3,
  colon: 4,
  comma: 5,
  number: 6,
  space: 7,
} as const;

const kinds = ((): Uint8Array => {
  const table = new Uint8Array(256);
  const set = (bytes: string, of: number): void => {
    for (const byte of Buffer.from(bytes)) table[byte] = of;
  };
  set('"', kind.string);
  set('{[', kind.open);
  set('}]', kind.close);
  set(':', kind.colon);
  set('-0123456789', kind.number);
  set(' \t\r\n', kind.space);
  set(',', kind.comma);
  return table;
})();

/**
 * So many characters of a whole number, or of one with a point, are certain to be those of its double: the rule of
 * `mayBeInexact` (event/exact-numbers.ts).
 */
const certainCharacters = 15;

class BodyWalker {
  readonly places: number[] = [];
  readonly hasEscape: boolean;
  mayBeInexact = false;
  /** Of the object that is the body. */
  members = 0;
  private readonly bytes: Buffer;
  /** Undefined: the body is the event. */
  private readonly eventsName: Uint8Array | undefined;
  /** How many brackets are open where the names of an event's members are. */
  private readonly eventDepth: number;
  private isAmongEvents: boolean;
  /** The event at hand, by its place among the events. */
  private index = 0;
  /** Of the event at hand: where in `places` the text of the member at hand belongs, or `noText`. */
  private text = noText;
  /** A name of the event at hand has an escape: it may be one of the two, and the one that counts. */
  private isUncertain = false;
  /** Whether `JSON.stringify` would write the value at hand as it stands. */
  private isAsWritten = true;

  constructor(bytes: Buffer, events: EventsPlace) {
    this.bytes = bytes;
    this.hasEscape = bytes.includes(backslash);
    this.eventsName = events === 'body' ? undefined : eventsNames[events];
    this.eventDepth = depths[events];
    this.isAmongEvents = events === 'body';
  }

  /** Nearly all bytes of a body go through the inner loop. */
  walk(): void {
    const { bytes, eventDepth, hasEscape } = this;
    const { length } = bytes;
    let lastQuote = length - 1;
    while (lastQuote > 0 && bytes[lastQuote] !== quote) lastQuote -= 1;
    let depth = 0;
    /** Of the text at hand: where it begins, and how many members it has so far. */
    let start = 0;
    let members = 0;
    for (let at = 0; at < length;) {
      switch (kinds[bytes[at]!]) {
        case kind.string: {
          const first = at + 1;
          if (first > lastQuote) return;
          // It ends at the last quote: a look at the end of the bytes, too, costs a quarter of the walk.
          if (hasEscape) at = this.escapedEnd(first, lastQuote);
          else for (at = first; bytes[at] !== quote;) at += 1;
          at += 1;
          const next = bytes[at]!;
          if (next === colon) {
            // V8 writes names that are whole numbers before others.
            if (kinds[bytes[first]!] === kind.number) this.isAsWritten = false;
            if (depth <= eventDepth) this.noteName(first, at - 1, depth);
          } else if (depth <= eventDepth && kinds[next] === kind.space && this.isBeforeColon(at)) {
            this.noteName(first, at - 1, depth);
          }
          break;
        }
        case kind.open:
          depth += 1;
          if (depth === eventDepth + 1 && this.text !== noText) {
            this.isAsWritten = true;
            start = at;
            members = 0;
          }
          at += 1;
          break;
        case kind.close:
          at += 1;
          if (depth === eventDepth + 1) this.endText(start, at, members);
          depth -= 1;
          break;
        case kind.comma:
          at += 1;
          if (depth < eventDepth) this.noteComma(depth);
          break;
        case kind.colon:
          members += 1;
          at += 1;
          break;
        case kind.number:
          at = this.walkNumber(at);
          break;
        case kind.space:
          this.isAsWritten = false;
          at += 1;
          break;
        default:
          at += 1;
      }
    }
    this.clearUncertain();
  }

  /** The place of the quote that ends a string which may have escapes; the end of the bytes if it does not end. */
  private escapedEnd(from: number, lastQuote: number): number {
    const { bytes } = this;
    let at = from;
    for (let byte = bytes[at]!; byte !== quote; byte = bytes[at]!) {
      if (byte === backslash) {
        this.isAsWritten = false;
        at += 1;
        if (at >= lastQuote) return bytes.length;
      }
      at += 1;
    }
    return at;
  }

  private isBeforeColon(from: number): boolean {
    let at = from;
    while (kinds[this.bytes[at]!] === kind.space) at += 1;
    return this.bytes[at] === colon;
  }

  /** A name on the way to the members of an event, or among them. */
  private noteName(from: number, end: number, depth: number): void {
    const { bytes, eventsName } = this;
    if (depth === 1) this.members += 1;
    this.text = noText;
    if (depth === 1 && eventsName !== undefined) {
      // A body in which it stands twice is refused.
      this.isAmongEvents = isName(bytes, from, end, eventsName);
    } else if (depth === this.eventDepth && this.isAmongEvents) {
      if (this.hasEscape && bytes.subarray(from, end).includes(backslash)) this.isUncertain = true;
      if (isName(bytes, from, end, propertiesName)) this.text = 0;
      else if (isName(bytes, from, end, contextName)) this.text = placesOfText;
    }
  }

  /** A comma between events. */
  private noteComma(depth: number): void {
    if (!this.isAmongEvents || depth !== this.eventDepth - 1) return;
    this.clearUncertain();
    this.index += 1;
    this.text = noText;
  }

  /** Takes back the texts of an event of which it is uncertain whether they count. */
  private clearUncertain(): void {
    if (!this.isUncertain) return;
    this.isUncertain = false;
    this.places.length = Math.min(this.places.length, this.index * placesOfEvent);
  }

  private endText(start: number, end: number, members: number): void {
    const { places, text } = this;
    if (text === noText) return;
    this.text = noText;
    while (places.length < (this.index + 1) * placesOfEvent) places.push(0);
    const place = this.index * placesOfEvent + text;
    places[place] = start;
    // What stands there again counts, and may not be as it would be written.
    places[place + 1] = this.isAsWritten ? end : 0;
    places[place + 2] = members;
  }

  /** Returns the place behind a number. */
  private walkNumber(from: number): number {
    const { bytes } = this;
    const digits = bytes[from] === minus ? from + 1 : from;
    let at = digits;
    let pointAt = -1;
    for (; ; at += 1) {
      const byte = bytes[at]!;
      if (byte === dot) pointAt = at;
      else if (!isDigit(byte)) break;
    }
    const isCertain = (bytes[at]! | 0x20) !== letterE && at - digits <= certainCharacters;
    if (!isCertain) {
      this.mayBeInexact = true;
      this.isAsWritten = false;
      while (isOfExponent(bytes[at]!)) at += 1;
    } else if (pointAt === -1) {
      if (digits !== from && bytes[digits] === zero) this.isAsWritten = false;
    } else {
      // A zero at the end is left out, and what is very small is written with an exponent.
      const isSmall =
        bytes[digits] === zero && bytes[pointAt + 1] === zero && bytes[pointAt + 2] === zero;
      if (isSmall || bytes[at - 1] === zero) this.isAsWritten = false;
    }
    return at;
  }
}

function isName(bytes: Uint8Array, from: number, end: number, name: Uint8Array): boolean {
  if (end - from !== name.length) return false;
  for (let at = 0; at < name.length; at += 1) if (bytes[from + at] !== name[at]) return false;
  return true;
}

/** A digit, a sign, or `e`. */
function isOfExponent(byte: number): boolean {
  return isDigit(byte) || byte === plus || byte === minus || (byte | 0x20) === letterE;
}
