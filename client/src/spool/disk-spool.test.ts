import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { identityOf } from '../event-json.ts';
import { DiskSpool } from './disk-spool.ts';
import { appendEvents, openDiskSpool } from './open-spool.fixture.ts';
import type { DiskSpoolOptions, SpoolBatch, SpoolSignals } from './spool.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'headgate-spool-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

interface Reports {
  readonly dropped: { count: number; reason: string; stored: boolean }[];
  readonly damaged: { file: string; offset: number; bytes: number }[];
  readonly trouble: string[];
}

const mib = 1024 * 1024;

async function openSpool(
  overrides: Partial<DiskSpoolOptions> = {},
): Promise<{ spool: DiskSpool; reports: Reports; left: number }> {
  const reports: Reports = { dropped: [], damaged: [], trouble: [] };
  const signals = {
    dropped: (count, reason, _message, stored) => reports.dropped.push({ count, reason, stored }),
    damaged: (file, offset, bytes) =>
      reports.damaged.push({ file: path.basename(file), offset, bytes }),
    trouble: (message) => reports.trouble.push(message),
  } satisfies Partial<SpoolSignals>;
  const opened = await openDiskSpool(directory, signals, { bytesMax: 64 * mib, ...overrides });
  return { ...opened, reports };
}

const append = (spool: DiskSpool, first: number, count: number, bytes = 100): Promise<unknown> =>
  appendEvents(spool, first, count, bytes);

function numbersOf(batch: SpoolBatch | undefined): number[] {
  return (batch?.records ?? []).map((record) => Number(identityOf(record).eventName.slice(6)));
}

async function readAll(spool: DiskSpool): Promise<number[]> {
  const numbers: number[] = [];
  for (;;) {
    const batch = await spool.read(1_000, 4 * mib, 1);
    if (batch === undefined) return numbers;
    numbers.push(...numbersOf(batch));
    spool.settle(batch.range, batch.records.length);
  }
}

const range = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, index) => first + index);

const segments = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.seg'));
const segmentPath = (index: number): string => path.join(directory, segments()[index]!);

describe('append, read and settle', () => {
  test.each(['always', 'interval', 'none'] as const)(
    'events are read in order, with fsync %s',
    async (fsync) => {
      const { spool } = await openSpool({ fsync });
      await append(spool, 0, 2_500);
      expect(spool.unread).toBe(2_500);
      expect(await readAll(spool)).toEqual(range(0, 2_500));
      expect(spool.settled).toBe(2_500);
    },
  );

  test('the next spool has the events that were not settled', async () => {
    const first = await openSpool();
    await append(first.spool, 0, 30);
    const batch = await first.spool.read(10, mib, 1);
    first.spool.settle(batch!.range, 10);
    await first.spool.close();
    const second = await openSpool();
    expect(second.left).toBe(20);
    await append(second.spool, 30, 5);
    expect(await readAll(second.spool)).toEqual(range(10, 35));
  });

  test('a batch is limited by events, and by bytes including the overhead', async () => {
    const { spool } = await openSpool();
    await append(spool, 0, 20);
    const size = (await spool.read(1, mib, 1))!.records[0]!.length;
    expect(numbersOf(await spool.read(3, mib, 1))).toEqual([1, 2, 3]);
    expect(numbersOf(await spool.read(9, 4 * (size + 7), 7))).toEqual([4, 5, 6, 7]);
    expect(numbersOf(await spool.read(9, 4 * (size + 7) - 1, 7))).toEqual([8, 9, 10]);
    // A batch has at least one event, however large.
    expect(numbersOf(await spool.read(9, 1, 1))).toEqual([11]);
  });

  test('events of all sizes are read across the ends of chunks', async () => {
    const { spool } = await openSpool({ bytesMax: 256 * mib });
    await append(spool, 0, 40, 900_000);
    await append(spool, 40, 2_000, 10);
    expect(await readAll(spool)).toEqual(range(0, 2_040));
    expect(segments().length).toBeLessThan(3);
  });

  test('an event counts as settled once everything before it is settled', async () => {
    const { spool } = await openSpool();
    await append(spool, 0, 30);
    const [first, second] = [await spool.read(10, mib, 1), await spool.read(10, mib, 1)];
    spool.settle(second!.range, 10);
    expect(spool.settled).toBe(0);
    spool.settle(first!.range, 4);
    expect(spool.settled).toBe(0);
    spool.settle(first!.range, 6);
    expect(spool.settled).toBe(20);
  });

  test('only the cursor file remains when everything is settled', async () => {
    const { spool } = await openSpool();
    await append(spool, 0, 30);
    await readAll(spool);
    await spool.close();
    expect(readdirSync(directory)).toEqual(['cursor.json']);
  });

  test('ordinals continue after everything was settled', async () => {
    const first = await openSpool();
    await append(first.spool, 0, 30);
    await readAll(first.spool);
    await first.spool.close();
    const { spool, left } = await openSpool();
    expect([left, spool.next]).toEqual([0, 30]);
    await append(spool, 30, 1);
    expect(await readAll(spool)).toEqual([30]);
  });
});

