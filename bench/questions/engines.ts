import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { DuckDBInstance } from '@duckdb/node-api';
import { Client } from 'pg';

import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
import type { Destination } from '../../src/destinations/destination.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import type { ContractsInForce } from '../../src/event/contracts/event-contract.ts';
import { startEngine, whyNoEngine } from '../../test/clickhouse/engine.ts';
import { clickhouseSettings } from '../../test/destinations/clickhouse-far-side.ts';
import { parquetSettings } from '../../test/destinations/parquet-far-side.ts';
import { postgresSettings } from '../../test/destinations/postgres-far-side.ts';
import { startPostgres } from '../../test/destinations/postgres-server.ts';
import type { Wording } from './questions.ts';

/** An engine with both tables, as Headgate makes them. */
export interface AskedEngine {
  readonly wording: Wording;
  /** Both tables, with one row of a worker. */
  open(contracts: ContractsInForce): Promise<Destination>;
  /** Adds rows by the engine's own means. */
  fill(rows: number): Promise<void>;
  ask(sql: string): Promise<readonly object[]>;
  stop(): Promise<void>;
}

/** Ten events for each person, and half a year of events. */
const eventsOfPerson = 10;
const firstSecond = Date.UTC(2026, 0) / 1000;
const lastSecond = Date.UTC(2026, 6) / 1000;

/** Undefined where this machine does not have it, which is printed. */
export async function startAsked(name: string): Promise<AskedEngine | undefined> {
  if (name === 'sqlite') return startSqlite();
  if (name === 'postgres') return startPostgresAsked();
  if (name === 'parquet') return startParquet();
  if (name === 'clickhouse') return whyNoEngine() === undefined ? startClickhouse() : undefined;
  throw new Error(`no engine ${name}: use sqlite, postgres, clickhouse or parquet`);
}

/** Each column by an expression of `n`, which counts rows from 0. */
type Columns = Readonly<Record<string, string>>;

const properties = (text: (expression: string) => string): string =>
  [`'{"order_id":"o-'`, text('n'), `'","total":'`, text('n % 1000'), `'.25,"currency":"'`]
    .concat("CASE n % 3 WHEN 0 THEN 'EUR' WHEN 1 THEN 'USD' ELSE 'GBP' END", `'"}'`)
    .join(' || ');
const currency = "CASE n % 3 WHEN 0 THEN 'EUR' WHEN 1 THEN 'USD' ELSE 'GBP' END";
const fixed = { event_name: "'order_completed'", source: "'shop'", schema_version: '2' };
const seconds = (rows: number): string =>
  `(${firstSecond} + n * ${(lastSecond - firstSecond) / rows})`;
const userOf = (rows: number, text: (expression: string) => string): string =>
  `'u-' || ${text(`(n * 7919) % ${Math.ceil(rows / eventsOfPerson)}`)}`;

function inserts(common: Columns, own: Columns, from: string): string[] {
  const tables: readonly (readonly [string, Columns])[] = [
    ['events', common],
    ['order_completed', { ...common, ...own }],
  ];
  return tables.map(([table, columns]) => {
    const names = Object.keys(columns).map((name) => `"${name}"`);
    return `INSERT INTO ${table} (${names.join(', ')})
      SELECT ${Object.values(columns).join(', ')} FROM ${from}`;
  });
}

function startSqlite(): AskedEngine {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-questions-'));
  const file = path.join(folder, 'w.db');
  const text = (expression: string): string => `(${expression})`;
  return {
    wording: {
      day: 'date(event_time)',
      text: (name) => `properties ->> '$.${name}'`,
      number: (name) => `properties ->> '$.${name}'`,
      typedTable: 'order_completed',
      jsonTable: 'events',
    },
    open: (contracts) =>
      createSqliteDestination(
        'w',
        { path: file, busy_timeout: 60_000, tables: 'both' },
        { contracts },
      ),
    fill: (rows) => {
      const time = `strftime('%Y-%m-%dT%H:%M:%S.000Z', ${seconds(rows)}, 'unixepoch')`;
      const common = {
        ...fixed,
        event_id: "printf('%08x-0000-7000-8000-000000000000', n)",
        timestamp: time,
        event_time: time,
        delivered_at: time,
        user_id: userOf(rows, text),
        idempotency_key: "'k-' || n",
        sequence: 'n',
        properties: properties(text),
      };
      const own = { order_id: "'o-' || n", total: 'n % 1000 + 0.25', currency };
      const numbers = `(WITH RECURSIVE counted (n) AS (VALUES (0) UNION ALL
        SELECT n + 1 FROM counted WHERE n + 1 < ${rows}) SELECT n FROM counted)`;
      const database = new DatabaseSync(file);
      database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -500000');
      for (const insert of inserts(common, own, numbers)) database.exec(insert);
      database.close();
      return Promise.resolve();
    },
    ask: (sql) => {
      const database = new DatabaseSync(file, { readOnly: true });
      const found = database.prepare(sql).all();
      database.close();
      return Promise.resolve(found);
    },
    stop: () => Promise.resolve(rmSync(folder, { recursive: true })),
  };
}

