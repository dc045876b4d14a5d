import { DatabaseSync } from 'node:sqlite';

import { expect, test } from 'vitest';

import { warehouseQuery } from './warehouse-query.ts';

/** The statement, as a shell passes it on. */
function statementOf(command: string): string {
  const [, plain, quoted] = /^headgate query (?:"([^"]*)"|('.*'))$/.exec(command)!;
  if (quoted !== undefined) return quoted.slice(1, -1).replaceAll("'\\''", "'");
  // Between double quotes these would mean something; `$.` does not.
  expect(plain).not.toMatch(/[`\\!]|\$[^.]/);
  return plain!;
}

test('a text by its name is compared at this name', () => {
  expect(warehouseQuery('order_id=A-9999')).toBe(
    `headgate query "select * from events where properties->>'$.order_id' = 'A-9999'"`,
  );
});

test('a text without a name is searched in all properties', () => {
  expect(warehouseQuery('A-9999')).toBe(
    `headgate query "select * from events where instr(properties, 'A-9999')"`,
  );
});

test.each([
  ['A-9999', { order_id: 'A-9999' }],
  ['order_id=A-9999', { order_id: 'A-9999' }],
  ['cart.id=A-9999', { cart: { id: 'A-9999' } }],
  ['total=12.5', { total: 12.5 }],
  ['is_gift=true', { is_gift: true }],
  ['12', { total: 12 }],
  ["name=O'Neill", { name: "O'Neill" }],
  ['price=$HOME!', { price: '$HOME!' }],
  ['order id=`A`', { note: 'order id=`A`' }],
  ['dGV4dA==', { digest: 'dGV4dA==' }],
  ['=A', { text: '=A' }],
])('what is suggested for %j finds %j alone', (searched, properties) => {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE events (event_id INTEGER, properties TEXT)');
  const insert = database.prepare('INSERT INTO events VALUES (?, ?)');
  insert.run(1, JSON.stringify({ other: 'x' }));
  insert.run(2, JSON.stringify(properties));
  const rows = database.prepare(statementOf(warehouseQuery(searched))).all();
  database.close();
  expect(rows.map((row) => row['event_id'])).toEqual([2]);
});
