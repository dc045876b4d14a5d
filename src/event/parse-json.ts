import type { JsonObject, JsonValue } from './json.ts';

/**
 * Parses a JSON text. Throws a SyntaxError that tells where it breaks.
 *
 * `JSON.parse`, except where that is wrong: from V8 12.8 on (Node 24 and 26 among them) a name with
 * an escape in it may come out as another name that was parsed before, for example `{"x":1,"\n":2}` as
 * `{"x":1,"\\":2}` after any text with the name `\` (https://github.com/nodejs/node/issues/63785). One
 * producer could so change the names of another's properties. Texts in which a name may have an escape
 * are rare; they are read by the parser below.
 */
export function parseJsonText(text: string): JsonValue {
  return mayEscapeNames(text) ? parseByHand(text, Number) : (JSON.parse(text) as JsonValue);
}

/** A string after a brace or a comma, which is where names stand, with a backslash in it. */
const escapedName = /[{,]\s*"[^"\\]*\\/;

/** False for nearly every text, most often because there is no backslash in it at all. */
export function mayEscapeNames(text: string): boolean {
  return text.includes('\\') && escapedName.test(text);
}

/** Deeper than anything that is let in, and shallow enough for the stack. */
const depthMax = 500;

/**
 * A JSON parser after RFC 8259, by recursive descent. `numberOf` makes a value of the text of a
 * number. Of a name that stands twice the last value counts, as with `JSON.parse`.
 */
export function parseByHand(text: string, numberOf: (source: string) => unknown): JsonValue {
  let at = 0;

  const fail = (): never => {
    throw new SyntaxError(
      at >= text.length ? 'Unexpected end of JSON input' : `Unexpected token at position ${at}`,
    );
  };
  const skipSpace = (): void => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at += 1;
  };
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? fail();
    at += found.length;
    return found;
  };
  const readString = (): string => {
    const source = match(stringToken);
    // A string by itself is parsed rightly: the fault is in the names of objects alone.
    return source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1);
  };
  const readWord = (word: string, value: JsonValue): JsonValue => {
    if (!text.startsWith(word, at)) fail();
    at += word.length;
    return value;
  };
  /** Reads `open`, items with commas between, and `close`. */
  const readItems = (close: string, readItem: () => void): void => {
    at += 1;
    skipSpace();
    if (text[at] === close) {
      at += 1;
      return;
    }
    for (;;) {
      readItem();
      skipSpace();
      if (text[at] === close) break;
      if (text[at] !== ',') fail();
      at += 1;
    }
    at += 1;
  };
  const readObject = (depth: number): JsonObject => {
    const object: JsonObject = {};
    readItems('}', () => {
      skipSpace();
      const name = readString();
      skipSpace();
      if (text[at] !== ':') fail();
      at += 1;
      const value = readValue(depth + 1);
      if (name === '__proto__') defineMember(object, name, value);
      else object[name] = value;
    });
    return object;
  };
  const readArray = (depth: number): JsonValue[] => {
    const array: JsonValue[] = [];
    readItems(']', () => void array.push(readValue(depth + 1)));
    return array;
  };
  const readValue = (depth: number): JsonValue => {
    if (depth > depthMax) throw new SyntaxError(`It nests too deep at position ${at}`);
    skipSpace();
    const first = text[at];
    if (first === '{') return readObject(depth);
    if (first === '[') return readArray(depth);
    if (first === '"') return readString();
    if (first === 't') return readWord('true', true);
    if (first === 'f') return readWord('false', false);
    if (first === 'n') return readWord('null', null);
    return numberOf(match(numberToken)) as JsonValue;
  };

  const value = readValue(0);
  skipSpace();
  if (at < text.length) fail();
  return value;
}

const stringToken = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** `__proto__` as a name is data like any other, and must not become the object's prototype. */
export function defineMember(object: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
