import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { exportSpool, type ExportData } from '../../src/destinations/parquet/exporter.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { openSpool } from '../../src/destinations/parquet/spool/database.ts';
import { tablesOfLot, takeLot } from '../../src/destinations/parquet/spool/lots.ts';
import { createSpoolWriter, type Spool } from '../../src/destinations/parquet/spool/spool.ts';
import { parquetDialect } from '../../src/destinations/parquet/typed-columns.ts';
import { fitValue } from '../../src/destinations/tables/fit-value.ts';
import { planTable } from '../../src/destinations/tables/plan-table.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { readTime } from '../../src/event/time/time-text.ts';
import { deliveryOf, never, readAll } from '../destinations/deliveries.ts';
import {
  askFiles,
  parquetSettings,
  spoolOf,
  untilExported,
} from '../destinations/parquet-far-side.ts';
import {
  comparable,
  contractOf,
  generatedHistory,
  payloadOf,
  propertyAt,
  stepsOf,
  type GeneratedEvent,
} from './generated-events.ts';

let contracts: readonly EventContract[] = [];

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-typed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function open(folder: string, more: DestinationSettings = {}): Promise<Destination> {
  const settings = parquetSettings(folder, { tables: 'per_event', ...more });
  const destination = await createParquetDestination('lake', settings, {
    contracts: () => contracts,
  });
  onTestFinished(() => destination.close());
  return destination;
}

const idOf = (payload: string): string => (JSON.parse(payload) as { eventId: string }).eventId;

/** A spool that no thread moves on. */
function openWriter(folder: string): Promise<Spool> {
  const own = { file: spoolOf(folder), busyTimeoutMs: 1000, isWhole: false };
  return createSpoolWriter('spool', own);
}

async function deliver(destination: Spool, ...payloads: string[]): Promise<void> {
  const outcomes = await destination.deliver(payloads.map(deliveryOf), never);
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['delivered']));
}

/** All rows of a table, whatever columns their files have. */
async function ask(
  folder: string,
  table: string,
  columns: string,
): Promise<Record<string, unknown>[]> {
  const files = `read_parquet('${folder}/${table}/**/*.parquet', union_by_name = true)`;
  return askFiles(folder, `SELECT ${columns} FROM ${files} ORDER BY event_id`);
}

/** DuckDB shows a time with time zone to the microsecond; the file has nanoseconds. */
const toMicroseconds = (time: string): string | undefined =>
  readTime(time.replace(/(\.\d{6})\d+/, '$1'));

const asTime = (held: string): string | undefined =>
  readTime(held.replace(' ', 'T').replace(/\+00$/, 'Z'));

const exportOf = (folder: string): ExportData => ({
  folder,
  spool: spoolOf(folder),
  busyTimeoutMs: 1000,
  fileEventsMax: 1000,
  idsKeptMs: 60_000,
  partition: 'hour',
  tables: { mode: 'per_event', prefix: '' },
});

test('what was sent reads back equal after every change of a contract, old rows and new', async () => {
  const folder = newFolder();
  const spool = await openWriter(folder);
  onTestFinished(() => spool.close());
  let run = 0;
  await fc.assert(
    fc.asyncProperty(generatedHistory, async (history) => {
      run += 1;
      const name = `history${run}_viewed`;
      const sent = new Map<string, GeneratedEvent>();
      for (const { contract, payloads } of stepsOf(name, history, sent)) {
        await deliver(spool, ...payloads, payloads[0]!);
        await exportSpool(exportOf(folder), undefined, [contract]);
      }
      const { columns } = planTable(contractOf(name, history.schemas), { dialect: parquetDialect });
      const texts = columns.map(
        (column) => `CAST("${column.name}" AS VARCHAR) AS "${column.name}"`,
      );
      const common = 'CAST(event_id AS VARCHAR) AS headgate_id, misfits AS headgate_misfits';
      const rows = await ask(folder, name, [common, ...texts].join(', '));
      expect(rows).toHaveLength(sent.size);
      for (const row of rows as Record<string, string | null>[]) {
        const { version, properties } = sent.get(row['headgate_id']!)!;
        const misfits = JSON.parse(row['headgate_misfits'] ?? '[]') as string[];
        for (const { name: column, path: names, type, versions } of columns) {
          const value = versions.includes(version) ? propertyAt(properties, names) : null;
          const fitting = fitValue(value, type);
          expect(fitting !== undefined || misfits.includes(column)).toBe(true);
          const wanted = misfits.includes(column) ? null : comparable(fitting ?? null, type);
          const held = row[column] ?? null;
          const isTime = type.kind === 'timestamp';
          expect([
            column,
            held === null ? null : isTime ? asTime(held) : comparable(held, type),
          ]).toEqual([column, wanted !== null && isTime ? toMicroseconds(wanted) : wanted]);
        }
      }
    }),
    { numRuns: 10, endOnFailure: true },
  );
});

