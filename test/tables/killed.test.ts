import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { startEngine, whyNoEngine } from '../clickhouse/engine.ts';
import { clickhouseSettings } from '../destinations/clickhouse-far-side.ts';
import { askFiles, parquetSettings, untilExported } from '../destinations/parquet-far-side.ts';
import { askPostgres, postgresSettings } from '../destinations/postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from '../destinations/postgres-server.ts';
import {
  idOf,
  killedContract,
  killedName,
  versionOf,
  type KilledWriterTask,
} from './killed-writer.ts';

/** `npm run test:tables` is longer. */
const isLong = process.env['TABLES'] === 'long';
const events = isLong ? 20_000 : 2000;
const kills = isLong ? 10 : 2;
const versions = isLong ? 12 : 3;

/** Delivers everything, in a process that is killed each time when a migration has begun. */
async function deliverWhileKilled(task: KilledWriterTask): Promise<number> {
  let from = 0;
  let killed = 0;
  while (from < task.events) {
    const args = [
      path.join(import.meta.dirname, 'killed-writer.ts'),
      JSON.stringify({ ...task, from }),
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    let migrations = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [what, number] = line.split(' ');
      if (what === 'done') from = Number(number);
      // The first of a start is for a version that the table may know already.
      else migrations += 1;
      if (what === 'migrates' && killed < kills && migrations === 2) {
        killed += 1;
        // A different moment of the migration each time.
        await new Promise((resolve) => setTimeout(resolve, killed % 7));
        child.kill('SIGKILL');
      }
    }
    const [code, signal] = (await ended) as [number | null, string | null];
    expect(signal === 'SIGKILL' || code === 0).toBe(true);
    // What was in hand at the kill comes again.
    if (signal === 'SIGKILL') from = Math.max(0, from - 300);
  }
  return killed;
}

async function expectAll(
  task: KilledWriterTask,
  rows: readonly Record<string, unknown>[],
): Promise<void> {
  expect(rows).toHaveLength(events);
  const byId = new Map(rows.map((row) => [String(row['event_id']), row]));
  const wrong: number[] = [];
  for (let number = 0; number < events; number += 1) {
    const row = byId.get(idOf(number));
    const own = row?.[`p${versionOf(task, number) - 1}`];
    const changing = String(row?.['changing']).replace('n', '');
    if (Number(own) !== number || changing !== String(number)) wrong.push(number);
  }
  expect(wrong).toEqual([]);
}

test('SQLite: two workers are killed while they migrate, and each event is one row', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-killed-tables-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'w.db');
  const settings = { path: file, busy_timeout: 10_000, tables: 'per_event' };
  const task: KilledWriterTask = { type: 'sqlite', settings, events, versions, from: 0 };
  const killed = await Promise.all([deliverWhileKilled(task), deliverWhileKilled(task)]);
  expect(killed).toEqual([kills, kills]);
  const database = new DatabaseSync(file);
  await expectAll(task, database.prepare(`SELECT * FROM ${killedName}_all`).all());
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  database.close();
});

test('PostgreSQL: the same', async ({ skip }) => {
  const missing = whyNoPostgres();
  if (missing !== undefined) skip(missing);
  const server = await startPostgres();
  onTestFinished(() => server.close());
  const settings = postgresSettings(server, { tables: 'per_event', timeout: 10_000 });
  const task: KilledWriterTask = { type: 'postgres', settings, events, versions, from: 0 };
  const killed = await Promise.all([deliverWhileKilled(task), deliverWhileKilled(task)]);
  expect(killed).toEqual([kills, kills]);
  await expectAll(task, await askPostgres(server, `SELECT * FROM ${killedName}_all`));
});

test('ClickHouse: the same', async ({ skip }) => {
  const missing = whyNoEngine();
  if (missing !== undefined) skip(missing);
  const engine = await startEngine();
  onTestFinished(() => engine.stop());
  const settings = clickhouseSettings(engine.port, { tables: 'per_event', timeout: 10_000 });
  const task: KilledWriterTask = { type: 'clickhouse', settings, events, versions, from: 0 };
  const killed = await Promise.all([deliverWhileKilled(task), deliverWhileKilled(task)]);
  expect(killed).toEqual([kills, kills]);
  await expectAll(task, await engine.ask(`SELECT * FROM ${killedName}_all`));
});

test('Parquet: the same', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-killed-tables-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const settings = parquetSettings(folder, { tables: 'per_event', busy_timeout: 10_000 });
  const task: KilledWriterTask = { type: 'parquet', settings, events, versions, from: 0 };
  const killed = await Promise.all([deliverWhileKilled(task), deliverWhileKilled(task)]);
  expect(killed).toEqual([kills, kills]);
  // What a killed worker left in the spool is written by the next one.
  const contracts = (): EventContract[] => [killedContract(versions)];
  const last = await createParquetDestination('w', settings, { contracts });
  await untilExported(folder);
  await last.close();
  const files = `read_parquet('${folder}/${killedName}/**/*.parquet', union_by_name = true)`;
  const both = 'coalesce(CAST(changing AS VARCHAR), changing_v3)';
  const rows = await askFiles(folder, `SELECT * REPLACE (${both} AS changing) FROM ${files}`);
  await expectAll(task, rows);
});