describe('after a crash', () => {
  /** Leaves the files of a run that ended without close(), its segment altered by `change`. */
  async function crashed(change: (file: string) => void): Promise<void> {
    const { spool } = await openSpool();
    await append(spool, 0, 100);
    const copy = path.join(directory, 'copy');
    copyFileSync(segmentPath(0), copy);
    await readAll(spool);
    await spool.close();
    rmSync(path.join(directory, 'cursor.json'));
    change(copy);
    copyFileSync(copy, path.join(directory, `${'0'.repeat(16)}.seg`));
  }

  test('a torn tail is cut off, wherever it tears, and new events follow it', async () => {
    for (const cut of [1, 7, 8, 9, 100]) {
      await crashed((file) => writeFileSync(file, readFileSync(file).subarray(0, -cut)));
      const { spool, reports, left } = await openSpool();
      expect(left).toBe(99);
      await append(spool, 99, 3);
      expect(await readAll(spool)).toEqual(range(0, 102));
      expect(reports).toEqual({ dropped: [], damaged: [], trouble: [] });
      await spool.close();
      rmSync(path.join(directory, 'cursor.json'));
    }
  });

  test('zeros at the end, which a power cut leaves, are cut off', async () => {
    await crashed((file) => writeFileSync(file, Buffer.alloc(4_096), { flag: 'a' }));
    const { spool, reports } = await openSpool();
    expect(await readAll(spool)).toEqual(range(0, 100));
    expect(reports.damaged).toEqual([]);
  });

  test('damage loses only the events that it hits, is reported, and the file is kept', async () => {
    await crashed((file) => {
      const bytes = readFileSync(file);
      bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
      writeFileSync(file, bytes);
    });
    const { spool, reports } = await openSpool();
    const numbers = await readAll(spool);
    expect(numbers.length).toBe(99);
    expect(reports.damaged).toMatchObject([{ file: `${'0'.repeat(16)}.damaged` }]);
    await spool.close();
    expect(readdirSync(directory)).toContain(`${'0'.repeat(16)}.damaged`);
  });

  test('damage in an older segment is counted', async () => {
    const { spool } = await openSpool({ bytesMax: 4 * mib });
    for (let first = 0; first < 4_000; first += 500) await append(spool, first, 500, 300);
    await spool.close();
    expect(segments().length).toBeGreaterThan(2);
    const file = segmentPath(0);
    const bytes = readFileSync(file);
    bytes.fill(0xaa, 1_000, 3_000);
    writeFileSync(file, bytes);
    const again = await openSpool();
    const numbers = await readAll(again.spool);
    const lost = 4_000 - numbers.length;
    expect(lost).toBeGreaterThan(3);
    expect(again.reports.dropped).toEqual([{ count: lost, reason: 'damaged', stored: true }]);
    expect(again.spool.settled).toBe(4_000);
  });

  test('the intact events of a segment with a damaged beginning are read', async () => {
    await crashed((file) => {
      const bytes = readFileSync(file);
      bytes.write('garbage!', 0);
      writeFileSync(file, bytes);
    });
    const { spool, reports } = await openSpool();
    expect(await readAll(spool)).toEqual(range(0, 100));
    expect(reports.damaged).toMatchObject([{ offset: 0, bytes: 8 }]);
  });

  test('a segment without an intact event is renamed', async () => {
    await crashed((file) => writeFileSync(file, Buffer.alloc(1_000, 'y')));
    const { spool, left } = await openSpool();
    expect(left).toBe(0);
    await append(spool, 0, 1);
    expect(await readAll(spool)).toEqual([0]);
    expect(readdirSync(directory)).toContain(`${'0'.repeat(16)}.damaged`);
  });

  test.each(['', '{"ordinal":', '{"ordinal":-1,"segment":0,"offset":0}', '[]'])(
    'with the cursor %j everything is sent again',
    async (text) => {
      await crashed(() => {});
      writeFileSync(path.join(directory, 'cursor.json'), text);
      const { spool } = await openSpool();
      expect(await readAll(spool)).toEqual(range(0, 100));
    },
  );
});

