import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { cellText, createTable, printTable } from './table.ts';

function written(isTTY: boolean, rows: readonly string[][]): string {
  let text = '';
  printTable(['name', 'count'], rows, { isTTY, write: (part) => (text += part) }, ['count']);
  return text;
}

const rows = [
  ['a', '1'],
  ['b\tc\n\u001b[31m', '20'],
];

test('into a pipe: the headings, then a line for each row, with tabs between the cells', () => {
  expect(written(false, rows)).toBe('name\tcount\na\t1\nb c  [31m\t20\n');
});

test('on a terminal: the same cells, framed', () => {
  const lines = written(true, rows).split('\n');
  expect(lines.find((line) => line.includes('name'))).toMatch(/│ name +│ count │/);
  expect(lines.find((line) => line.includes('20'))).toMatch(/│ b c {2}\[31m │ +20 │/);
});

test('without rows nothing is written', () => {
  expect(written(false, [])).toBe('');
  expect(written(true, [])).toBe('');
});

test('into a pipe each row is written at once', () => {
  const parts: string[] = [];
  const table = createTable(['a'], { isTTY: false, write: (part) => void parts.push(part) });
  table.row(['1']);
  expect(parts.join('')).toBe('a\n1\n');
  table.row(['2']);
  table.end();
  expect(parts.join('')).toBe('a\n1\n2\n');
});

test('a cell is cut on a terminal only', () => {
  expect(cellText('set allow_private', 10, { isTTY: true })).toBe('set allow…');
  expect(cellText('set allow_private', 10, { isTTY: false })).toBe('set allow_private');
  expect(cellText('set allow', 10, { isTTY: true })).toBe('set allow');
});

test('every command prints its tables by this one', () => {
  const cli = fileURLToPath(new URL('../', import.meta.url));
  const files = readdirSync(cli, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const having = (pattern: RegExp): string[] =>
    files.filter((name) => pattern.test(readFileSync(`${cli}${name}`, 'utf8'))).sort();
  // `query` has formats of its own, and `tail` prints lines as events come, without headings.
  expect(having(/cli-table3|join\('\\t'\)/)).toEqual([
    'query/table.ts',
    'tail/lines.ts',
    'terminal/table.ts',
  ]);
  // The table of `audit` is written on a terminal only.
  expect(having(/…/)).toEqual(['audit/output.ts', 'query/table.ts', 'terminal/table.ts']);
});
