import { expect, test } from 'vitest';
import { readTableSettings } from './table-mode.ts';

test.each([
  ['hg_', true],
  ['headgate_', true],
  ['a'.repeat(16), true],
  ['a'.repeat(17), false],
  ['Hg_', false],
  ['_', false],
  ['sqlite_', false],
  ['sqlite_a', false],
  ['pg_', false],
])('a prefix of tables %s: %s', (prefix, isTaken) => {
  expect(readTableSettings({ table_prefix: prefix })?.prefix === prefix).toBe(isTaken);
});
