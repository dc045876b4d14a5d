import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, onTestFinished, test } from 'vitest';

import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import { whyNoEngine } from '../clickhouse/engine.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { parquetSettings } from '../destinations/parquet-far-side.ts';
import { whyNoPostgres } from '../destinations/postgres-server.ts';
import { checkQueries, documentedSetup } from './documented-queries.ts';
import { startClickhouseEngine, startPostgresEngine, startSqliteEngine } from './engines.ts';

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

describe('what the page says of older rows and of times', () => {
  const versions = ['integer', 'string', 'integer'].map((n) => ({
    type: 'object',
    properties: { total: { type: 'number', multipleOf: 0.01 }, n: { type: n } },
  }));
  const contract: EventContract = { name: 'order_completed', schemas: versions };

  test.for([
    ['SQLite', startSqliteEngine, undefined],
    ['PostgreSQL', startPostgresEngine, whyNoPostgres()],
  ] as const)('%s', async ([name, start, missing], { skip }) => {
    if (missing !== undefined) skip(missing);
    const engine = await start();
    onTestFinished(() => engine.close());
    let contracts: EventContract[] = [contract];
    const deliver = async (event: Partial<StoredEvent>): Promise<void> => {
      const destination = await engine.open(() => contracts);
      const outcomes = await destination.deliver([deliveryOfEvent(event)], never);
      await destination.close();
      expect(outcomes).toEqual([{ kind: 'delivered' }]);
    };
    const order = (time: string, total: number, schemaVersion = 3): Partial<StoredEvent> => ({
      eventName: 'order_completed',
      schemaVersion,
      eventTime: `2026-03-${time}Z`,
      properties: { total, n: 5 },
    });
    await deliver(order('10T12:00:00.000001', 166.92000000000002));
    await deliver(order('10T12:00:00.000', 2));
    await deliver(order('10T09:00:00.000', 3));
    await deliver(order('10T13:00:00.000', 4));
    contracts = [];
    await deliver(order('11T12:00:00.000', 5, 0));
    contracts = [contract];
    // Without a version, and of a type that came back.
    await deliver(order('12T12:00:00.000', 6, 0));
    const totals = async (): Promise<number[]> => {
      const rows = await engine.rows('SELECT total FROM order_completed');
      return rows.map(({ total }) => Number(total)).toSorted((one, other) => one - other);
    };
    expect(await totals()).toEqual([0, 2, 3, 4, 6, 166.92]);
    const fitting = await engine.rows('SELECT n FROM order_completed WHERE n = 5');
    expect(fitting).toHaveLength(5);
    const [fill] = documentedSetup(
      `UPDATE order_completed SET total = ${name === 'SQLite' ? 'properties' : '\\(properties'}`,
    );
    await engine.run(fill!);
    expect(await totals()).toEqual([2, 3, 4, 5, 6, 166.92]);
    const [range] = documentedSetup('SELECT count\\(\\*\\) FROM order_completed WHERE event_time');
    const [answer] = await engine.rows(range!.replace(/;$/, ''));
    expect(Number(Object.values(answer!)[0])).toBe(2);
  });
});
