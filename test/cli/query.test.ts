import { once } from 'node:events';
import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { startRealService, type RealService } from '../real-service.ts';
import { openFolder, orderLine, type Folder } from './orders.ts';
import { runCli, spawnCli } from './run-cli.ts';

let running: RealService;
let folder: Folder;

const total = '12345678901234567.125';
const eventCount = 50;

const query = (...args: string[]) =>
  runCli(['query', ...args], { env: { HEADGATE_DATA_DIR: running.dataDir } });

beforeAll(async () => {
  running = await startRealService();
  folder = await openFolder();
  const lines = Array.from({ length: eventCount }, (_, index) => orderLine(index));
  lines[0] = lines[0]!.replace(/"total":[\d.]+/, `"total":${total}`);
  await runCli(['track', '-'], { env: { HEADGATE_URL: running.url }, input: lines.join('\n') });
  const count = async (): Promise<string> =>
    (await query('select count(*) as n from events')).stdout.replaceAll('\n', '');
  await vi.waitUntil(async () => (await count()) === `[{"n":${eventCount}}]`, { timeout: 20_000 });
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe('headgate query', () => {
  it('prints a JSON array without a terminal, while the gate writes', async () => {
    const answer = await query('select event_name, sequence from events order by sequence');
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    const rows = JSON.parse(answer.stdout) as unknown[];
    expect(rows).toHaveLength(eventCount);
    expect(rows[0]).toMatchObject({ event_name: 'order_completed', sequence: 1 });
  });

  it('keeps all digits of integers, and of numbers in properties', async () => {
    const answer = await query(
      'select 9007199254740993 as n, properties as p from events where sequence = 1',
    );
    expect(answer.stdout).toContain('"n":9007199254740993');
    expect(answer.stdout).toContain(String.raw`\"total\":${total}`);
  });

  it('prints a table and CSV on request', async () => {
    const sql = "select user_id, 'a\"b' as q, null as none from events order by sequence limit 2";
    const table = await query(sql, '--table');
    expect(table.stdout).toContain('│ user_id │ q   │ none │');
    expect(table.stdout).toContain('│ u-0     │ a"b │ NULL │');
    expect(table.stdout).toContain('2 rows');
    const csv = await query(sql, '--csv');
    expect(csv.stdout).toBe('user_id,q,none\r\nu-0,"a""b",\r\nu-1,"a""b",\r\n');
  });

  it.each([
    'delete from events',
    'update events set source = 1',
    'create table t (a)',
    'create temp table t (a)',
    'drop table events',
    "attach '/tmp/headgate-never.db' as other",
    'pragma user_version = 9',
    "vacuum into '/tmp/headgate-never.db'",
  ])('refuses to write: %s', async (sql) => {
    const answer = await query(sql);
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toMatch(/^headgate: The warehouse is open for reading only.*\n$/);
    expect(existsSync('/tmp/headgate-never.db')).toBe(false);
  });

  it.each([
    ['select nope from events', 'SQLite: no such column: nope.'],
    ['selec 1', 'SQLite: near "selec": syntax error.'],
    ['select 1; delete from events', 'more than one statement'],
    ['', 'no statements'],
  ])('tells what is wrong with %j', async (sql, sentence) => {
    const answer = await query(sql);
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toContain(sentence);
    expect(answer.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('reports the path if the warehouse does not exist', async () => {
    const answer = await runCli(['query', 'select 1', '--db', '/nowhere/warehouse.db']);
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toContain('There is no warehouse at /nowhere/warehouse.db.');
    const text = await folder.write('text.db', 'a text, however long it may be. '.repeat(100));
    expect((await query('select 1 from events', '--db', text)).stderr).toContain(
      `${text} is not a SQLite database.`,
    );
  });

  it('stops quietly when its reader has seen enough', async () => {
    const endless =
      'with recursive n(i) as (select 1 union all select i + 1 from n) select i from n';
    const child = spawnCli(['query', endless], { HEADGATE_DATA_DIR: running.dataDir });
    let complaint = '';
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (complaint += chunk));
    const [first] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^\[\n\{"i":1\},\n\{"i":2\},\n/);
    child.stdout!.destroy();
    const [code] = await once(child, 'close');
    expect([code, complaint]).toEqual([0, '']);
  });
});
