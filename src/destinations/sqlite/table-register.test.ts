import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { planTable, type TablePlan } from '../tables/plan-table.ts';
import { makeTable, missingStatements } from './table-register.ts';
import { sqliteDialect } from './typed-statements.ts';

function plan(...types: string[]): TablePlan {
  const schemas = types.map((type) => ({ type: 'object', properties: { amount: { type } } }));
  return planTable({ name: 'order_seen', schemas }, { dialect: sqliteDialect });
}

test('a column that somebody renamed in upper case is the same column', () => {
  using database = new DatabaseSync(':memory:');
  makeTable(database, plan('integer'));
  database.exec('ALTER TABLE order_seen RENAME COLUMN amount TO "AMOUNT"');
  expect(missingStatements(database, plan('integer'))).toEqual([]);
});

test('a view that somebody dropped is made again, and a table in its place stays', () => {
  using database = new DatabaseSync(':memory:');
  const made = plan('integer', 'string');
  makeTable(database, made);
  database.exec('DROP VIEW order_seen_all');
  expect(missingStatements(database, made)).toEqual([expect.stringContaining('CREATE VIEW')]);
  database.exec('CREATE TABLE order_seen_all (id)');
  expect(() => makeTable(database, made)).toThrow(
    '"order_seen_all" is a table, and Headgate keeps a view of this name',
  );
});
