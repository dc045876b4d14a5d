import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Delivery, Destination } from '../../src/destinations/destination.ts';
import { exportSpool, type ExportData } from '../../src/destinations/parquet/exporter.ts';
import { writeBytes } from '../../src/destinations/parquet/file.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { createSpool, openSpool } from '../../src/destinations/parquet/spool/database.ts';
import { earlierEvents } from '../../src/destinations/parquet/spool/earlier-spool.ts';
import { createSpoolWriter, type Spool } from '../../src/destinations/parquet/spool/spool.ts';
import { createKeyedEvents } from '../../src/destinations/sqlite/keyed-events.fixture.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { deliveryOf, deliveryOfEvent, never, readAll, storedEvent } from './deliveries.ts';
import {
  askFiles,
  askSpool,
  parquetSettings,
  readFileIds,
  exportDataOf,
} from './parquet-far-side.ts';

let folder: string;
let data: ExportData;
const opened: Pick<Spool, 'close'>[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-spool-'));
  data = exportDataOf(folder);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
  rmSync(folder, { recursive: true });
});

async function openWriter(isWhole = false): Promise<Spool> {
  const writer = await createSpoolWriter('lake', {
    file: data.spool,
    busyTimeoutMs: 5_000,
    isWhole,
  });
  opened.push(writer);
  return writer;
}

const make = (count: number): Delivery[] => Array.from({ length: count }, () => deliveryOfEvent());
const idsOf = (...lots: Delivery[][]): string[] =>
  lots
    .flat()
    .map((delivery) => delivery.event().eventId)
    .sort();
const inFiles = async (): Promise<string[]> => (await readFileIds(folder)).sort();
const files = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.parquet'),
  );

/** The spool as an earlier version writes it, with rows. */
async function openEarlier(): Promise<Destination> {
  if (!existsSync(data.spool)) {
    mkdirSync(path.dirname(data.spool), { recursive: true });
    const database = new DatabaseSync(data.spool);
    database.exec(createKeyedEvents);
    database.close();
  }
  const own = { path: data.spool, busy_timeout: 5_000 };
  const earlier = await createSqliteDestination('lake', own);
  opened.push(earlier);
  return earlier;
}

/** What the exporter of an earlier version adds to it. */
function prepareEarlier(...statements: string[]): void {
  const database = new DatabaseSync(data.spool);
  database.exec(`
    CREATE TABLE IF NOT EXISTS claims (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      hour TEXT NOT NULL,
      row_max INTEGER NOT NULL,
      events INTEGER NOT NULL,
      first_sequence INTEGER NOT NULL,
      last_sequence INTEGER NOT NULL,
      partition TEXT NOT NULL DEFAULT 'hour'
    );
    CREATE TABLE IF NOT EXISTS exported (
      event_id TEXT PRIMARY KEY NOT NULL,
      exported_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS spool (id TEXT NOT NULL);`);
  for (const statement of statements) database.exec(statement);
  database.close();
}

test('a spool of an earlier version is taken over: rows, the file that was begun, and ids', async () => {
  const earlier = await openEarlier();
  const [exported, claimed] = [make(3), make(2)];
  const odd = deliveryOf(
    JSON.stringify(storedEvent({ userId: 'ü"', properties: { n: 0 } })).replace(
      '{"n":0}',
      '{"n":12345678901234567890.10}',
    ),
  );
  const waiting = [...make(4), odd];
  await earlier.deliver(claimed, never);
  await earlier.deliver(waiting, never);
  // A second copy of an event that is in a file waits as well.
  await earlier.deliver(exported, never);
  const ids = idsOf(exported).map((id) => `('${id}', ${Date.now()})`);
  prepareEarlier(
    "INSERT INTO spool VALUES ('0a1b2c3d')",
    `INSERT INTO exported VALUES ${ids.join(', ')}`,
    "INSERT INTO claims VALUES (7, '2026-03-01T12', 2, 2, 11, 12, 'hour')",
  );
  const destination = await createParquetDestination(
    'lake',
    parquetSettings(folder, { flush_interval: 3_600_000 }),
  );
  opened.push(destination);
  const more = make(2);
  await destination.deliver([...more, claimed[0]!, waiting[0]!, exported[0]!], never);
  const stored = async (): Promise<string[]> =>
    (await readAll(destination.stored!({ fromMs: 0, toMs: Date.UTC(2030, 0) })))
      .map(({ eventId }) => eventId)
      .sort();
  const wanted = idsOf(claimed, waiting, more);
  expect(await stored()).toEqual(wanted);
  await exportSpool(data);
  expect(await inFiles()).toEqual(wanted);
  expect(await stored()).toEqual(wanted);
  const hour = 'date=2026-03-01/hour=12';
  expect(files()).toContain(`${hour}/000000000011-000000000012.0a1b2c3d-7.parquet`);
  expect(files().filter((name) => name.endsWith('.0a1b2c3d-8.parquet'))).toHaveLength(1);
  const text = `SELECT user_id, properties FROM files WHERE event_id = '${odd.event().eventId}'`;
  expect(await askFiles(folder, text)).toEqual([
    { user_id: 'ü"', properties: '{"n":12345678901234567890.10}' },
  ]);
  // All of them are known from now on.
  await destination.deliver([...exported, ...claimed, ...waiting, ...more], never);
  await exportSpool(data);
  expect(await inFiles()).toEqual(wanted);
});

