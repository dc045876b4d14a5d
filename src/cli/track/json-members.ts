/** The members of a JSON object, with their values as written. */
export interface JsonMembers {
  readonly texts: ReadonlyMap<string, string>;
  /** A repeated name. `JSON.parse` would silently drop the first value. */
  readonly repeated: string | undefined;
}

/**
 * Splits the text of a JSON object into its members. The text must be valid JSON: the caller has
 * parsed it. Numbers keep all their digits, which parsing would round.
 */
export function jsonMembers(text: string): JsonMembers {
  const texts = new Map<string, string>();
  let repeated: string | undefined;
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (text.charCodeAt(at) === quote) {
    const nameEnd = skipString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    if (texts.has(name)) repeated ??= name;
    texts.set(name, text.slice(start, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== comma) break;
    at = skipSpace(text, at + 1);
  }
  return { texts, repeated };
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at += 1;
  }
}

function skipString(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === quote || Number.isNaN(code)) return at + 1;
    at += code === backslash ? 2 : 1;
  }
}

/** Past an object or an array by counting brackets outside strings; past a scalar by its end. */
function skipValue(text: string, from: number): number {
  let at = from;
  let depth = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = skipString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === comma || skipSpace(text, at) !== at)) return at;
    at += 1;
  }
  return at;
}
