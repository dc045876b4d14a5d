import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { createClient } from '@clickhouse/client';
import { Client } from 'pg';

import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
import { clickhouseDialect } from '../../src/destinations/clickhouse/typed-statements.ts';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import { postgresDialect } from '../../src/destinations/postgres/typed-statements.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { sqliteDialect } from '../../src/destinations/sqlite/typed-statements.ts';
import type { TableDialect } from '../../src/destinations/tables/dialect.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { startEngine } from '../clickhouse/engine.ts';
import { clickhouseSettings } from '../destinations/clickhouse-far-side.ts';
import { postgresSettings } from '../destinations/postgres-far-side.ts';
import { startPostgres } from '../destinations/postgres-server.ts';

type Row = Record<string, string | null>;

/** A database with tables of events, and a connection that is not the destination's. */
export interface Engine {
  readonly dialect: TableDialect;
  /** Of a server with users. */
  readonly url?: string;
  /** With contracts that a test may change. */
  open(contracts: () => readonly EventContract[], more?: DestinationSettings): Promise<Destination>;
  /** Every value as text. */
  rows(sql: string): Promise<Row[]>;
  run(sql: string): Promise<void>;
  /** The name of each column of a table. */
  columns(table: string): Promise<string[]>;
  close(): Promise<void>;
}

export function startSqliteEngine(): Promise<Engine> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-tables-'));
  const file = path.join(folder, 'w.db');
  const use = <Value>(work: (database: DatabaseSync) => Value): Value => {
    const database = new DatabaseSync(file, { timeout: 5000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  const rows = (sql: string): Row[] =>
    use((database) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all().map((row) => mapValues(row, asText));
    });
  return Promise.resolve({
    dialect: sqliteDialect,
    open: (contracts, more = {}) =>
      createSqliteDestination(
        'w',
        { path: file, busy_timeout: 5000, tables: 'per_event', ...more },
        { contracts },
      ),
    rows: (sql) => Promise.resolve(rows(sql)),
    run: (sql) => Promise.resolve(use((database) => database.exec(sql))),
    columns: (table) =>
      Promise.resolve(
        rows(`SELECT name FROM pragma_table_info('${table}')`).map((row) => String(row['name'])),
      ),
    close: () => Promise.resolve(rmSync(folder, { recursive: true })),
  });
}

export async function startPostgresEngine(): Promise<Engine> {
  const server = await startPostgres();
  const ask = async (sql: string): Promise<Row[]> => {
    const { user, password, port } = server;
    const client = new Client({
      host: '127.0.0.1',
      port,
      user,
      password,
      database: 'postgres',
      options: '-c timezone=UTC',
      // Every value stays the text that PostgreSQL sends.
      types: { getTypeParser: () => String },
    });
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    dialect: postgresDialect,
    url: server.url,
    open: (contracts, more = {}) =>
      Promise.resolve(
        createPostgresDestination(
          'w',
          postgresSettings(server, { tables: 'per_event', timeout: 10_000, ...more }),
          { contracts },
        ),
      ),
    rows: ask,
    run: async (sql) => void (await ask(sql)),
    columns: async (table) =>
      (
        await ask(`SELECT column_name FROM information_schema.columns
        WHERE table_name = '${table}' ORDER BY ordinal_position`)
      ).map((row) => String(row['column_name'])),
    close: server.close,
  };
}

export async function startClickhouseEngine(): Promise<Engine> {
  const server = await startEngine();
  const client = createClient({ url: `http://127.0.0.1:${server.port}` });
  const ask = async (sql: string): Promise<Row[]> =>
    (await server.ask<object>(sql)).map((row) => mapValues(row, asText));
  return {
    dialect: clickhouseDialect,
    open: (contracts, more = {}) =>
      Promise.resolve(
        createClickhouseDestination(
          'w',
          clickhouseSettings(server.port, { tables: 'per_event', timeout: 10_000, ...more }),
          { contracts },
        ),
      ),
    rows: ask,
    run: async (sql) => void (await client.command({ query: sql })),
    columns: async (table) =>
      (await ask(`DESCRIBE TABLE ${table}`)).map((row) => String(row['name'])),
    async close() {
      await client.close();
      await server.stop();
    },
  };
}

function mapValues(row: object, change: (value: unknown) => string | null): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, change(value)]));
}

function asText(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