test('an earlier worker that still writes is heard to the end, and then refused', async () => {
  const earlier = await openEarlier();
  const [before, during, after] = [make(2), make(3), make(1)];
  await earlier.deliver(before, never);
  prepareEarlier("INSERT INTO spool VALUES ('0a1b2c3d')");
  const writer = await openWriter();
  await writer.deliver(before, never);
  await earlier.deliver(during, never);
  await exportSpool(data);
  expect(await inFiles()).toEqual(idsOf(before, during));
  // It does not know which events are in files by now. They come again to a worker that does.
  const refused = { kind: 'retry', fault: 'destination' };
  const outcomes = await earlier.deliver([...after, ...before], never);
  expect(outcomes).toMatchObject([refused, refused, refused]);
  await expect(openEarlier()).rejects.toThrow('start the newer Headgate');
  await writer.deliver([...after, ...before], never);
  await exportSpool(data);
  expect(await inFiles()).toEqual(idsOf(before, during, after));
});

test('events of an earlier version are taken over whatever their versions are', async () => {
  const earlier = await openEarlier();
  const versions = ['"abc"', '1.5', '9007199254740993', 'true', '""', '3'];
  const batch = versions.map((version) =>
    deliveryOf(
      JSON.stringify(storedEvent()).replace('"schemaVersion":2', `"schemaVersion":${version}`),
    ),
  );
  await earlier.deliver(batch, never);
  await exportSpool(data);
  const rows = await askFiles(folder, 'SELECT schema_version FROM files ORDER BY sequence');
  expect(rows.map(({ schema_version: version }) => version)).toEqual([
    null,
    null,
    null,
    1,
    null,
    3,
  ]);
});

test('a take-over has at most 64 MiB of rows in a transaction, and shows as many at once', async () => {
  const earlier = await openEarlier();
  await earlier.deliver(make(8), never);
  const database = openSpool(data.spool, 5_000);
  const text = `{"text":"' || hex(zeroblob(5000000)) || '"}`;
  database.exec(`UPDATE events SET properties = '${text}'`);
  expect(earlierEvents(database).next().value?.count).toBe(7);
  createSpool(data.spool, 5_000).close();
  const kill =
    "AFTER INSERT ON blocks WHEN new.number = 8 BEGIN SELECT RAISE(ABORT, 'killed'); END";
  database.exec(`CREATE TRIGGER killed ${kill}`);
  await expect(exportSpool(data)).rejects.toThrow('killed');
  const counts = '(SELECT count(*) FROM blocks) AS blocks, (SELECT count(*) FROM events) AS rows';
  expect(database.prepare(`SELECT ${counts}`).get()).toEqual({ blocks: 7, rows: 1 });
  database.close();
});

