import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { identityOf } from '../event-json.ts';
import { appendEvents, openDiskSpool } from './open-spool.fixture.ts';
import type { SpoolBatch } from './spool.ts';

const mib = 1024 * 1024;

function scratch(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-spool-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'spool');
}

const namesOf = ({ records }: SpoolBatch): string[] =>
  records.map((record) => identityOf(record).eventName);

/** Spools with one event that is not settled, and settled ones behind it, until it is short. */
async function pinnedSpool(whenFull: 'reject' | 'block') {
  const directory = scratch();
  const { spool } = await openDiskSpool(directory, {}, { whenFull });
  await appendEvents(spool, 0, 1, 1_000);
  const first = (await spool.read(1, mib, 0))!;
  for (let number = 1; !spool.isShort; number += 100) {
    await appendEvents(spool, number, 100, 1_000);
    const batch = (await spool.read(1_000, mib, 0))!;
    spool.settle(batch.range, batch.records.length);
  }
  return { spool, first, directory };
}

test('an event that is stored again frees what its old place kept', async () => {
  const { spool, first } = await pinnedSpool('reject');
  const { bytes, pinned } = spool;
  expect(pinned).toBe(spool.next - 1);
  expect(await spool.appendAgain(first.records)).toBe(true);
  expect([spool.bytes > bytes, spool.settled]).toEqual([true, 0]);
  spool.settle(first.range, 1);
  expect([spool.bytes < mib, spool.pinned, spool.settled]).toEqual([true, 0, spool.next - 1]);
  expect(namesOf((await spool.read(10, mib, 0))!)).toEqual(['event_0']);
});

test('it is in the spool after a restart, before and after its old place is settled', async () => {
  const { spool, first, directory } = await pinnedSpool('reject');
  await spool.appendAgain(first.records);
  const last = (await spool.read(10, mib, 0))!;
  expect(namesOf(last)).toEqual(['event_0']);
  spool.settle(first.range, 1);
  await spool.close();
  const { spool: again, left } = await openDiskSpool(directory, {});
  expect(left).toBe(1);
  expect((await again.read(10, mib, 0))!.records).toEqual(first.records);
});

test('a full spool has room for it, also while track() waits for room', async () => {
  const { spool, first } = await pinnedSpool('block');
  let stored = 0;
  const appends = Array.from({ length: 40 }, (_, number) =>
    appendEvents(spool, 10_000 + number, 1, 100_000).then(() => (stored += 1)),
  );
  // The other half of the spool has no room for all of them.
  await expect.poll(() => spool.bytes > 3.9 * mib).toBe(true);
  expect(stored).toBeLessThan(40);
  expect(await spool.appendAgain(first.records)).toBe(true);
  spool.settle(first.range, 1);
  await Promise.all(appends);
  expect(stored).toBe(40);
});

test('what does not fit into a little more than the room stays in its old place', async () => {
  const { spool, first } = await pinnedSpool('reject');
  const many = Array.from({ length: 4_000 }, () => first.records[0]!);
  const { next } = spool;
  expect(await spool.appendAgain(many)).toBe(false);
  expect(spool.next).toBe(next);
  await spool.close();
  expect(await spool.appendAgain(first.records)).toBe(false);
});
