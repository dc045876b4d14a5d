/** A piece of JSON text with what it is, for colours. */
export interface JsonPart {
  readonly kind: 'name' | 'text' | 'number' | 'word' | 'mark';
  readonly text: string;
}

/** Deeper levels are not indented further. */
const indentMax = 40;

const token = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/**
 * Lays JSON text out in lines, two spaces a level, without reading its numbers: they keep every digit.
 * A text that is not JSON is returned as it is, as one part.
 */
export function formatJson(json: string): JsonPart[] {
  if (!isJson(json)) return [{ kind: 'word', text: json }];
  const tokens = json.match(token) ?? [];
  const parts: JsonPart[] = [];
  let level = 0;
  const line = (): string => `\n${'  '.repeat(Math.min(level, indentMax))}`;
  for (const [index, text] of tokens.entries()) {
    const next = tokens[index + 1];
    if (text === '{' || text === '[') {
      level += 1;
      const isEmpty = next === '}' || next === ']';
      parts.push({ kind: 'mark', text: isEmpty ? text : text + line() });
    } else if (text === '}' || text === ']') {
      level -= 1;
      const before = tokens[index - 1];
      parts.push({ kind: 'mark', text: before === '{' || before === '[' ? text : line() + text });
    } else if (text === ',') parts.push({ kind: 'mark', text: `,${line()}` });
    else if (text === ':') parts.push({ kind: 'mark', text: ': ' });
    else parts.push({ kind: kindOf(text, next), text });
  }
  return parts;
}

/** The same as one text. */
export function layOutJson(json: string): string {
  return formatJson(json)
    .map(({ text }) => text)
    .join('');
}

function kindOf(text: string, next: string | undefined): JsonPart['kind'] {
  if (text.startsWith('"')) return next === ':' ? 'name' : 'text';
  return /^[tfn]/.test(text) ? 'word' : 'number';
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
