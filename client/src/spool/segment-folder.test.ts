import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { identityOf } from '../event-json.ts';
import type { DiskSpool } from './disk-spool.ts';
import { frameHeaderBytes, segmentMagic } from './frame.ts';
import { appendEvents, openDiskSpool } from './open-spool.fixture.ts';

const mib = 1024 * 1024;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'headgate-spool-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

async function openSpool() {
  const dropped: { count: number; reason: string }[] = [];
  const opened = await openDiskSpool(directory, {
    dropped: (count, reason) => dropped.push({ count, reason }),
  });
  return { ...opened, dropped };
}

const append = (spool: DiskSpool, first: number, count: number, bytes = 50): Promise<unknown> =>
  appendEvents(spool, first, count, bytes);

/** Reads and settles up to `countMax` events. Resolves to their numbers. */
async function settle(spool: DiskSpool, countMax = Infinity): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < countMax) {
    const batch = await spool.read(Math.min(100, countMax - numbers.length), 4 * mib, 1);
    if (batch === undefined) break;
    numbers.push(...batch.records.map((each) => Number(identityOf(each).eventName.slice(6))));
    spool.settle(batch.range, batch.records.length);
  }
  return numbers;
}

const range = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, index) => first + index);

const filesOf = (suffix: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith(suffix))
    .map((name) => path.join(directory, name));

/** The offset of an event in a segment, counted from 0. */
function offsetOf(file: string, event: number): number {
  const bytes = readFileSync(file);
  let at = segmentMagic.length;
  for (let index = 0; index < event; index += 1) at += frameHeaderBytes + bytes.readUInt32LE(at);
  return at;
}

/** Zeros some events of a segment, as a power cut does where nothing was synced. */
function zero(file: string, first: number, end: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0, offsetOf(file, first), offsetOf(file, end));
  writeFileSync(file, bytes);
}

describe('in the last segment, with 80 of 100 events settled', () => {
  const { length: magicBytes } = segmentMagic;
  let file: string;

  beforeEach(async () => {
    const { spool } = await openSpool();
    await append(spool, 0, 100);
    await settle(spool, 80);
    await spool.close();
    [file] = filesOf('.seg') as [string];
  });

  test.each([
    ['in the middle', 10, 40],
    ['from the first event on', 0, 79],
    ['up to the cursor', 50, 80],
  ])('damage of settled events, %s, loses no other one', async (_where, first, end) => {
    zero(file, first, end);
    const { spool, dropped, left } = await openSpool();
    expect(left).toBe(20);
    await append(spool, 100, 5);
    expect(await settle(spool)).toEqual(range(80, 105));
    await spool.close();
    expect(dropped).toEqual([]);
    // It is kept, for inspection.
    expect([filesOf('.seg').length, filesOf('.damaged').length]).toEqual([0, 1]);
  });

  test('a damaged beginning of the file loses no event', async () => {
    const bytes = readFileSync(file);
    bytes.fill(0, 0, magicBytes);
    writeFileSync(file, bytes);
    const { spool, left } = await openSpool();
    expect(left).toBe(20);
    expect(await settle(spool)).toEqual(range(80, 100));
  });

  test('damage on both sides of the cursor loses the events that it hits', async () => {
    zero(file, 70, 90);
    const { spool, dropped, left } = await openSpool();
    expect(left).toBe(10);
    expect(await settle(spool)).toEqual(range(90, 100));
    await spool.close();
    expect(dropped).toEqual([{ count: 10, reason: 'missing' }]);
    expect(filesOf('.damaged').length).toBe(1);
  });

  test('damage behind the cursor and before it loses what it hits behind it', async () => {
    zero(file, 85, 90);
    zero(file, 10, 40);
    const { spool, dropped } = await openSpool();
    expect(await settle(spool)).toEqual([...range(80, 85), ...range(90, 100)]);
    expect(dropped).toEqual([{ count: 5, reason: 'missing' }]);
  });

  test('a file that ends before the cursor has no event to send', async () => {
    truncateSync(file, offsetOf(file, 50) + 3);
    const { spool, dropped, left } = await openSpool();
    expect([left, dropped]).toEqual([0, [{ count: 20, reason: 'missing' }]]);
    await append(spool, 100, 5);
    expect(await settle(spool)).toEqual(range(100, 105));
  });

  test('a file without an intact event is kept', async () => {
    zero(file, 0, 100);
    const { spool, dropped, left } = await openSpool();
    expect([left, dropped]).toEqual([0, [{ count: 20, reason: 'missing' }]]);
    await spool.close();
    expect([filesOf('.seg').length, filesOf('.damaged').length]).toEqual([0, 1]);
  });

  test('without a cursor, all intact events are sent again', async () => {
    zero(file, 10, 40);
    rmSync(path.join(directory, 'cursor.json'));
    const { spool, left } = await openSpool();
    expect(left).toBe(70);
    expect(await settle(spool)).toEqual([...range(0, 10), ...range(40, 100)]);
  });
});

test('damage of settled events in an earlier segment loses no other one', async () => {
  const { spool } = await openSpool();
  for (let first = 0; first < 4_000; first += 500) await append(spool, first, 500, 300);
  await settle(spool, 100);
  await spool.close();
  const segments = filesOf('.seg');
  expect(segments.length).toBeGreaterThan(2);
  zero(segments[0]!, 10, 40);
  const again = await openSpool();
  expect(again.left).toBe(3_900);
  expect(await settle(again.spool)).toEqual(range(100, 4_000));
  expect(again.dropped).toEqual([]);
});

test('a cursor at the end of the segment before leaves all events of the last one', async () => {
  const { spool } = await openSpool();
  for (let first = 0; first < 2_000; first += 500) await append(spool, first, 500, 300);
  const base = Number(path.basename(filesOf('.seg')[1]!, '.seg'));
  expect(await settle(spool, base)).toHaveLength(base);
  await spool.close();
  expect(JSON.parse(readFileSync(path.join(directory, 'cursor.json'), 'utf8'))).toMatchObject({
    ordinal: base,
    segment: 0,
  });
  const again = await openSpool();
  expect(filesOf('.seg').length).toBe(1);
  expect(await settle(again.spool)).toEqual(range(base, 2_000));
});
