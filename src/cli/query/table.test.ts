import { describe, expect, it } from 'vitest';

import { csvFormat, jsonFormat } from './formats.ts';
import { tableFormat } from './table.ts';
import type { Value } from './warehouse-reader.ts';

const answer = (columns: string[], ...rows: Value[][]) => ({ columns, rows });
const table = (width: number, columns: string[], ...rows: Value[][]): string =>
  [...tableFormat(answer(columns, ...rows), width)].join('');

describe('tableFormat', () => {
  it('cuts the widest columns to the width of the terminal', () => {
    const text = table(50, ['id', 'long', 'n'], ['a-1', 'x'.repeat(300), 7n], ['a-2', null, 1000n]);
    expect(text.split('\n')).toEqual([
      '┌─────┬───────────────────────────────────┬──────┐',
      '│ id  │ long                              │    n │',
      '├─────┼───────────────────────────────────┼──────┤',
      `│ a-1 │ ${'x'.repeat(32)}… │    7 │`,
      '│ a-2 │ NULL                              │ 1000 │',
      '└─────┴───────────────────────────────────┴──────┘',
      '2 rows',
      '',
    ]);
  });

  it('shows rows with too many columns record by record', () => {
    const columns = ['first', 'second_one', 'third'];
    const text = table(30, columns, ['a'.repeat(40), 'b'.repeat(20), 'c'.repeat(20)]);
    expect(text.split('\n')).toEqual([
      '── row 1 ────────────────────',
      `first       ${'a'.repeat(17)}…`,
      `second_one  ${'b'.repeat(17)}…`,
      `third       ${'c'.repeat(17)}…`,
      '1 row',
      '',
    ]);
  });

  it('removes control characters', () => {
    const text = table(60, ['a\u001b[2J'], ['\u001b]0;title\u0007\r\n\u202e']);
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });

  it('reports when there are more rows', () => {
    const rows = Array.from({ length: 1_001 }, () => [1n]);
    expect(table(60, ['a'], ...rows)).toContain('The first 1000 rows; there are more.');
    expect(table(60, ['a'], ...rows.slice(1))).toContain('1000 rows');
    expect(table(60, ['a'])).toContain('0 rows');
    expect(table(60, [])).toBe('0 rows\n');
  });
});

describe('jsonFormat', () => {
  it('writes values of SQLite that JSON does not have', () => {
    const columns = ['a', 'a', 'b', 'c', 'd'];
    const row = [2n ** 62n, Infinity, new Uint8Array([0, 255]), 'x\u2028"', null];
    const text = [...jsonFormat(answer(columns, row))].join('');
    expect(text).toBe(
      `[\n{"a":4611686018427387904,"a_2":"Infinity","b":"x'00ff'","c":"x\u2028\\"","d":null}\n]\n`,
    );
    expect([...jsonFormat(answer(columns))].join('')).toBe('[]\n');
  });
});

describe('csvFormat', () => {
  it('quotes cells that need it', () => {
    const text = [...csvFormat(answer(['a,b', 'c'], ['x"y\n', 1n], ['', null]))].join('');
    expect(text).toBe('"a,b",c\r\n"x""y\n",1\r\n"",\r\n');
  });
});
