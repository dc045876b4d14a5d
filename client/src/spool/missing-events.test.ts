import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import type { DiskSpool } from './disk-spool.ts';
import { openDiskSpool } from './open-spool.fixture.ts';

const mib = 1024 * 1024;
const eventsAll = 4_000;
const encoder = new EventEncoder({ context: undefined, eventBytesMax: mib });
const text = 'x'.repeat(300);
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'headgate-spool-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

async function openSpool(folder = directory) {
  const dropped: { count: number; reason: string; stored: boolean; message: string }[] = [];
  const opened = await openDiskSpool(folder, {
    dropped: (count, reason, message, stored) => dropped.push({ count, reason, stored, message }),
  });
  return { ...opened, dropped };
}

async function append(spool: DiskSpool, count: number): Promise<void> {
  for (let first = 0; first < count; first += 500) {
    await Promise.all(
      Array.from({ length: Math.min(500, count - first) }, () =>
        spool.append(
          encoder.encode({ eventName: 'order_completed', userId: 'u', properties: { text } }),
          undefined,
        ),
      ),
    );
  }
}

/** Reads and settles; resolves to how many events there were. */
async function settle(spool: DiskSpool, countMax = Infinity): Promise<number> {
  for (let count = 0; ;) {
    const batch =
      count < countMax ? await spool.read(Math.min(100, countMax - count), 4 * mib, 1) : undefined;
    if (batch === undefined) return count;
    spool.settle(batch.range, batch.records.length);
    count += batch.records.length;
  }
}

const segments = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.seg'));
const segmentPath = (index: number): string => path.join(directory, segments()[index]!);
const basesOf = (names: readonly string[]): number[] =>
  names.map((name) => Number(name.slice(0, 16)));

/** Leaves a spool of several segments. Resolves to how many events each has. */
async function fill(settled = 0): Promise<number[]> {
  const { spool } = await openSpool();
  await append(spool, eventsAll);
  await settle(spool, settled);
  await spool.close();
  const bases = basesOf(segments());
  return bases.map((base, at) => (bases[at + 1] ?? eventsAll) - base);
}

describe('a segment file that is gone', () => {
  test.each([
    ['the first', 0],
    ['one in the middle', 1],
    ['the last', 3],
  ])('%s is reported by its numbers', async (_which, index) => {
    const counts = await fill();
    expect(counts.length).toBe(4);
    const lost = counts[index]!;
    const base = basesOf(segments())[index]!;
    rmSync(segmentPath(index));
    const { spool, dropped } = await openSpool();
    expect(await settle(spool)).toBe(eventsAll - lost);
    expect(dropped).toMatchObject([{ count: lost, reason: 'missing' }]);
    expect(dropped[0]!.message).toContain(`${base} to ${base + lost - 1}`);
    await spool.close();
    const again = await openSpool();
    expect([again.left, again.dropped]).toEqual([0, []]);
  });

  test('all of them are reported', async () => {
    await fill(100);
    for (const name of segments()) rmSync(path.join(directory, name));
    const { spool, dropped, left } = await openSpool();
    expect(left).toBe(0);
    expect(dropped).toMatchObject([{ count: 3_900, reason: 'missing', stored: false }]);
    await append(spool, 3);
    expect(await settle(spool)).toBe(3);
  });

  test('one that goes while the spool is open is reported, and the others are read', async () => {
    const { spool, dropped } = await openSpool();
    await append(spool, eventsAll);
    const bases = basesOf(segments());
    rmSync(segmentPath(1));
    const lost = bases[2]! - bases[1]!;
    expect(await settle(spool)).toBe(eventsAll - lost);
    expect(dropped).toMatchObject([{ count: lost, reason: 'missing', stored: true }]);
    expect(spool.settled).toBe(eventsAll);
  });

  test('settled segments are deleted, which is not reported, also after a crash', async () => {
    const counts = await fill(2_500);
    expect(counts.length).toBeLessThan(4);
    const first = await openSpool();
    expect(await settle(first.spool)).toBe(1_500);
    // As a crash leaves it: the files of any moment, without the cursor of the close.
    const crashed = mkdtempSync(path.join(tmpdir(), 'headgate-spool-'));
    onTestFinished(() => rmSync(crashed, { recursive: true, force: true }));
    for (const name of readdirSync(directory)) {
      if (name !== 'owner.pid') copyFileSync(path.join(directory, name), path.join(crashed, name));
    }
    const again = await openSpool(crashed);
    expect([first.dropped, again.dropped]).toEqual([[], []]);
  });

  test('a cursor of an earlier version reports nothing', async () => {
    await fill();
    const file = path.join(directory, 'cursor.json');
    const { ordinal, segment, offset } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ordinal, segment, offset }));
    rmSync(segmentPath(0));
    const { dropped } = await openSpool();
    expect(dropped).toEqual([]);
  });
});