test('an event has a folder of its own, a changed type a column of its own', async () => {
  const folder = newFolder();
  const destination = await open(folder);
  const total = { type: 'number', multipleOf: 0.01 };
  const first = { type: 'object', properties: { units: { type: 'integer' }, total } };
  const second = { type: 'object', properties: { units: { type: 'string' } } };
  contracts = [contractOf('parcel_viewed', [first])];
  const payload = payloadOf('parcel_viewed', {
    version: 1,
    properties: '{"units":7,"total":19.90}',
  });
  await deliver(destination, payload, payload);
  await untilExported(folder);
  contracts = [contractOf('parcel_viewed', [first, second])];
  const later = payloadOf('parcel_viewed', { version: 2, properties: '{"units":"many"}' });
  await deliver(destination, later, payloadOf('Other: seen', { version: 0, properties: '{}' }));
  await untilExported(folder);
  const columns = 'units, total, units_v2, typeof(total) AS type, typeof(event_time) AS time';
  const rows = await ask(folder, 'parcel_viewed', columns);
  const types = { type: 'DECIMAL(38,2)', time: 'TIMESTAMP WITH TIME ZONE' };
  expect(rows).toHaveLength(2);
  expect(rows).toEqual(
    expect.arrayContaining([
      { units: '7', total: '19.90', units_v2: null, ...types },
      { units: null, total: null, units_v2: 'many', ...types },
    ]),
  );
  expect(await ask(folder, 'unplanned_events', 'event_name')).toEqual([
    { event_name: 'Other: seen' },
  ]);
  const held = await readAll(destination.stored!({ fromMs: 0, toMs: Date.UTC(2027, 0) }));
  expect(held.map(({ eventName }) => eventName).sort()).toEqual([
    'Other: seen',
    'parcel_viewed',
    'parcel_viewed',
  ]);
  expect(held.map(({ timestamp }) => timestamp)).toEqual(Array(3).fill('2026-03-01T12:00:00.123Z'));
});

test('both: the files of all events are where they were', async () => {
  const folder = newFolder();
  const destination = await open(folder, { tables: 'both', partition_by: 'event_date' });
  contracts = [contractOf('page_viewed', [{ properties: { n: { type: 'integer' } } }])];
  const payload = payloadOf('page_viewed', { version: 1, properties: '{"n":1}' });
  await deliver(destination, payload);
  await untilExported(folder);
  expect(readdirSync(folder).sort()).toEqual(['.spool', 'event_date=2026-03-01', 'page_viewed']);
  const held = await readAll(destination.stored!({ fromMs: 0, toMs: Date.UTC(2027, 0) }));
  expect(held.map(({ eventId }) => eventId)).toEqual([idOf(payload)]);
});

test('an event of a version that is not known yet waits', async () => {
  const destination = await open(newFolder());
  contracts = [contractOf('page_viewed', [{ properties: {} }])];
  // An older event does not wait.
  const received = `"timestamp":"${new Date().toISOString()}"`;
  const payload = payloadOf('page_viewed', { version: 2, properties: '{}' }).replace(
    /"timestamp":"[^"]*"/,
    received,
  );
  expect(payload).toContain(received);
  expect(await destination.deliver([deliveryOf(payload)], never)).toMatchObject([
    { kind: 'retry', fault: 'destination', reason: expect.stringContaining('version 2') },
  ]);
});

test('a worker with older contracts leaves newer events in a shared spool, for a minute', async () => {
  const folder = newFolder();
  const spool = await openWriter(folder);
  onTestFinished(() => spool.close());
  const schemas = ['a', 'b'].map((name) => ({ properties: { [name]: { type: 'integer' } } }));
  const known = (versions: number): EventContract[] => [
    contractOf('page_viewed', schemas.slice(0, versions)),
  ];
  const payload = (): string => payloadOf('page_viewed', { version: 2, properties: '{"b":1}' });
  await deliver(spool, payload());
  // False, so that the worker knows that events wait.
  expect(await exportSpool(exportOf(folder), undefined, known(1))).toBe(false);
  expect(existsSync(path.join(folder, 'page_viewed'))).toBe(false);
  await exportSpool(exportOf(folder), undefined, known(2));
  expect(await ask(folder, 'page_viewed', 'b')).toEqual([{ b: '1' }]);
  // It does not wait for ever.
  await deliver(spool, payload());
  const database = openSpool(spoolOf(folder), 1000);
  database.exec("UPDATE blocks SET delivered_at = '2026-03-01T12:00:00.000Z'");
  database.close();
  await exportSpool(exportOf(folder), undefined, known(1));
  expect(await ask(folder, 'page_viewed', 'b')).toHaveLength(2);
});

test('events of several names that share a folder are in the order in which they came', async () => {
  const folder = newFolder();
  const spool = await openWriter(folder);
  onTestFinished(() => spool.close());
  const names = ['Other: b', 'Other: a', 'Other: b', 'Other: c', 'Other: a'];
  await deliver(spool, ...names.map((name) => payloadOf(name, { version: 0, properties: '{}' })));
  await exportSpool(exportOf(folder));
  const rows = await askFiles(folder, 'SELECT event_name FROM files');
  expect(rows.map((row) => row['event_name'])).toEqual(names);
});

test('a contract that comes after a crash moves no event that may be in a file', async () => {
  const folder = newFolder();
  const spool = await openWriter(folder);
  await deliver(spool, payloadOf('page_viewed', { version: 0, properties: '{}' }));
  await spool.close();
  // A first attempt that ended right after it recorded the table of the event.
  const database = openSpool(spoolOf(folder), 1000);
  const lot = takeLot(database, 1000, 1)!;
  tablesOfLot(database, lot, new Set(['page_viewed']), () => 'unplanned_events');
  database.close();
  await exportSpool(exportOf(folder), undefined, [contractOf('page_viewed', [{ properties: {} }])]);
  expect(existsSync(path.join(folder, 'page_viewed'))).toBe(false);
  expect(await ask(folder, 'unplanned_events', 'event_name')).toEqual([
    { event_name: 'page_viewed' },
  ]);
});
