import Table from 'cli-table3';

import { blobText } from './formats.ts';
import type { QueryRows, Value } from './warehouse-reader.ts';

/** A table is laid out in memory, so its rows are limited. */
const tableRowsMax = 1_000;

/** A table cut to the width of a terminal, or record by record if its columns do not fit. */
export function* tableFormat(answer: QueryRows, width: number): Generator<string> {
  const rows: string[][] = [];
  let isCut = false;
  for (const row of answer.rows) {
    isCut = rows.length === tableRowsMax;
    if (isCut) break;
    rows.push(row.map(cellOf));
  }
  const heads = answer.columns.map(cellOf);
  const widths = fitWidths([heads, ...rows], width);
  if (widths === undefined) yield* recordsOf(heads, rows, width);
  else if (heads.length > 0) yield `${layOut(heads, rows, widths)}\n`;
  yield isCut
    ? `The first ${tableRowsMax} rows; there are more. Add a limit, or --json for all.\n`
    : `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}\n`;
}

function layOut(head: string[], rows: readonly string[][], colWidths: number[]): string {
  const colAligns = head.map((_column, index) =>
    rows.every((row) => /^(-?[\d.e+-]+|NULL)$/.test(row[index]!)) ? 'right' : 'left',
  );
  const style = { head: [], border: [], compact: true };
  const table = new Table({ head, colWidths, colAligns, style });
  table.push(...rows);
  return table.toString();
}

function* recordsOf(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): Generator<string> {
  const nameWidth = Math.max(...heads.map((head) => head.length)) + 1;
  for (const [index, row] of rows.entries()) {
    yield `── row ${index + 1} ${'─'.repeat(Math.max(0, Math.min(width, 40) - 10))}\n`;
    for (const [column, cell] of row.entries()) {
      yield `${heads[column]!.padEnd(nameWidth)} ${cutTo(cell, width - nameWidth - 1)}\n`;
    }
  }
}

function cutTo(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Control characters in data must not reach the terminal. */
function cellOf(value: Value): string {
  if (value === null) return 'NULL';
  const text = value instanceof Uint8Array ? blobText(value) : String(value);
  return text.slice(0, cellCharactersMax).replaceAll(/\p{C}/gu, ' ');
}

const cellCharactersMax = 500;
/** A space on both sides. */
const paddingWidth = 2;
/** A narrower column shows too little to be useful. */
const columnWidthMin = 12;

/** Shrinks the widest columns first. Undefined if even the narrowest table is too wide. */
function fitWidths(rows: readonly (readonly string[])[], width: number): number[] | undefined {
  const wanted = rows[0]!.map(
    (_cell, index) => Math.max(1, ...rows.map((row) => displayWidth(row[index]!))) + paddingWidth,
  );
  const room = width - (wanted.length + 1);
  let bound = Math.max(columnWidthMin, ...wanted);
  const sum = (): number => wanted.reduce((total, each) => total + Math.min(each, bound), 0);
  while (bound > columnWidthMin && sum() > room) bound -= 1;
  return sum() > room ? undefined : wanted.map((each) => Math.min(each, bound));
}

/** Ideographs and emoji take two columns. Counting all beyond Latin so wastes little space. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += character.codePointAt(0)! >= 0x1100 ? 2 : 1;
  return width;
}
