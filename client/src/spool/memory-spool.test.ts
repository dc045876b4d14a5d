import { expect, onTestFinished, test } from 'vitest';

import { MemorySpool, type MemorySpoolOptions } from './memory-spool.ts';
import type { SpoolBatch } from './spool.ts';

const payload = Buffer.alloc(100, 'x');

function openSpool(options: Partial<MemorySpoolOptions> = {}): {
  spool: MemorySpool;
  dropped: { count: number; reason: string; stored: boolean }[];
} {
  const dropped: { count: number; reason: string; stored: boolean }[] = [];
  const spool = new MemorySpool(
    { bytesMax: 1_000, whenFull: 'reject', ...options },
    {
      dropped: (count, reason, _message, stored) => dropped.push({ count, reason, stored }),
      damaged: () => {},
      trouble: () => {},
      readable: () => {},
    },
  );
  onTestFinished(() => spool.close());
  return { spool, dropped };
}

const append = (spool: MemorySpool, count: number): Promise<PromiseSettledResult<unknown>[]> =>
  Promise.allSettled(Array.from({ length: count }, (_, index) => spool.append(payload, index)));

async function readAll(spool: MemorySpool): Promise<SpoolBatch> {
  return (await spool.read(1_000, 1_000_000, 1))!;
}

test('appended events are read, and their room is free once their batch is settled', async () => {
  const { spool } = openSpool();
  expect((await append(spool, 10)).every(({ status }) => status === 'fulfilled')).toBe(true);
  const batch = await readAll(spool);
  expect(batch.records).toEqual(Array.from({ length: 10 }, () => payload));
  spool.settle(batch.range, 9);
  expect([spool.bytes, spool.settled]).toEqual([1_000, 0]);
  spool.settle(batch.range, 1);
  expect([spool.bytes, spool.settled, spool.unread]).toEqual([0, 10, 0]);
  expect(await spool.read(1, 1, 1)).toBeUndefined();
});

test('a batch is limited by events, and by bytes including the overhead', async () => {
  const { spool } = openSpool();
  await append(spool, 10);
  expect((await spool.read(3, 1_000, 1))!.records.length).toBe(3);
  expect((await spool.read(9, 220, 10))!.records.length).toBe(2);
  expect((await spool.read(9, 219, 10))!.records.length).toBe(1);
  expect((await spool.read(9, 1, 10))!.records.length).toBe(1);
});

test('an event beyond the limit is rejected and counted', async () => {
  const { spool, dropped } = openSpool();
  const results = await append(spool, 11);
  expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'spool_full' } });
  expect(dropped).toEqual([{ count: 1, reason: 'spool_full', stored: false }]);
});

test('an event beyond the limit waits for room', async () => {
  const { spool, dropped } = openSpool({ whenFull: 'block' });
  const appended = append(spool, 12);
  const batch = await readAll(spool);
  expect(batch.records.length).toBe(10);
  spool.settle(batch.range, 10);
  expect((await appended).every(({ status }) => status === 'fulfilled')).toBe(true);
  expect((await readAll(spool)).records.length).toBe(2);
  expect(dropped).toEqual([]);
});

test('an event beyond the limit drops the oldest event that is not in flight', async () => {
  const { spool, dropped } = openSpool({ whenFull: 'drop-oldest' });
  await append(spool, 10);
  const batch = (await spool.read(4, 1_000, 1))!;
  await append(spool, 3);
  expect(dropped.length).toBe(3);
  spool.settle(batch.range, 4);
  const rest = await readAll(spool);
  expect(rest.records.length).toBe(6);
  spool.settle(rest.range, 6);
  expect(spool.settled).toBe(13);
});

test('events left at close() are lost and reported', async () => {
  const { spool, dropped } = openSpool({ whenFull: 'block' });
  const appended = append(spool, 11);
  const batch = (await spool.read(4, 1_000, 1))!;
  spool.settle(batch.range, 3);
  await spool.close();
  expect(dropped).toEqual([{ count: 7, reason: 'closed', stored: true }]);
  expect((await appended).at(-1)).toMatchObject({ reason: { code: 'closed' } });
  await expect(spool.append(payload, 0)).rejects.toMatchObject({ code: 'closed' });
});
