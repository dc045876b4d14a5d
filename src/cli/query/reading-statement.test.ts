import { expect, it } from 'vitest';

import { isReadingStatement } from './reading-statement.ts';

it.each([
  'select 1',
  ' \n SELECT 1',
  '-- why\n/* and */ with a as (select 1) select * from a',
  'values (1)',
  'explain select 1',
  'pragma table_info(events)',
])('%j reads', (sql) => {
  expect(isReadingStatement(sql)).toBe(true);
});

it.each([
  "attach '/tmp/other.db' as other",
  "vacuum into '/tmp/other.db'",
  "; vacuum into '/tmp/other.db'",
  "/* select */ attach 'x' as y",
  '-- select 1',
  'selected',
  'delete from events',
  'create temp table t (a)',
  '',
])('%j is refused', (sql) => {
  expect(isReadingStatement(sql)).toBe(false);
});
