import { expect, test } from 'vitest';

import { warehouseQuery } from './warehouse-query.ts';

const queryOf = (pattern: string): string =>
  `headgate query "select * from events where properties like '%${pattern}%'"`;

test.each([
  ['A-9999', 'A-9999'],
  ['order_id=A-9999', 'order_id%A-9999'],
  ['cart.total=12.50', 'cart.total%12.50'],
  ['=x', 'VALUE'],
  ['a=b=c', 'VALUE'],
])('a query for %s has its name and value', (property, pattern) => {
  expect(warehouseQuery(property)).toBe(queryOf(pattern));
});

test.each(["o'clock", '$(reboot)', '`id`', '"', 'a b', 'x'.repeat(101), 'n=a\nb', '%'])(
  'a query has nothing of %j, which a shell or SQL could read in another way',
  (property) => {
    expect(warehouseQuery(property)).toBe(queryOf('VALUE'));
  },
);