async function startPostgresAsked(): Promise<AskedEngine> {
  const server = await startPostgres();
  const { port, user, password } = server;
  const client = new Client({ host: '127.0.0.1', port, user, password, database: 'postgres' });
  await client.connect();
  const text = (expression: string): string => `(${expression})`;
  return {
    wording: {
      day: 'event_time::date',
      text: (name) => `properties ->> '${name}'`,
      number: (name) => `(properties ->> '${name}')::numeric`,
      typedTable: 'order_completed',
      jsonTable: 'events',
    },
    open: (contracts) =>
      Promise.resolve(
        createPostgresDestination(
          'w',
          postgresSettings(server, { tables: 'both', timeout: 60_000 }),
          {
            contracts,
          },
        ),
      ),
    fill: async (rows) => {
      const time = `to_timestamp${seconds(rows)}`;
      const common = {
        ...fixed,
        event_id: "(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid",
        timestamp: time,
        event_time: time,
        delivered_at: time,
        user_id: userOf(rows, text),
        idempotency_key: "'k-' || n",
        sequence: 'n',
        properties: `(${properties(text)})::jsonb`,
      };
      const own = { order_id: "'o-' || n", total: 'n % 1000 + 0.25', currency };
      const numbers = `generate_series(0::bigint, ${rows - 1}) AS counted (n)`;
      for (const insert of inserts(common, own, numbers)) await client.query(insert);
      await client.query('VACUUM ANALYZE');
    },
    ask: async (sql) => (await client.query<object>(sql)).rows,
    stop: async () => {
      await client.end();
      await server.close();
    },
  };
}

async function startClickhouse(): Promise<AskedEngine> {
  const engine = await startEngine();
  const text = (expression: string): string => `toString(${expression})`;
  // Not by the client, which gives up after 30 seconds.
  const run = async (body: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${engine.port}`, { method: 'POST', body });
    if (answer.status !== 200) throw new Error(await answer.text());
    return answer.text();
  };
  return {
    wording: {
      day: 'toDate(event_time)',
      text: (name) => `JSONExtractString(properties, '${name}')`,
      number: (name) => `toDecimal64(JSONExtractRaw(properties, '${name}'), 2)`,
      typedTable: 'order_completed',
      jsonTable: 'events',
      final: ' FINAL',
    },
    open: (contracts) =>
      Promise.resolve(
        createClickhouseDestination(
          'w',
          clickhouseSettings(engine.port, { tables: 'both', timeout: 60_000 }),
          { contracts },
        ),
      ),
    fill: async (rows) => {
      const time = `toDateTime64${seconds(rows).replace(/\)$/, ", 3, 'UTC')")}`;
      const common = {
        ...fixed,
        // As those of Headgate: in no order of time.
        event_id: 'generateUUIDv4(n)',
        timestamp: time,
        event_time: time,
        user_id: userOf(rows, text),
        idempotency_key: `'k-' || ${text('n')}`,
        sequence: 'n',
        properties: properties(text),
      };
      const own = {
        order_id: `'o-' || ${text('n')}`,
        total: "n % 1000 + toDecimal64('0.25', 2)",
        currency,
      };
      const numbers = `(SELECT number AS n FROM numbers(${rows}))`;
      // Else the engine of the tests takes the token of the worker's insert for theirs, too.
      const settings = "SETTINGS insert_deduplicate = 0, insert_deduplication_token = ''";
      for (const insert of inserts(common, own, numbers)) await run(`${insert} ${settings}`);
    },
    ask: async (sql) => {
      const lines = (await run(sql)).trim().split('\n');
      return lines.filter(Boolean).map((line) => JSON.parse(line) as object);
    },
    stop: () => engine.stop(),
  };
}

async function startParquet(): Promise<AskedEngine> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-questions-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET threads = 2; SET TimeZone = 'UTC'");
  const text = (expression: string): string => `(${expression})`;
  const files = (of: string): string =>
    `read_parquet('${folder}/${of}/**/*.parquet', union_by_name = true, hive_partitioning = false)`;
  return {
    wording: {
      day: 'event_time::DATE',
      text: (name) => `properties ->> '$.${name}'`,
      number: (name) => `(properties ->> '$.${name}')::DECIMAL(18, 2)`,
      typedTable: files('order_completed'),
      jsonTable: files('date=*'),
    },
    open: (contracts) =>
      createParquetDestination('w', parquetSettings(folder, { tables: 'both' }), { contracts }),
    fill: async (rows) => {
      const time = `to_timestamp${seconds(rows)}`;
      const common = {
        ...fixed,
        event_id: "printf('%08x-0000-7000-8000-000000000000', n)",
        timestamp: time,
        event_time: time,
        delivered_at: time,
        user_id: userOf(rows, text),
        idempotency_key: "'k-' || n",
        sequence: 'n',
        properties: properties(text),
      };
      const own = { order_id: "'o-' || n", total: '(n % 1000 + 0.25)::DECIMAL(38, 18)', currency };
      for (const [of, columns] of [
        ['date=2026-01-01/hour=00', common],
        ['order_completed/headgate_date=2026-01-01/headgate_hour=00', { ...common, ...own }],
      ] as const) {
        mkdirSync(path.join(folder, of), { recursive: true });
        const selected = Object.entries(columns).map(([name, value]) => `${value} AS "${name}"`);
        // As large as the files of a worker.
        for (let from = 0; from < rows; from += fileRows) {
          const to = Math.min(rows, from + fileRows);
          const target = path.join(folder, of, `bulk-${from}.parquet`);
          await connection.run(
            `COPY (SELECT ${selected.join(', ')} FROM range(${from}, ${to}) AS counted (n))
             TO '${target}' (FORMAT parquet, COMPRESSION zstd)`,
          );
        }
      }
    },
    ask: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
    stop: () => {
      connection.closeSync();
      instance.closeSync();
      return Promise.resolve(rmSync(folder, { recursive: true }));
    },
  };
}

const fileRows = 50_000;
