import type { JsonObject, JsonValue } from './json.ts';

/**
 * Parses a JSON text. Throws a SyntaxError that says where it breaks.
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

/** A string with a backslash after a brace or a comma, where names are. */
const escapedName = /[{,]\s*"[^"\\]*\\/;

/** False for nearly every text, most often because it has no backslash. */
export function mayEscapeNames(text: string): boolean {
  return text.includes('\\') && escapedName.test(text);
}

/** Deeper than any accepted event, and shallow enough for the stack. */
const depthMax = 500;

/**
 * A JSON parser after RFC 8259, by recursive descent. `numberOf` turns the text of a number into a
 * value. If a name occurs twice, the last value counts, as with `JSON.parse`.
 *
 * @param deeper what becomes of an object or an array that nests deeper than 500 levels: a SyntaxError, or null.
 */
export function parseByHand(
  text: string,
  numberOf: (source: string) => unknown,
  deeper: 'error' | 'null' = 'error',
): JsonValue {
  return new JsonReader(text, numberOf, deeper).readText();
}

const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The index of the first character that makes a text invalid JSON; its length if it ends early. */
export function brokenAt(text: string): number | undefined {
  const reader = new JsonReader(text, Number, 'error');
  try {
    reader.readText();
    return undefined;
  } catch {
    return Math.min(reader.at, text.length);
  }
}

class JsonReader {
  private readonly text: string;
  private readonly numberOf: (source: string) => unknown;
  private readonly deeper: 'error' | 'null';
  at = 0;

  constructor(text: string, numberOf: (source: string) => unknown, deeper: 'error' | 'null') {
    this.text = text;
    this.numberOf = numberOf;
    this.deeper = deeper;
  }

  readText(): JsonValue {
    const value = this.readValue(0);
    this.skipSpace();
    if (this.at < this.text.length) this.fail();
    return value;
  }

  private readValue(depth: number): JsonValue {
    this.skipSpace();
    if (depth > depthMax) {
      if (this.deeper === 'error') {
        throw new SyntaxError(`It nests too deep at position ${this.at}`);
      }
      if (this.skipNested()) return null;
    }
    switch (this.text[this.at]) {
      case '{':
        return this.readObject(depth);
      case '[':
        return this.readArray(depth);
      case '"':
        return this.readString();
      case 't':
        return this.readWord('true', true);
      case 'f':
        return this.readWord('false', false);
      case 'n':
        return this.readWord('null', null);
      default:
        return this.numberOf(this.match(numberToken)) as JsonValue;
    }
  }

  private readObject(depth: number): JsonObject {
    const object: JsonObject = {};
    this.readItems('}', () => {
      this.skipSpace();
      const name = this.readString();
      this.skipSpace();
      if (this.text[this.at] !== ':') this.fail();
      this.at += 1;
      const value = this.readValue(depth + 1);
      if (name === '__proto__') defineMember(object, name, value);
      else object[name] = value;
    });
    return object;
  }

  private readArray(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.readItems(']', () => array.push(this.readValue(depth + 1)));
    return array;
  }

  /** From an opening bracket to its closing one: items with commas between. */
  private readItems(close: string, readItem: () => void): void {
    this.at += 1;
    this.skipSpace();
    if (this.text[this.at] !== close) {
      readItem();
      this.skipSpace();
      while (this.text[this.at] === ',') {
        this.at += 1;
        readItem();
        this.skipSpace();
      }
      if (this.text[this.at] !== close) this.fail();
    }
    this.at += 1;
  }

  /** Passes over an object or an array, whose brackets match. False if none begins here. */
  private skipNested(): boolean {
    let open = 0;
    do {
      const found = this.text[this.at];
      if (found === '{' || found === '[') open += 1;
      else if (found === '}' || found === ']') open -= 1;
      else if (open === 0) return false;
      else if (found === undefined) this.fail();
      else if (found === '"') {
        this.readString();
        continue;
      }
      this.at += 1;
    } while (open > 0);
    return true;
  }

  private readString(): string {
    const { text, at } = this;
    if (text[at] !== '"') this.fail();
    let end = at + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    this.at = end + 1;
    // `JSON.parse` reads a lone string correctly: the bug affects names of objects only.
    try {
      return JSON.parse(text.slice(at, end + 1)) as string;
    } catch (error) {
      const within = /at position (\d+)/.exec((error as Error).message)?.[1];
      this.at = within === undefined ? text.length : at + Number(within);
      this.fail();
    }
  }

  private readWord(word: string, value: JsonValue): JsonValue {
    if (!this.text.startsWith(word, this.at)) this.fail();
    this.at += word.length;
    return value;
  }

  private match(token: RegExp): string {
    token.lastIndex = this.at;
    const found = token.exec(this.text)?.[0] ?? this.fail();
    this.at += found.length;
    return found;
  }

  private skipSpace(): void {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text[this.at]!)) this.at += 1;
  }

  private fail(): never {
    throw new SyntaxError(
      this.at >= this.text.length
        ? 'Unexpected end of JSON input'
        : `Unexpected token at position ${this.at}`,
    );
  }
}

/** `__proto__` as a name is data like any other, and must not become the object's prototype. */
export function defineMember(object: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
