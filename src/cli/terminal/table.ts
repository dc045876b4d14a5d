import Table from 'cli-table3';

import { oneLine } from './print.ts';

/** Where a table goes: `process.stdout`. */
export interface TableStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** A table that is written row by row. */
export interface TableWriter {
  /** Text of other systems is made harmless (`oneLine`). */
  row(cells: readonly string[]): void;
  end(): void;
}

/**
 * Every table that a command prints: on a terminal it has frames, and is written at its end. Elsewhere it
 * is one line per row with tabs between the cells, each written at once; the headings are the first line.
 * A table without rows is not written.
 *
 * @param numbers headings of columns that are aligned to the right.
 */
export function createTable(
  headings: readonly string[],
  stream: TableStream = process.stdout,
  numbers: readonly string[] = [],
): TableWriter {
  const isTerminal = stream.isTTY === true;
  const rows: string[][] = [];
  let hasHeadings = false;
  const writeLine = (cells: readonly string[]): void => void stream.write(`${cells.join('\t')}\n`);
  return {
    row: (cells) => {
      const line = cells.map(oneLine);
      if (isTerminal) {
        rows.push(line);
        return;
      }
      if (!hasHeadings) writeLine(headings);
      hasHeadings = true;
      writeLine(line);
    },
    end: () => {
      if (rows.length === 0) return;
      const table = new Table({
        head: [...headings],
        colAligns: headings.map((heading) => (numbers.includes(heading) ? 'right' : 'left')),
        style: { head: [], border: [], compact: true },
      });
      table.push(...rows);
      stream.write(`${table.toString()}\n`);
    },
  };
}

/** The text of a cell. It is cut on a terminal only: a program that reads lines needs all of it. */
export function cellText(
  text: string,
  charactersMax: number,
  { isTTY }: Pick<TableStream, 'isTTY'> = process.stdout,
): string {
  if (isTTY !== true || text.length <= charactersMax) return text;
  return `${text.slice(0, charactersMax - 1)}…`;
}

/** A table whose rows are there. */
export function printTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  stream?: TableStream,
  numbers?: readonly string[],
): void {
  const table = createTable(headings, stream, numbers);
  for (const row of rows) table.row(row);
  table.end();
}
