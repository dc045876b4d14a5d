import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { sqliteView } from '../../../src/destinations/sqlite/typed-statements.ts';
import type { PlannedViewColumn, TablePlan } from '../../../src/destinations/tables/plan-table.ts';
import { eventColumns } from '../../../src/destinations/tables/event-columns.ts';

/* Analysts read a file with the SQLite of their system: up to 3.50 it casts a double to text with 15 digits. */

const digits = [
  0.1,
  0.30000000000000004,
  123456789.12345678,
  1e-7,
  2 / 3,
  -2.5,
  3,
  1234567890123456,
];

function readBySystem(file: string, query: string): string[] {
  const { status, stdout, stderr } = spawnSync('sqlite3', [file, query], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.trim().split('\n');
}

test('texts of a view have all digits of doubles, in any SQLite', ({ skip }) => {
  if (spawnSync('sqlite3', ['--version']).status !== 0) skip('there is no sqlite3 here');
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-view-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'w.db');
  const database = new DatabaseSync(file);
  const columns = eventColumns.map(({ name }) => `"${name}" TEXT`);
  database.exec(`CREATE TABLE t (${columns.join(', ')}, v REAL, n ANY, v_v2 TEXT) STRICT`);
  const column = (name: string, kind: string) => ({ name, type: { kind } });
  const view = {
    name: 't_all',
    newest: 2,
    columns: [
      { name: 'a', columns: [column('v_v2', 'text'), column('v', 'double')] },
      { name: 'b', columns: [column('v_v2', 'text'), column('n', 'number')] },
    ] as unknown as PlannedViewColumn[],
  };
  database.exec(sqliteView({ table: 't', view } as unknown as TablePlan)!);
  const insert = database.prepare('INSERT INTO t (v, n) VALUES (?, ?)');
  for (const value of digits) insert.run(value, value);
  database.close();
  for (const name of ['a', 'b']) {
    const texts = readBySystem(file, `SELECT ${name} FROM t_all`);
    expect(texts.map(Number)).toEqual(digits);
    expect(texts.slice(0, 2)).toEqual(['0.1', '0.30000000000000004']);
    expect(texts.slice(5, 7)).toEqual(['-2.5', '3']);
  }
});
