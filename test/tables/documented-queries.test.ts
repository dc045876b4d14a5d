import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished, test } from 'vitest';

import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { whyNoEngine } from '../clickhouse/engine.ts';
import { parquetSettings } from '../destinations/parquet-far-side.ts';
import { checkQueries, documentedSetup } from './documented-queries.ts';
import { startClickhouseEngine } from './engines.ts';

/* Of SQLite and PostgreSQL: evolution.test.ts. */

test('ClickHouse: the ten queries of the page answer as they are', async ({ skip }) => {
  const missing = whyNoEngine();
  if (missing !== undefined) skip(missing);
  const engine = await startClickhouseEngine();
  onTestFinished(() => engine.close());
  for (const statement of documentedSetup('SET final')) await engine.run(statement);
  await expect(checkQueries(engine)).resolves.toBeUndefined();
});

test('DuckDB over Parquet: the ten queries of the page answer as they are', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-queries-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  onTestFinished(() => {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true });
  });
  const lake = path.join(folder, 'lake');
  const setup = [
    ...documentedSetup('SET TimeZone'),
    ...documentedSetup('CREATE VIEW unplanned_events'),
  ].map((each) => each.replace("'lake/", `'${lake}/`));
  const checked = checkQueries({
    open: (contracts) =>
      createParquetDestination('lake', parquetSettings(lake, { tables: 'per_event' }), {
        contracts,
      }),
    async rows(sql) {
      for (const statement of setup.splice(0)) await connection.run(statement);
      return (await connection.runAndReadAll(sql)).getRowObjectsJson();
    },
  });
  await expect(checked).resolves.toBeUndefined();
});
