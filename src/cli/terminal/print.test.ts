import { expect, test } from 'vitest';

import { oneLine, visible } from './print.ts';

test.each([
  ['a\u200bb', 'a\\u200bb'],
  ['\ufeffa', '\\ufeffa'],
  ['a\u202eb', 'a\\u202eb'],
  ['a\u200db', 'a\\u200db'],
  ['a\u{e0041}', 'a\\u{e0041}'],
  ['👩‍👧 Joined', '👩‍👧 Joined'],
  ['Größe', 'Größe'],
  ['\u001b[31m\u0007', ' [31m '],
])('%j is shown as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test('lines stay, unless one is asked for', () => {
  expect([visible('a\nb'), oneLine('a\nb')]).toEqual(['a\nb', 'a b']);
});
