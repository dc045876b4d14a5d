import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import { openWalDatabase } from '../../src/destinations/local-files/wal-database.ts';
import { destinationTypeOf, destinationTypes } from '../../src/destinations/registry.ts';
import { StartError } from '../../src/errors.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'headgate-opened-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a new database that is opened by several at the same moment opens for each', async () => {
  const threads = 3;
  const files = Array.from({ length: 60 }, (_one, index) => path.join(folder, `${index}`, 'x.db'));
  const turns = new Int32Array(new SharedArrayBuffer(4 * files.length));
  const program = new URL('./opened-together.program.ts', import.meta.url);
  const faults = await Promise.all(
    Array.from({ length: threads }, async () => {
      const thread = new Worker(program, { workerData: { files, turns, threads } });
      const [found] = (await once(thread, 'message')) as [string[]];
      return found;
    }),
  );
  expect(faults.flat()).toEqual([]);
  for (const file of files) {
    const database = new DatabaseSync(file);
    expect(database.prepare('SELECT count(*) AS n FROM opened').get()).toEqual({ n: threads });
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
});

test('a database that another holds for longer is given up, and is not left open', () => {
  const file = path.join(folder, 'x.db');
  const other = new DatabaseSync(file);
  other.exec('BEGIN EXCLUSIVE');
  expect(() => openWalDatabase(file, 60, () => {})).toThrow(/locked/);
  other.close();
  openWalDatabase(file, 60, () => {}).close();
});

describe('a place that cannot be used stops the start with a sentence', () => {
  test.each([
    ['journal', 'type: bigquery, project: my-project-1, dataset: d'],
    ['spool', 'type: snowflake, account: a-b, user: u, password: p, warehouse: w, database: d'],
  ])('%s', async (setting, given) => {
    writeFileSync(path.join(folder, 'file'), '');
    mkdirSync(path.join(folder, 'dir', 'journal.db'), { recursive: true });
    const at = path.join(folder, 'file', 'below');
    const text = `destinations: { wh: { ${given}, ${setting}: "${at}" } }`;
    const { destinations } = readConfig({
      env: {},
      readFile: () => text,
      destinationTypes,
      configFile: undefined,
    });
    const { type, name, settings } = destinations[0]!;
    const opening = async () => destinationTypeOf(type).create(name, settings);
    const error = await opening().catch((fault: unknown) => fault);
    expect(error).toBeInstanceOf(StartError);
    expect(String(error)).toContain(`destinations.wh.${setting}: cannot use ${at}`);
    expect(String(error)).toMatch(/ENOTDIR|EEXIST/);
  });
});
