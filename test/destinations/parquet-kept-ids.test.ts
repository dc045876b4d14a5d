import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';

import type { Delivery } from '../../src/destinations/destination.ts';
import { exportSpool, type ExportData } from '../../src/destinations/parquet/exporter.ts';
import { createKeptIds } from '../../src/destinations/parquet/ids/kept-ids.ts';
import { openSpool } from '../../src/destinations/parquet/spool/database.ts';
import {
  finishLot,
  forgetIds,
  lastBlock,
  readLot,
  takeLot,
} from '../../src/destinations/parquet/spool/lots.ts';
import { createSpoolWriter, type Spool } from '../../src/destinations/parquet/spool/spool.ts';
import { waitingEvents } from '../../src/destinations/parquet/spool/waiting.ts';
import { deliveryOfEvent, never } from './deliveries.ts';
import { exportDataOf } from './parquet-far-side.ts';

let data: ExportData;
let writer: Spool;
let database: DatabaseSync;

beforeEach(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-kept-ids-'));
  data = exportDataOf(folder);
  writer = await createSpoolWriter('lake', {
    file: data.spool,
    busyTimeoutMs: 5_000,
    isWhole: false,
  });
  database = openSpool(data.spool, 5_000);
});
afterEach(async () => {
  database.close();
  await writer.close();
  rmSync(data.folder, { recursive: true });
});

const make = (count: number): Delivery[] => Array.from({ length: count }, () => deliveryOfEvent());
const idsOf = (batch: readonly Delivery[]): string[] => batch.map(({ event }) => event().eventId);

test('all waiting ids are looked up at once, in a step for each segment of kept ids', async () => {
  const exported: Delivery[][] = [];
  for (const nowMs of [10_000, 20_000, 30_000]) {
    const batch = make(2);
    exported.push(batch);
    await writer.deliver(batch, never);
    await exportSpool(data, nowMs);
  }
  const [first, second] = [make(3), make(3)];
  const blocks = [[...first, ...exported[0]!], second, [...exported[2]!, ...first], exported[1]!];
  for (const block of blocks) await writer.deliver(block, never);
  const lists = [...waitingEvents(database)];
  expect(lists.flat().map(({ eventId }) => eventId)).toEqual(idsOf([...first, ...second]));
  const [reads, segments] = [2 * blocks.length, exported.length];
  expect(lists).toHaveLength(reads + segments);
});

test('no id is forgotten while a lot is open, so that its files are the same for each process', async () => {
  const [known, fresh] = [make(2), make(1)];
  await writer.deliver(known, never);
  await exportSpool(data, 10_000);
  await writer.deliver([...known, ...fresh], never);
  const kept = createKeptIds(database, data.idsKeptMs);
  const lot = takeLot(database, data.fileEventsMax, lastBlock(database))!;
  const seconds = (): number[] => [...readLot(database, lot, kept)!.isSecond];
  expect(seconds()).toEqual([1, 1, 0]);
  // Another process, which has found nothing to write.
  forgetIds(database, kept, 20_000);
  expect(seconds()).toEqual([1, 1, 0]);
  await exportSpool(data, 20_000 + data.idsKeptMs);
  expect(lastBlock(database)).toBe(0);
  await writer.deliver(known, never);
  const next = takeLot(database, data.fileEventsMax, lastBlock(database))!;
  expect([...readLot(database, next, kept)!.isSecond]).toEqual([0, 0]);
});

test('a lot that another process finishes while its ids are merged leaves each id once', async () => {
  const [known, fresh] = [make(3), make(2)];
  await writer.deliver(known, never);
  await exportSpool(data, 10_000);
  await writer.deliver(fresh, never);
  const lot = takeLot(database, data.fileEventsMax, lastBlock(database))!;
  const other = openSpool(data.spool, 5_000);
  onTestFinished(() => other.close());
  const [slow, fast] = [database, other].map((own) => createKeptIds(own, data.idsKeptMs));
  const read = { ...readLot(database, lot, slow!)!, files: 1 };
  const merge = slow!.merge.bind(slow);
  slow!.merge = (ids, isSecond, nowMs) => {
    const merged = merge(ids, isSecond, nowMs);
    finishLot(other, lot, read, { kept: fast!, nowMs });
    return merged;
  };
  finishLot(database, lot, read, { kept: slow!, nowMs: 20_000 });
  expect(database.prepare('SELECT sum(ids) AS n FROM id_segments').get()).toEqual({ n: 5 });
  await writer.deliver([...known, ...fresh], never);
  const next = takeLot(database, data.fileEventsMax, lastBlock(database))!;
  expect([...readLot(database, next, fast!)!.isSecond]).toEqual([1, 1, 1, 1, 1]);
});