describe('a full spool', () => {
  const small = { bytesMax: 4 * mib };

  /** Appends about 5 MiB. */
  async function overfill(spool: DiskSpool): Promise<PromiseSettledResult<unknown>[]> {
    const results: PromiseSettledResult<unknown>[] = [];
    for (let first = 0; first < 50; first += 1) {
      results.push(...(await Promise.allSettled([append(spool, first, 1, 100_000)])));
    }
    return results;
  }

  test('rejects and counts events beyond the limit, and stays within its bytes', async () => {
    const { spool, reports } = await openSpool({ ...small, whenFull: 'reject' });
    const results = await overfill(spool);
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]).toMatchObject({ reason: { code: 'spool_full' } });
    const dropped = reports.dropped.reduce((sum, { count }) => sum + count, 0);
    expect(dropped).toBe(refused.length);
    expect(reports.dropped.every(({ stored }) => !stored)).toBe(true);
    expect(spool.bytes).toBeLessThanOrEqual(small.bytesMax);
    expect((await readAll(spool)).length).toBe(50 - refused.length);
    await append(spool, 50, 1);
  });

  test('blocks until there is room', async () => {
    const { spool } = await openSpool({ ...small, whenFull: 'block' });
    let isDone = false;
    const done = overfill(spool).then(() => (isDone = true));
    while (spool.bytes < small.bytesMax - 300_000) await new Promise(setImmediate);
    expect(isDone).toBe(false);
    const numbers: number[] = [];
    while (numbers.length < 50) {
      numbers.push(...(await readAll(spool)));
      await new Promise(setImmediate);
    }
    await done;
    expect(numbers).toEqual(range(0, 50));
  });

  test('that blocks can be closed, and its callers get an error', async () => {
    const { spool } = await openSpool({ ...small, whenFull: 'block' });
    const done = overfill(spool);
    while (spool.bytes < small.bytesMax - 300_000) await new Promise(setImmediate);
    await spool.close();
    expect((await done).at(-1)).toMatchObject({ reason: { code: 'closed' } });
  });

  test('drops the oldest events and reports how many', async () => {
    const { spool, reports } = await openSpool({ ...small, whenFull: 'drop-oldest' });
    const results = await overfill(spool);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    const dropped = reports.dropped.reduce((sum, { count }) => sum + count, 0);
    expect(dropped).toBeGreaterThan(5);
    expect(reports.dropped.every(({ stored }) => stored)).toBe(true);
    expect(await readAll(spool)).toEqual(range(dropped, 50));
    expect(spool.settled).toBe(50);
  });

  test('drops the oldest events; those in flight still get their verdict', async () => {
    const { spool, reports } = await openSpool({ ...small, whenFull: 'drop-oldest' });
    await append(spool, 0, 3, 100_000);
    const batch = await spool.read(2, 4 * mib, 1);
    await overfill(spool);
    spool.settle(batch!.range, 2);
    const dropped = reports.dropped.reduce((sum, { count }) => sum + count, 0);
    expect((await readAll(spool)).length).toBe(53 - 2 - dropped);
    expect(spool.settled).toBe(53);
  });

  test('refuses events beyond the limit of unwritten bytes', async () => {
    const { spool, reports } = await openSpool({ unwrittenBytesMax: 10_000 });
    const results = await Promise.allSettled(
      range(0, 20).map((first) => append(spool, first, 1, 900)),
    );
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(reports.dropped.length).toBe(refused.length);
    expect(await readAll(spool)).toEqual(range(0, 20 - refused.length));
  });
});

