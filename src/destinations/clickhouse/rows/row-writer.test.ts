import { expect, test } from 'vitest';

import { piecesOf, type RowBytes } from './row-writer.ts';
import { TextRows } from './tab-separated.ts';

function write(rows: TextRows, ...cells: string[]): RowBytes {
  for (const cell of cells) rows.text(cell);
  return rows.finish();
}

const textOf = ({ bytes, start, end }: RowBytes): string => bytes.toString('utf8', start, end);

test('each row is its own part of the bytes, with any characters', () => {
  const rows = new TextRows();
  const written = [write(rows, 'a\tb', ''), write(rows, '😀', 'ä'), write(rows, 'c')];
  expect(written.map(textOf)).toEqual(['a\\tb\t\n', '😀\tä\n', 'c\n']);
});

test('a row that is dropped leaves nothing', () => {
  const rows = new TextRows();
  const first = write(rows, '1');
  rows.text('half of a row');
  rows.drop();
  expect([first, write(rows, '2')].map(textOf)).toEqual(['1\n', '2\n']);
});

test('rows are whole where buffers end, also those that are longer than a buffer', () => {
  const rows = new TextRows();
  const lengths = [10_000, 10_000, 300_000, 300_000, 2_000_000, 5];
  const cells = lengths.map((length) => ['begun', 'x'.repeat(length), 'y']);
  const written = cells.map((each) => write(rows, ...each));
  expect(written.map(textOf)).toEqual(cells.map((each) => `${each.join('\t')}\n`));
});

test('pieces are rows in their order, and small ones come together', () => {
  const rows = new TextRows();
  const written = Array.from({ length: 5_000 }, (_, at) => write(rows, `${at}${'-'.repeat(40)}`));
  const textsOf = (some: readonly RowBytes[]): string => [...piecesOf(some)].map(String).join('');
  const [one, two, three] = written as [RowBytes, RowBytes, RowBytes];
  expect([...piecesOf([one, two, three])].map(String)).toEqual([
    [one, two, three].map(textOf).join(''),
  ]);
  expect(textsOf([three, one, two])).toBe([three, one, two].map(textOf).join(''));
  // Every second row, so that no two follow one another, and then rows that do.
  const odd = written.filter((_row, at) => at % 2 === 1);
  const mixed = [...odd, ...written];
  expect(textsOf(mixed)).toBe(mixed.map(textOf).join(''));
  expect([...piecesOf(mixed)].length).toBeLessThan(12);
  expect([...piecesOf([])]).toEqual([]);
});
