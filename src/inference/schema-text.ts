import { isJsonObject, type JsonValue } from '../event/json/json.ts';

const columnsMax = 100;

/** JSON for people: what fits on a line is on one. */
export function schemaText(schema: JsonValue): string {
  return `${textOf(schema, 0, 0)}\n`;
}

/** `before`: the columns of the line that are taken. */
function textOf(value: JsonValue, indent: number, before: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const line = lineOf(value);
  if (indent > 0 && before + line.length <= columnsMax) return line;
  const inner = ' '.repeat(indent + 2);
  const end = ' '.repeat(indent);
  if (Array.isArray(value)) {
    const items = value.map((item) => `${inner}${textOf(item, indent + 2, indent + 3)}`);
    return items.length === 0 ? '[]' : `[\n${items.join(',\n')}\n${end}]`;
  }
  const members = Object.entries(value).map(([name, member]) => {
    const head = `${inner}${JSON.stringify(name)}: `;
    return head + textOf(member, indent + 2, head.length + 1);
  });
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${end}}`;
}

function lineOf(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(lineOf).join(', ')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value);
  if (members.length === 0) return '{}';
  return `{ ${members.map(([name, inner]) => `${JSON.stringify(name)}: ${lineOf(inner)}`).join(', ')} }`;
}