describe('the directory', () => {
  test('has one owner', async () => {
    const { spool } = await openSpool();
    await expect(openSpool()).rejects.toMatchObject({ code: 'spool_locked' });
    await spool.close();
    await openSpool();
  });

  test('that cannot be created is an error of open() and of every append()', async () => {
    const file = path.join(directory, 'file');
    writeFileSync(file, '');
    const signals = { dropped: () => {}, damaged: () => {}, trouble: () => {}, readable: () => {} };
    const options = {
      bytesMax: 64 * mib,
      fsync: 'none',
      fsyncIntervalMs: 1,
      whenFull: 'block',
    } as const;
    const spool = new DiskSpool(
      { ...options, directory: path.join(file, 'spool'), unwrittenBytesMax: mib },
      signals,
    );
    const early = append(spool, 0, 1);
    await expect(spool.open()).rejects.toMatchObject({ code: 'spool_failed' });
    await expect(early).rejects.toMatchObject({ code: 'spool_failed' });
    await expect(append(spool, 0, 1)).rejects.toMatchObject({ code: 'spool_failed' });
    await spool.close();
  });

  test('has small segments: after a full one a new one begins', async () => {
    const { spool } = await openSpool({ bytesMax: 8 * mib });
    for (let first = 0; first < 40; first += 1) await append(spool, first, 1, 100_000);
    expect(segments().length).toBeGreaterThan(3);
    const largest = Math.max(
      ...segments().map((name) => statSync(path.join(directory, name)).size),
    );
    expect(largest).toBeLessThanOrEqual(mib);
    expect(await readAll(spool)).toEqual(range(0, 40));
    await vi.waitFor(() => expect(segments().length).toBe(1));
  });
});

test.skipIf(process.platform === 'win32')(
  'other users can read nothing of a spool, nor of one that an earlier version left open',
  async () => {
    const old = path.join(directory, `${'0'.repeat(16)}.damaged`);
    const foreign = path.join(directory, 'notes.txt');
    for (const file of [old, foreign]) {
      writeFileSync(file, '');
      chmodSync(file, 0o644);
    }
    chmodSync(directory, 0o755);
    const { spool } = await openSpool();
    await append(spool, 0, 1);
    await spool.close();
    const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
    expect(modeOf(directory)).toBe('700');
    const own = readdirSync(directory).filter((name) => name !== 'notes.txt');
    expect(own.length).toBeGreaterThan(1);
    for (const name of own)
      expect(`${name} ${modeOf(path.join(directory, name))}`).toMatch(/ 600$/);
    expect(modeOf(foreign)).toBe('644');
  },
);

test.skipIf(process.platform === 'win32')(
  'a directory that all users share is refused',
  async () => {
    chmodSync(directory, 0o1777);
    await expect(openSpool()).rejects.toThrow(/all users of this machine share it/);
  },
);
