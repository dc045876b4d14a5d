import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
import { createTable } from '../../src/destinations/clickhouse/table.ts';
import type { Destination } from '../../src/destinations/destination.ts';
import { clickhouseSettings } from '../destinations/clickhouse-far-side.ts';
import { deliveryOfEvent, never } from '../destinations/deliveries.ts';
import { startEngine, whyNoEngine, type ClickhouseEngine } from './engine.ts';

describe.skipIf(whyNoEngine() !== undefined)('binary rows and text, with the engine', () => {
  let engine: ClickhouseEngine;
  let tables = 0;
  const opened: Destination[] = [];
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((destination) => destination.close()));
  });
  afterAll(() => engine?.stop());

  const openNew = (): { destination: Destination; table: string } => {
    tables += 1;
    const table = `events_${tables}`;
    const settings = clickhouseSettings(engine.port, { table, timeout: 20_000 });
    const destination = createClickhouseDestination('olap', settings);
    opened.push(destination);
    return { destination, table };
  };

  /** A setting of the user's profile. The engine keeps it for all that follows. */
  const setForViews = async (value: number): Promise<void> => {
    const setting = `deduplicate_blocks_in_dependent_materialized_views=${value}`;
    const answer = await fetch(`http://127.0.0.1:${engine.port}/?query=SELECT%201&${setting}`);
    expect(await answer.text()).toContain('1');
    expect(answer.status).toBe(200);
  };

  test('what is not a time, or has another zone, is the same in a table of binary rows and of text', async () => {
    const times = ['2026-19-39T29:59:99.000Z', '2026-02-30T12:00:00.000Z', '2026-03-01T24:00:00Z'];
    const zoned = '2026-03-01T12:00:00.000+02:00';
    for (const source of ['LowCardinality(String)', 'String']) {
      const { destination, table } = openNew();
      const own = createTable(table).replace('source LowCardinality(String)', `source ${source}`);
      await engine.ask(own);
      const deliveries = [...times, zoned].map((eventTime) => deliveryOfEvent({ eventTime }));
      expect(await destination.deliver(deliveries, never)).toEqual(
        deliveries.map(() => ({ kind: 'delivered' })),
      );
      const rows = await engine.ask<{ time: string | null }>(
        `SELECT toString(event_time) AS time FROM ${table} ORDER BY sequence`,
      );
      expect(rows.map(({ time }) => time)).toEqual([null, null, null, '2026-03-01 10:00:00.000']);
    }
  });

  test('the same batch is dropped as text, too, also by a view that drops copies', async () => {
    const { destination, table } = openNew();
    await destination.deliver([deliveryOfEvent()], never);
    const view = `${table}_counted`;
    await engine.ask(
      `CREATE MATERIALIZED VIEW ${view} ENGINE = MergeTree ORDER BY event_id
       SETTINGS non_replicated_deduplication_window = 1000 AS SELECT event_id FROM ${table}`,
    );
    const batch = Array.from({ length: 100 }, () => deliveryOfEvent());
    const outcomes = batch.map(() => ({ kind: 'delivered' }));
    await setForViews(1);
    try {
      expect(await destination.deliver(batch, never)).toEqual(outcomes);
      await engine.ask(`ALTER TABLE ${table} MODIFY COLUMN source String`);
      expect((await destination.deliver(batch, never))[0]).toMatchObject({ status: '117' });
      expect(await destination.deliver(batch, never)).toEqual(outcomes);
    } finally {
      await setForViews(0);
    }
    expect(await engine.ask(`SELECT toInt32(count()) AS n FROM ${table}`)).toEqual([{ n: 101 }]);
    expect(await engine.ask(`SELECT toInt32(count()) AS n FROM ${view}`)).toEqual([{ n: 100 }]);
  });
});
