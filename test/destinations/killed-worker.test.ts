import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { readFileIds, takenBy } from './parquet-far-side.ts';
import { askPostgres } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres, type PostgresServer } from './postgres-server.ts';
import { deliverWhileKilled, expectAllArrived, type KilledDestination } from './killed-worker.ts';

function sqliteDestination(): KilledDestination {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-killed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'warehouse.db');
  const query = (sql: string): Record<string, unknown>[] => {
    const database = new DatabaseSync(path, { timeout: 5000 });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  };
  const isThere = (): boolean =>
    query("SELECT 1 FROM sqlite_schema WHERE name = 'events'").length > 0;
  return {
    name: 'files',
    settings: { type: 'sqlite', path },
    arrives: 'exactly once',
    count: () => (isThere() ? Number(query('SELECT count(*) AS n FROM events')[0]?.['n']) : 0),
    ids: () => query('SELECT event_id FROM events').map((row) => String(row['event_id'])),
  };
}

function postgresDestination(server: PostgresServer): KilledDestination {
  const isThere = async (): Promise<boolean> => {
    const sql = "SELECT to_regclass('events') IS NOT NULL AS there";
    return (await askPostgres<{ there: boolean }>(server, sql))[0]?.there === true;
  };
  const read = async (): Promise<string[]> => {
    const rows = await askPostgres<{ event_id: string }>(server, 'SELECT event_id FROM events');
    return rows.map((row) => row.event_id);
  };
  const { url, password } = server;
  return {
    name: 'tables',
    settings: { type: 'postgres', url, password, tls: false, timeout: '10s' },
    arrives: 'exactly once',
    count: async () => ((await isThere()) ? (await read()).length : 0),
    ids: read,
  };
}

function parquetDestination(): KilledDestination {
  const path = mkdtempSync(join(tmpdir(), 'headgate-killed-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return {
    name: 'lake',
    settings: { type: 'parquet', path, flush_interval: '20ms', file_events_max: 1000 },
    arrives: 'exactly once',
    count: () => takenBy(path),
    ids: () => readFileIds(path),
  };
}

const postgresMissing = whyNoPostgres() !== undefined;

test('20,000 events, ten kills of the worker: each is at every destination, as it promises', async () => {
  const destinations = [sqliteDestination(), parquetDestination()];
  if (!postgresMissing) {
    const server = await startPostgres();
    onTestFinished(() => server.close());
    destinations.push(postgresDestination(server));
  }
  const run = await deliverWhileKilled(destinations, { events: 20_000, kills: 10 });
  expect(run.ids).toHaveLength(20_000);
  await expectAllArrived(run, destinations);
});
