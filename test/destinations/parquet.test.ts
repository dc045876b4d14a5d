import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type {
  Delivery,
  Destination,
  DestinationSettings,
} from '../../src/destinations/destination.ts';
import { exportSpool, type ExportData } from '../../src/destinations/parquet/exporter.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { createSpoolWriter } from '../../src/destinations/parquet/spool/spool.ts';
import {
  deliverAll,
  deliveryOf,
  deliveryOfEvent,
  never,
  readAll,
  storedEvent,
} from './deliveries.ts';
import {
  askFiles,
  parquetSettings,
  readFileIds,
  spoolOf,
  untilExported,
} from './parquet-far-side.ts';

let folder: string;
const opened: Destination[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-parquet-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
  rmSync(folder, { recursive: true });
});

async function open(more: DestinationSettings = {}): Promise<Destination> {
  const destination = await createParquetDestination('lake', parquetSettings(folder, more));
  opened.push(destination);
  return destination;
}

const aWhile = { flush_interval: 3_600_000 };
const everything = { fromMs: 0, toMs: Date.UTC(2030, 0) };

function make(count: number): Delivery[] {
  return Array.from({ length: count }, () => deliveryOfEvent());
}

function idsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map((delivery) => delivery.event().eventId).sort();
}

/** Every file below the folder, the spool's aside. */
function files(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(parquet|tmp)$/.test(name))
    .sort();
}

async function storedIds(destination: Destination): Promise<string[]> {
  return (await readAll(destination.stored!(everything))).map(({ eventId }) => eventId).sort();
}

test('an event is a row in the folder of its hour, and keeps its types and long numbers', async () => {
  const destination = await open();
  const number = '12345678901234567890.123456789';
  const event = storedEvent({
    userId: 'ü',
    context: { page: '/' },
    occurredAt: '2026-03-01T11:00:00Z',
  });
  const payload = JSON.stringify({ ...event, properties: 0 });
  const delivery = deliveryOf(
    payload.replace('"properties":0', `"properties":{"total":${number}}`),
  );
  const nextHour = deliveryOfEvent({ timestamp: '2026-03-01T13:00:00.000Z' });
  await destination.deliver([delivery, nextHour], never);
  await untilExported(folder);
  const rows = await askFiles(
    folder,
    `SELECT *, timestamp AT TIME ZONE 'UTC' AS time FROM files ORDER BY timestamp`,
  );
  expect(rows).toMatchObject([
    {
      event_id: event.eventId,
      event_name: 'order_completed',
      source: 'checkout',
      time: '2026-03-01 12:00:00.123',
      user_id: 'ü',
      anonymous_id: null,
      idempotency_key: event.idempotencyKey,
      schema_version: 2,
      context: '{"page":"/"}',
      occurred_at: '2026-03-01T11:00:00Z',
      sequence: String(delivery.sequence),
      properties: `{"total":${number}}`,
      date: '2026-03-01',
      hour: '12',
    },
    { hour: '13' },
  ]);
  const [sequence, name] = [String(delivery.sequence).padStart(12, '0'), 'date=2026-03-01/hour=12'];
  expect(files()[0]).toMatch(
    new RegExp(`^${name}/${sequence}-${sequence}\\.[0-9a-f]{8}-\\d+\\.parquet$`),
  );
});

test('redelivered in other batches, events are in the files once', async () => {
  const destination = await open();
  const all = make(900);
  for (const [from, to] of [
    [0, 600],
    [300, 900],
    [0, 900],
    [450, 451],
  ] as const) {
    await destination.deliver(all.slice(from, to), never);
    await untilExported(folder);
  }
  expect((await readFileIds(folder)).sort()).toEqual(idsOf(all));
  expect(await storedIds(destination)).toEqual(idsOf(all));
});

