import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { DuckDBInstance } from '@duckdb/node-api';

import { startEngine, whyNoEngine } from '../../test/clickhouse/engine.ts';
import { askPostgres } from '../../test/destinations/postgres-far-side.ts';
import { startPostgres } from '../../test/destinations/postgres-server.ts';
import { childrenOf } from '../script/cpu.ts';

/** A warehouse of the bench, which is empty for each worker. */
export interface Warehouse {
  readonly name: string;
  /** What has the CPU of the far side. Undefined where the worker writes files itself. */
  readonly farProcessId: number | undefined;
  readonly endsWithWorker: boolean;
  /** For headgate.yaml. `part` names a table or folder of its own. */
  settings(part: string): object;
  /** `table`: the one of the event, with typed columns; otherwise that of all events. */
  rows(part: string, table?: string): Promise<number>;
  /** Loads the rows of a part into another, by the engine's own means. Returns the seconds. */
  bulkLoad(part: string): Promise<number>;
  /** The same of a table of an event, with its indexes. */
  bulkLoadTyped?(part: string, table: string): Promise<number>;
  /** What the engine does for the load, for the reader of the figure. */
  readonly bulkLoadName: string;
  remove(part: string, table?: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a warehouse. Undefined where this machine has none, which is printed. */
export async function startWarehouse(name: string): Promise<Warehouse | undefined> {
  if (name === 'sqlite') return startSqlite();
  if (name === 'parquet') return startParquet();
  if (name === 'postgres') return startPostgresWarehouse();
  if (name === 'clickhouse') {
    return whyNoEngine() === undefined ? startClickhouse() : undefined;
  }
  throw new Error(`no warehouse ${name}: use sqlite, postgres, clickhouse or parquet`);
}

const bulkRows = 2_000;

function startSqlite(): Warehouse {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-bench-sqlite-'));
  const fileOf = (part: string): string => path.join(folder, `${part}.db`);
  return {
    name: 'sqlite',
    farProcessId: undefined,
    endsWithWorker: false,
    settings: (part) => ({ type: 'sqlite', path: fileOf(part) }),
    rows: (part, table = 'events') => {
      const database = new DatabaseSync(fileOf(part));
      const row = database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
      database.close();
      return Promise.resolve(Number(row?.['n']));
    },
    bulkLoadName: `prepared inserts, ${bulkRows.toLocaleString('en-US')} a transaction, synced`,
    bulkLoad: (part) => Promise.resolve(loadSqlite(fileOf, part, 'events')),
    bulkLoadTyped: (part, table) => Promise.resolve(loadSqlite(fileOf, part, table)),
    remove: (part) => {
      for (const name of readdirSync(folder)) {
        if (name.startsWith(part)) rmSync(path.join(folder, name));
      }
      return Promise.resolve();
    },
    stop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  };
}

/** Returns the seconds. */
function loadSqlite(fileOf: (part: string) => string, part: string, table: string): number {
  const source = new DatabaseSync(fileOf(part));
  const rows = source.prepare(`SELECT * FROM ${table}`).all();
  const schema = source
    .prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name = ?')
    .all(table);
  source.close();
  const target = new DatabaseSync(fileOf(`${part}-bulk`));
  target.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  target.exec('PRAGMA wal_autocheckpoint = 32000; PRAGMA cache_size = -64000');
  for (const { sql } of schema) target.exec(String(sql));
  const columns = Object.keys(rows[0]!);
  const marks = columns.map(() => '?').join(', ');
  const insert = target.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`);
  const values = rows.map((row) => Object.values(row));
  const start = performance.now();
  for (let at = 0; at < values.length; at += bulkRows) {
    target.exec('BEGIN');
    for (const each of values.slice(at, at + bulkRows)) insert.run(...each);
    target.exec('COMMIT');
  }
  const seconds = (performance.now() - start) / 1_000;
  target.close();
  return seconds;
}

async function startParquet(): Promise<Warehouse> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-bench-parquet-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run('SET threads = 2');
  const filesOf = (part: string, table = 'date=*'): string =>
    `read_parquet('${path.join(folder, part, table)}/**/*.parquet', hive_partitioning = false)`;
  return {
    name: 'parquet',
    farProcessId: undefined,
    endsWithWorker: true,
    settings: (part) => ({ type: 'parquet', path: path.join(folder, part) }),
    rows: async (part, table) => {
      const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${filesOf(part, table)}`);
      return Number(reader.getRows()[0]![0]);
    },
    bulkLoadName: 'COPY of DuckDB, from its memory, ZSTD',
    bulkLoad: async (part) => {
      await connection.run(`CREATE OR REPLACE TABLE loaded AS SELECT * FROM ${filesOf(part)}`);
      const start = performance.now();
      const target = path.join(folder, 'bulk.parquet');
      await connection.run(`COPY loaded TO '${target}' (FORMAT parquet, COMPRESSION zstd)`);
      return (performance.now() - start) / 1_000;
    },
    remove: (part) =>
      Promise.resolve(rmSync(path.join(folder, part), { recursive: true, force: true })),
    stop: () => {
      connection.closeSync();
      instance.closeSync();
      return Promise.resolve(rmSync(folder, { recursive: true, force: true }));
    },
  };
}