test('a file of an earlier version that exists is not written again', async () => {
  const earlier = await openEarlier();
  const batch = make(2);
  await earlier.deliver(batch, never);
  const claim = "INSERT INTO claims VALUES (7, '2026-03-01T12', 2, 2, 11, 12, 'hour')";
  prepareEarlier("INSERT INTO spool VALUES ('0a1b2c3d')", claim);
  // Killed between the file and the end of its claim.
  const kill = "BEFORE DELETE ON claims BEGIN SELECT RAISE(ABORT, 'killed'); END";
  prepareEarlier(`CREATE TRIGGER killed ${kill}`);
  await expect(exportSpool(data)).rejects.toThrow('killed');
  prepareEarlier('DROP TRIGGER killed');
  expect(await inFiles()).toEqual(idsOf(batch));
  await exportSpool(data);
  await exportSpool(data);
  expect(files()).toHaveLength(1);
  expect(askSpool(folder, 'SELECT next FROM files')).toEqual([{ next: 8 }]);
});

test('a second copy is refused in a batch, in a lot, and in later ones, until it is forgotten', async () => {
  const writer = await openWriter();
  const [first, second] = [make(3), make(2)];
  await writer.deliver([...first, ...first], never);
  await writer.deliver([...second, ...first], never);
  const sequences = idsOf(first, second).length;
  await exportSpool({ ...data, idsKeptMs: 1_000 }, 10_000);
  expect(await inFiles()).toEqual(idsOf(first, second));
  expect(await askFiles(folder, 'SELECT count(DISTINCT sequence)::INT AS n FROM files')).toEqual([
    { n: sequences },
  ]);
  await writer.deliver(first, never);
  await exportSpool({ ...data, idsKeptMs: 1_000 }, 10_900);
  expect(await inFiles()).toEqual(idsOf(first, second));
  await exportSpool({ ...data, idsKeptMs: 1_000 }, 11_100);
  await writer.deliver(first, never);
  await exportSpool({ ...data, idsKeptMs: 1_000 }, 11_200);
  expect(await inFiles()).toEqual(idsOf(first, first, second));
});

test('a block that cannot be read stops the files, says which it is, and loses nothing', async () => {
  const writer = await openWriter();
  const [first, second] = [make(3), make(2)];
  await writer.deliver(first, never);
  await writer.deliver(second, never);
  const database = new DatabaseSync(data.spool);
  const { directory } = database.prepare('SELECT directory FROM blocks WHERE number = 1').get()!;
  const change = database.prepare('UPDATE blocks SET directory = ? WHERE number = 1');
  change.run(new Uint8Array(5));
  await expect(exportSpool(data)).rejects.toThrow('block 1 of the spool cannot be read');
  expect(files()).toEqual([]);
  change.run(directory!);
  database.close();
  await exportSpool(data);
  expect(await inFiles()).toEqual(idsOf(first, second));
});

test('events that are kept whole are whole in their rows, byte for byte', async () => {
  const writer = await openWriter(true);
  const payload = JSON.stringify(storedEvent()).replace('{', '{ "unknown":1.50,');
  const damaged = deliveryOf('{"eventId":"e"}');
  const outcomes = await writer.deliver([deliveryOf(payload), damaged], never);
  expect(outcomes).toEqual([
    { kind: 'delivered' },
    { kind: 'dead', reason: 'not a stored event: NOT NULL constraint failed: events.event_name' },
  ]);
  await exportSpool(data);
  expect(await askFiles(folder, 'SELECT properties, traceparent FROM files')).toEqual([
    { properties: payload, traceparent: 'headgate:whole' },
  ]);
  expect(existsSync(path.join(folder, 'date=2026-03-01', 'hour=12'))).toBe(true);
});

test('two that write one file at the same moment write into files of their own, whatever their process ids', () => {
  const file = path.join(folder, 'a', 'x.parquet');
  const bytes = Buffer.from('PAR1');
  const begun = (): number => readdirSync(path.dirname(file)).length;
  const counts: number[] = [];
  const first = (): Uint8Array => {
    counts.push(begun());
    const second = (): Uint8Array => {
      counts.push(begun());
      return bytes;
    };
    writeBytes(file, second, folder);
    return bytes;
  };
  writeBytes(file, first, folder);
  expect(counts).toEqual([1, 2]);
  expect(readdirSync(path.dirname(file))).toEqual(['x.parquet']);
  expect(readFileSync(file)).toEqual(bytes);
});