test('a replay, whose sequences belong to other events too, writes its own files', async () => {
  const destination = await open();
  const first = make(3);
  const replayed = make(3).map((delivery, index) => ({
    ...delivery,
    sequence: first[index]!.sequence,
  }));
  for (const batch of [first, replayed]) {
    await destination.deliver(batch, never);
    await untilExported(folder);
  }
  expect((await readFileIds(folder)).sort()).toEqual(idsOf([...first, ...replayed]));
});

test('a file has no more events than file_events_max', async () => {
  const destination = await open({ file_events_max: 10, ...aWhile });
  const batch = make(25);
  await destination.deliver(batch, never);
  await untilExported(folder);
  const counts = await askFiles(
    folder,
    'SELECT count(*)::INT AS n FROM files GROUP BY filename ORDER BY n',
  );
  expect(counts.map(({ n }) => n)).toEqual([5, 10, 10]);
});

test('close leaves everything in files, and nothing behind', async () => {
  const destination = await open(aWhile);
  const batch = make(10);
  await destination.deliver(batch, never);
  expect(files()).toEqual([]);
  await destination.close();
  expect((await readFileIds(folder)).sort()).toEqual(idsOf(batch));
  expect(files().filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

/** A spool with events that no thread moves on. */
async function fillSpool(deliveries: readonly Delivery[]): Promise<ExportData> {
  const spool = spoolOf(folder);
  const events = await createSpoolWriter('spool', {
    file: spool,
    busyTimeoutMs: 1000,
    isWhole: false,
  });
  await deliverAll(events, deliveries);
  await events.close();
  return dataOf(spool);
}

function dataOf(spool: string): ExportData {
  return {
    folder,
    spool,
    busyTimeoutMs: 1000,
    fileEventsMax: 1000,
    idsKeptMs: 60_000,
    partition: 'hour',
  };
}

/** Writes the files of a lot as a process does that is killed right after the last one. */
async function exportUntilKilled(data: ExportData): Promise<void> {
  const spool = new DatabaseSync(data.spool);
  spool.exec(
    "CREATE TRIGGER killed BEFORE DELETE ON lots BEGIN SELECT RAISE(ABORT, 'killed'); END",
  );
  await expect(exportSpool(data)).rejects.toThrow('killed');
  spool.exec('DROP TRIGGER killed');
  spool.close();
}

test('a crash between the file and the end of its lot writes the same file, once', async () => {
  const before = make(20);
  const data = await fillSpool(before);
  await exportUntilKilled(data);
  const file = join(folder, files()[0]!);
  const bytes = readFileSync(file);
  // Events that have come since, and old ones that come again, are not in that lot.
  const after = make(5);
  await fillSpool([...before, ...after]);
  const destination = await open(aWhile);
  expect(await storedIds(destination)).toEqual(idsOf([...before, ...after]));
  await exportSpool(data);
  expect((await readFileIds(folder)).sort()).toEqual(idsOf([...before, ...after]));
  expect(readFileSync(file).equals(bytes)).toBe(true);
});

test('what a crash left of a file is seen by no reader, and swept up', async () => {
  const batch = make(20);
  const data = await fillSpool(batch);
  await exportUntilKilled(data);
  const file = join(folder, files()[0]!);
  const whole = readFileSync(file);
  rmSync(file);
  const left = join(file, '..', `.${file.split('/').at(-1)}.1.tmp`);
  writeFileSync(left, whole.subarray(0, 100));
  expect(await readFileIds(folder)).toEqual([]);
  await exportSpool(data);
  expect(readFileSync(file).equals(whole)).toBe(true);
  expect(existsSync(left)).toBe(false);
});

test('several processes may move on one spool', async () => {
  const batch = make(500);
  const data = { ...(await fillSpool(batch)), fileEventsMax: 7, busyTimeoutMs: 20_000 };
  const destinations = await Promise.all([
    open({ file_events_max: 7 }),
    open({ file_events_max: 7 }),
    exportSpool(data),
  ]);
  await Promise.all([destinations[0].close(), destinations[1].close()]);
  expect((await readFileIds(folder)).sort()).toEqual(idsOf(batch));
});

test('while files cannot be written events wait, and all is well afterwards', async () => {
  // A folder's name that is taken by a file fails as a full disk does, and for root too.
  const obstacle = join(folder, 'date=2026-03-01');
  const destination = await open();
  writeFileSync(obstacle, '');
  const taken = make(3);
  await destination.deliver(taken, never);
  const refused = make(2);
  const deliver = async () => (await destination.deliver(refused, never))[0];
  await expect.poll(deliver, { timeout: 20_000 }).toMatchObject({
    kind: 'retry',
    fault: 'destination',
    reason: expect.stringMatching(/Parquet files cannot be written: .*(EEXIST|ENOTDIR)/),
  });
  expect(await storedIds(destination)).toEqual(expect.arrayContaining(idsOf(taken)));
  rmSync(obstacle);
  await expect.poll(deliver, { timeout: 20_000 }).toEqual({ kind: 'delivered' });
  await destination.close();
  expect((await readFileIds(folder)).sort()).toEqual(idsOf([...taken, ...refused]));
});

test('DuckDB and we read while files are written: nothing half, nothing twice, nothing missing', async () => {
  const destination = await open({ flush_interval: 10, file_events_max: 400 });
  const sent: Delivery[] = [];
  for (let round = 0; round < 8; round += 1) {
    const batch = make(250);
    const delivering = destination.deliver(batch, never);
    const inFiles = await readFileIds(folder);
    expect(new Set(inFiles).size).toBe(inFiles.length);
    await delivering;
    sent.push(...batch);
    expect(await storedIds(destination)).toEqual(idsOf(sent));
  }
});

test('a file that somebody deletes is missed', async () => {
  const destination = await open({ file_events_max: 10 });
  const batch = make(30);
  await destination.deliver(batch, never);
  await untilExported(folder);
  rmSync(join(folder, files()[1]!));
  const left = await storedIds(destination);
  expect(left).toHaveLength(20);
  expect(left).toEqual((await readFileIds(folder)).sort());
});

test('ids are forgotten after ids_kept, and not before', async () => {
  const destination = await open({ ids_kept: 1000 });
  const batch = make(5);
  await destination.deliver(batch, never);
  await untilExported(folder);
  await destination.deliver(batch, never);
  await untilExported(folder);
  expect(await readFileIds(folder)).toHaveLength(5);
  await expect
    .poll(
      async () => {
        await destination.deliver(make(1), never);
        await untilExported(folder);
        await destination.deliver(batch, never);
        await untilExported(folder);
        const rows = await askFiles(
          folder,
          `SELECT event_id FROM files GROUP BY 1 HAVING count(*) > 1`,
        );
        return rows.length;
      },
      { timeout: 20_000, interval: 300 },
    )
    .toBe(5);
});

test('an invalid timestamp never becomes a path', async () => {
  const destination = await open();
  const batch = ['../../../etc', '2026-03-01', ''].map((timestamp) =>
    deliveryOfEvent({ timestamp }),
  );
  expect((await destination.deliver(batch, never)).map(({ kind }) => kind)).toEqual(
    batch.map(() => 'delivered'),
  );
  await untilExported(folder);
  expect(files().map((name) => name.split('/').slice(0, -1).join('/'))).toEqual([
    'date=unknown/hour=unknown',
  ]);
});

test('a spool that is deleted while in use is created again', async () => {
  const destination = await open();
  await destination.deliver(make(2), never);
  await untilExported(folder);
  for (const suffix of ['', '-wal', '-shm']) rmSync(spoolOf(folder) + suffix, { force: true });
  const batch = make(2);
  const deliver = async () => (await destination.deliver(batch, never))[0]?.kind;
  await expect.poll(deliver, { timeout: 20_000 }).toBe('delivered');
  await untilExported(folder);
  expect(await readFileIds(folder)).toHaveLength(4);
});
