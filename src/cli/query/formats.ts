import type { QueryRows, Value } from './warehouse-reader.ts';

/** Writes the answer piece by piece, so that a slow reader slows the query down. */
export type QueryFormat = (answer: QueryRows) => Iterable<string>;

/** One JSON array with an object for each row, one row per line. */
export function* jsonFormat({ columns, rows }: QueryRows): Generator<string> {
  const names = distinct(columns).map((name) => JSON.stringify(name));
  let before = '[\n';
  for (const row of rows) {
    const members = names.map((name, index) => `${name}:${jsonOf(row[index] ?? null)}`);
    yield `${before}{${members.join(',')}}`;
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

/** Columns with the same name would become one member of an object. */
function distinct(columns: readonly string[]): string[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    let name = column;
    for (let count = 2; taken.has(name); count += 1) name = `${column}_${count}`;
    taken.add(name);
    return name;
  });
}

function jsonOf(value: Value): string {
  // JSON numbers may have any number of digits.
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value));
  return JSON.stringify(value instanceof Uint8Array ? blobText(value) : value);
}

/** As SQLite writes a blob. */
export function blobText(value: Uint8Array): string {
  return `x'${Buffer.from(value).toString('hex')}'`;
}

/** RFC 4180. NULL is empty and the empty text is "", so that they differ. */
export function* csvFormat({ columns, rows }: QueryRows): Generator<string> {
  yield `${columns.map(csvOf).join(',')}\r\n`;
  for (const row of rows) yield `${row.map(csvOf).join(',')}\r\n`;
}

function csvOf(value: Value): string {
  if (value === null) return '';
  const text = value instanceof Uint8Array ? blobText(value) : String(value);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
