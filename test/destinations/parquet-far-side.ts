import type { ExportData } from '../../src/destinations/parquet/exporter.ts';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DuckDBInstance, type Json } from '@duckdb/node-api';
import { expect } from 'vitest';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import type { FarSide } from './conformance.ts';

export function parquetSettings(path: string, more: DestinationSettings = {}): DestinationSettings {
  return {
    path,
    flush_interval: 50,
    file_events_max: 100_000,
    ids_kept: 60_000,
    busy_timeout: 1000,
    ...more,
  };
}

export function spoolOf(folder: string): string {
  return join(folder, '.spool', 'spool.db');
}

/** Asks the spool over a connection of its own. */
export function askSpool(folder: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(spoolOf(folder), { timeout: 5000 });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** How many events are in no file yet, also as an earlier version has them in the spool. */
export function waitingIn(folder: string): number {
  return countIn(folder, { blocks: 'sum(events)', events: 'count(*)' });
}

/** How many events the spool has taken, second copies aside once they were refused. */
export function takenBy(folder: string): number {
  if (!existsSync(spoolOf(folder))) return 0;
  const ids = { id_segments: 'sum(ids)', exported: 'count(*)' };
  return countIn(folder, { blocks: 'sum(events)', events: 'count(*)', ...ids });
}

function countIn(folder: string, counts: Readonly<Record<string, string>>): number {
  const tables = askSpool(folder, "SELECT name FROM sqlite_schema WHERE type = 'table'");
  const names = tables
    .map(({ name }) => String(name))
    .filter((name) => Object.hasOwn(counts, name));
  if (names.length === 0) return 0;
  const sums = names.map((name) => `(SELECT ifnull(${counts[name]}, 0) FROM ${name})`);
  return Number(askSpool(folder, `SELECT ${sums.join(' + ')} AS n`)[0]?.['n']);
}

export async function untilExported(folder: string): Promise<void> {
  await expect.poll(() => waitingIn(folder), { timeout: 20_000 }).toBe(0);
}

/** What any reader of Parquet makes of the folder. `files` stands for all of them in the query. */
export async function askFiles(folder: string, sql: string): Promise<Record<string, Json>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const files = `read_parquet('${folder}/**/*.parquet', hive_partitioning = true)`;
    const reader = await connection.runAndReadAll(sql.replaceAll('files', files));
    return reader.getRowObjectsJson();
  } catch (error) {
    if (/No files found/.test((error as Error).message)) return [];
    throw error;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export async function readFileIds(folder: string): Promise<string[]> {
  const rows = await askFiles(folder, 'SELECT event_id FROM files');
  return rows.map((row) => String(row['event_id']));
}

/** A folder, read by DuckDB; for a fault its spool is locked by somebody else. */
export function startParquetFarSide(): Promise<FarSide> {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-parquet-'));
  let blocker: DatabaseSync | undefined;
  const lock = (): void => {
    blocker = new DatabaseSync(spoolOf(folder), { timeout: 5000 });
    blocker.exec('BEGIN IMMEDIATE');
  };
  const unlock = (): void => {
    blocker?.close();
    blocker = undefined;
  };
  return Promise.resolve({
    settings: parquetSettings(folder),
    async counted() {
      await untilExported(folder);
      return readFileIds(folder);
    },
    goDown: lock,
    comeUp: unlock,
    stall: lock,
    unstall: unlock,
    oversize: { propertyBytes: 8 * 1024 * 1024, outcome: { kind: 'delivered' } },
    close() {
      unlock();
      rmSync(folder, { recursive: true });
    },
  });
}

/** What the exporter of a spool below this folder is started with. */
export function exportDataOf(folder: string): ExportData {
  return {
    folder,
    spool: spoolOf(folder),
    busyTimeoutMs: 5_000,
    fileEventsMax: 1_000,
    idsKeptMs: 60_000,
    partition: 'hour',
  };
}