async function startPostgresWarehouse(): Promise<Warehouse> {
  const before = new Set(childrenOf(process.pid));
  const server = await startPostgres();
  const farProcessId = childrenOf(process.pid).find((id) => !before.has(id));
  const { url, password } = server;
  const [place] = await askPostgres<{ folder: string }>(
    server,
    "SELECT current_setting('data_directory') AS folder",
  );
  const file = path.join(place!.folder, 'bulk.copy');
  return {
    name: 'postgres',
    farProcessId,
    endsWithWorker: false,
    settings: (part) => ({ type: 'postgres', url, password, tls: false, table: part }),
    rows: async (part, table = part) => {
      const [row] = await askPostgres<{ n: number }>(
        server,
        `SELECT count(*)::int AS n FROM ${table}`,
      );
      return row!.n;
    },
    bulkLoadName: 'COPY FROM a file of the server, with the same indexes',
    bulkLoad: async (part) => {
      await askPostgres(server, `COPY ${part} TO '${file}'`);
      await askPostgres(server, `CREATE TABLE bulk (LIKE ${part} INCLUDING ALL)`);
      const start = performance.now();
      await askPostgres(server, `COPY bulk FROM '${file}'`);
      const seconds = (performance.now() - start) / 1_000;
      await askPostgres(server, 'DROP TABLE bulk');
      return seconds;
    },
    remove: async (part, table = part) => {
      await askPostgres(server, `DROP TABLE ${table}`);
      await askPostgres(server, 'CHECKPOINT');
    },
    stop: () => server.close(),
  };
}

async function startClickhouse(): Promise<Warehouse> {
  const before = new Set(childrenOf(process.pid));
  const engine = await startEngine();
  const farProcessId = childrenOf(process.pid).find((id) => !before.has(id));
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-bench-clickhouse-'));
  const file = path.join(folder, 'bulk.jsonl');
  // Not by the client, which adds a FORMAT of its own.
  const run = async (body: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${engine.port}`, { method: 'POST', body });
    if (answer.status !== 200) throw new Error(await answer.text());
  };
  return {
    name: 'clickhouse',
    farProcessId,
    endsWithWorker: false,
    settings: (part) => ({
      type: 'clickhouse',
      url: `http://127.0.0.1:${engine.port}`,
      table: part,
    }),
    rows: async (part, table = part) => {
      const [row] = await engine.ask<{ n: string }>(`SELECT count() AS n FROM ${table} FINAL`);
      return Number(row!.n);
    },
    bulkLoadName: 'INSERT FROM INFILE, JSONEachRow',
    bulkLoad: async (part) => {
      rmSync(file, { force: true });
      await run(`SELECT * FROM ${part} INTO OUTFILE '${file}' FORMAT JSONEachRow`);
      await run(`CREATE TABLE bulk AS ${part}`);
      const start = performance.now();
      await run(`INSERT INTO bulk FROM INFILE '${file}' FORMAT JSONEachRow`);
      const seconds = (performance.now() - start) / 1_000;
      await run('DROP TABLE bulk');
      return seconds;
    },
    remove: (part, table = part) => run(`DROP TABLE ${table}`),
    stop: async () => {
      await engine.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
