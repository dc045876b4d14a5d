import { expect, test } from 'vitest';

import { formatJson, layOutJson } from './format-json.ts';

test('lays JSON out and keeps its digits', () => {
  expect(layOutJson('{"a":[1.10,{}],"b":"x, {y}: \\"z\\"","c":[]}')).toBe(
    '{\n  "a": [\n    1.10,\n    {}\n  ],\n  "b": "x, {y}: \\"z\\"",\n  "c": []\n}',
  );
});

test('shows a text that is not JSON as it is', () => {
  expect(layOutJson('{"a":<b>')).toBe('{"a":<b>');
});

test('deep levels do not grow the text without bound', () => {
  const deep = '['.repeat(5_000) + ']'.repeat(5_000);
  expect(layOutJson(deep).length).toBeLessThan(1_000_000);
});

test('knows names from values', () => {
  expect(formatJson('{"a":"a"}').map(({ kind }) => kind)).toEqual([
    'mark',
    'name',
    'mark',
    'text',
    'mark',
  ]);
});
