import { expect, test } from 'vitest';

import { encodeLines, piecesOf } from './tab-separated.ts';

test.each([
  ['of ASCII', ['a\tb\n', '\n', 'longer\n']],
  ['with longer characters', ['ä\tb\n', 'c\n', '😀\n', 'd\n']],
])('each line is its own part of the bytes: %s', (_name, lines) => {
  const rows = encodeLines(lines);
  const texts = rows.map(({ bytes, start, end }) => bytes.subarray(start, end).toString());
  expect(texts).toEqual(lines);
});

test('rows that follow one another are one piece; any others stay in their order', () => {
  const [one, two, three] = encodeLines(['1\n', 'é\n', '3\n']);
  const [four] = encodeLines(['4\n']);
  const textsOf = (...rows: Parameters<typeof piecesOf>[0]): string[] =>
    [...piecesOf(rows)].map(String);
  expect(textsOf(one!, two!, three!, four!)).toEqual(['1\né\n3\n', '4\n']);
  expect(textsOf(three!, one!, two!)).toEqual(['3\n', '1\né\n']);
  expect(textsOf()).toEqual([]);
});
