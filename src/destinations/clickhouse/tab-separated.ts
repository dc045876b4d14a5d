/*
 * The form of rows in an insert: https://clickhouse.com/docs/interfaces/formats/TabSeparated. JSON in it needs no
 * escapes for its quotes, as it does in the formats of JSON.
 */

export const tsvNull = '\\N';

// A tab or a line feed would end the value, and a backslash begins an escape.
// oxlint-disable-next-line no-control-regex
const special = /[\\\t\n\r\0]/;
// oxlint-disable-next-line no-control-regex
const everySpecial = /[\\\t\n\r\0]/g;

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\\0',
};

export function tsvText(text: string): string {
  return special.test(text) ? text.replace(everySpecial, (found) => escapes[found]!) : text;
}

/** The line of a row: a part of a buffer that holds those of other rows, too. */
export interface RowBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Encodes lines together, which takes less than one by one. */
export function encodeLines(lines: readonly string[]): RowBytes[] {
  const text = lines.join('');
  const bytes = Buffer.from(text);
  // As long as the text is ASCII, a character is a byte.
  const isAscii = bytes.length === text.length;
  let end = 0;
  return lines.map((line) => {
    const start = end;
    end += isAscii ? line.length : Buffer.byteLength(line);
    return { bytes, start, end };
  });
}

/** The lines of rows, in as few pieces as they are in. */
export function* piecesOf(rows: readonly RowBytes[]): Generator<Buffer> {
  let [piece] = rows;
  if (piece === undefined) return;
  for (const row of rows.slice(1)) {
    if (row.bytes === piece.bytes && row.start === piece.end) {
      piece = { ...piece, end: row.end };
    } else {
      yield piece.bytes.subarray(piece.start, piece.end);
      piece = row;
    }
  }
  yield piece.bytes.subarray(piece.start, piece.end);
}
