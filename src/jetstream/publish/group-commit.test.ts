import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type * as GroupCommitFile from './group-commit.ts';
import type * as SyncedBlocksFile from './synced-blocks.ts';

/*
 * A test cannot observe what a sync covers, so this test replaces `fdatasync` and `fsync` by a
 * model: the bytes that a file has when its sync begins are durable once the sync ends.
 * test/log/power-cut.test.ts shows the same with a real file system and nats-server.
 */
const disk = vi.hoisted(() => ({
  durable: new Map<string, number>(),
  log: [] as string[],
  failure: undefined as Error | undefined,
  delayMs: 0,
}));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  const wrap =
    (name: 'fdatasync' | 'fsync') =>
    (descriptor: number, callback: (error: Error | null) => void): void => {
      const file = real.readlinkSync(`/proc/self/fd/${descriptor}`);
      const bytes = real.fstatSync(descriptor).size;
      disk.log.push(`${name} ${file.split('/').at(-1)}`);
      setTimeout(() => {
        if (disk.failure === undefined) disk.durable.set(file, bytes);
        callback(disk.failure ?? null);
      }, disk.delayMs);
    };
  const wrapped = { ...real, fdatasync: wrap('fdatasync'), fsync: wrap('fsync') };
  return { ...wrapped, default: wrapped };
});

/*
 * Test files share their modules: the file is loaded again here, with the model, and again by the next test file, without
 * it.
 */
let createGroupCommit: typeof GroupCommitFile.createGroupCommit;
let syncStreamDescription: typeof SyncedBlocksFile.syncStreamDescription;
beforeAll(async () => {
  vi.resetModules();
  ({ createGroupCommit } = await import('./group-commit.ts'));
  ({ syncStreamDescription } = await import('./synced-blocks.ts'));
});
afterAll(() => void vi.resetModules());

describe('group commit', () => {
  let folder: string;
  let messages: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(tmpdir(), 'headgate-commit-'));
    messages = path.join(folder, 'msgs');
    fs.mkdirSync(messages);
    disk.durable.clear();
    disk.log.length = 0;
    disk.failure = undefined;
    disk.delayMs = 0;
  });

  afterEach(() =>
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  );

  const block = (number: number): string => path.join(messages, `${number}.blk`);
  const write = (number: number): void => fs.appendFileSync(block(number), 'a message');
  const sizes = (): [string, number][] =>
    fs.readdirSync(messages).map((name) => {
      const file = path.join(messages, name);
      return [file, fs.statSync(file).size];
    });
  const isDurable = (written: [string, number][]): boolean =>
    disk.durable.has(messages) &&
    written.every(([file, bytes]) => (disk.durable.get(file) ?? -1) >= bytes);

  const anAck = { sequence: 1, duplicate: false };
  const joined = (commit: ReturnType<typeof createGroupCommit>): Promise<Error | undefined> =>
    new Promise((resolve) => commit.join((_ack, error) => resolve(error), anAck));

  /** Acknowledgements as nats-server sends them: they settle a message each, and then join. */
  const acknowledged = (
    commit: ReturnType<typeof createGroupCommit>,
    count: number,
  ): Promise<(Error | undefined)[]> => {
    commit.settled(count);
    return Promise.all(Array.from({ length: count }, () => joined(commit)));
  };
  const send = (commit: ReturnType<typeof createGroupCommit>, count: number): void => {
    for (let sent = 0; sent < count; sent += 1) commit.sent();
  };
  /** Blocks that this process has open. */
  const openBlocks = (): string[] =>
    fs
      .readdirSync('/proc/self/fd')
      .map((name) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${name}`);
        } catch {
          return '';
        }
      })
      .filter((name) => name.startsWith(messages));
  const microtasks = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

  test('serves joins of one turn with one sync, and calls back after it', async () => {
    disk.delayMs = 10;
    write(1);
    const commit = createGroupCommit(folder);
    const first = joined(commit);
    const rest = Array.from({ length: 100 }, () => joined(commit));
    expect(disk.durable.size).toBe(0);
    expect(await first).toBeUndefined();
    expect(isDurable(sizes())).toBe(true);
    await Promise.all(rest);
    expect(commit.counts()).toEqual({ commits: 1, joins: 101 });
  });

  test('waits until a group is as large as what nats-server has not answered', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    // The first sync is of all blocks.
    await joined(commit);
    disk.log.length = 0;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      send(commit, 4);
      const early = acknowledged(commit, 1);
      await microtasks();
      expect(disk.log).toEqual([]);
      const half = acknowledged(commit, 1);
      await microtasks();
      expect(disk.log).toEqual(['fdatasync 1.blk']);
      await vi.runAllTimersAsync();
      await Promise.all([early, half]);
      expect(commit.counts()).toEqual({ commits: 2, joins: 3 });
    } finally {
      vi.useRealTimers();
    }
  });

  test('does not wait for one that is alone', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    disk.log.length = 0;
    send(commit, 1);
    const alone = acknowledged(commit, 1);
    await microtasks();
    expect(disk.log).toEqual(['fdatasync 1.blk']);
    await alone;
  });

  test('does not wait for long for messages that nats-server never answers', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    send(commit, 1_000);
    expect(await acknowledged(commit, 1)).toEqual([undefined]);
    commit.settled(999);
    expect(await acknowledged(commit, 1)).toEqual([undefined]);
    expect(commit.counts()).toEqual({ commits: 2, joins: 2 });
  });

  test('begins the next sync before it calls back', async () => {
    disk.delayMs = 5;
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    disk.log.length = 0;
    let syncs = 0;
    const first = new Promise<void>((resolve) =>
      commit.join(() => {
        syncs = disk.log.length;
        resolve();
      }, anAck),
    );
    await microtasks();
    const second = joined(commit);
    await first;
    expect(syncs).toBe(2);
    await second;
    expect(commit.counts()).toEqual({ commits: 3, joins: 3 });
  });

  test('covers every byte written before the join, however the blocks rotate', async () => {
    disk.delayMs = 2;
    const commit = createGroupCommit(folder);
    let newest = 1;
    let uncovered = 0;
    const callbacks: Promise<void>[] = [];
    for (let turn = 0; turn < 700; turn += 1) {
      write(newest);
      if (turn % 23 === 22) write((newest += 1));
      if (turn % 100 === 99) write((newest += 1));
      const written = sizes();
      callbacks.push(
        joined(commit).then(() => {
          if (!isDurable(written)) uncovered += 1;
        }),
      );
      if (turn % 3 === 0) await sleep(1);
    }
    await Promise.all(callbacks);
    expect(uncovered).toBe(0);
    expect(commit.counts().commits).toBeLessThan(700);
  });

  test('syncs only the growing last block, and the folder for each new block', async () => {
    for (const number of [1, 2, 10]) write(number);
    const commit = createGroupCommit(folder);
    await joined(commit);
    expect(disk.log).toEqual([
      'fdatasync 1.blk',
      'fdatasync 2.blk',
      'fdatasync 10.blk',
      'fsync msgs',
    ]);
    disk.log.length = 0;
    write(10);
    await joined(commit);
    expect(disk.log).toEqual(['fdatasync 10.blk']);
    disk.log.length = 0;
    write(11);
    await joined(commit);
    expect(disk.log).toEqual(['fdatasync 10.blk', 'fdatasync 11.blk', 'fsync msgs']);
  });

  test('syncs all blocks again when the last one no longer exists', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    fs.rmSync(block(1));
    write(5);
    await joined(commit);
    expect(isDurable(sizes())).toBe(true);
  });

  test('finds new blocks beyond one that is gone', async () => {
    write(5);
    const commit = createGroupCommit(folder);
    await joined(commit);
    // Another process stored 6, whose messages were then deleted, and 7.
    write(6);
    write(7);
    fs.rmSync(block(6));
    await joined(commit);
    expect(isDurable(sizes())).toBe(true);
    write(9);
    await joined(commit);
    expect(isDurable(sizes())).toBe(true);
  });

  test('finds a block that appears in the same tick of the clock as an earlier change', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    const at = new Date();
    write(3);
    fs.utimesSync(messages, at, at);
    await joined(commit);
    write(5);
    fs.utimesSync(messages, at, at);
    await joined(commit);
    expect(isDurable(sizes())).toBe(true);
  });

  test('reads the folder of a stream with gaps only when it has changed', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    const past = new Date(Date.now() - 1_000);
    fs.utimesSync(messages, past, past);
    await joined(commit);
    write(2);
    // As if nothing had changed: only then is the block missed.
    fs.utimesSync(messages, past, past);
    disk.log.length = 0;
    await joined(commit);
    expect(disk.log).toEqual(['fdatasync 1.blk']);
  });

  test('a join beside a sync of everything waits for its own block', async () => {
    for (const number of [1, 2, 10, 11, 12]) write(number);
    disk.delayMs = 5;
    const commit = createGroupCommit(folder, false);
    const all = commit.syncEverything();
    await sleep(7);
    write(12);
    const written = sizes();
    await joined(commit);
    expect(isDurable(written)).toBe(true);
    await all;
  });

  test('a close waits for the syncs that are due', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    disk.delayMs = 10;
    send(commit, 4);
    const first = acknowledged(commit, 2);
    await microtasks();
    const second = acknowledged(commit, 1);
    await joined(commit);
    expect(openBlocks()).toHaveLength(1);
    const last = joined(commit);
    await microtasks();
    commit.close();
    expect(openBlocks()).toHaveLength(1);
    expect(await Promise.all([first, second, last])).toEqual([
      [undefined, undefined],
      [undefined],
      undefined,
    ]);
    await microtasks();
    expect(openBlocks()).toEqual([]);
  });

  test('a callback that throws takes no other from its group', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      commit.join(() => {
        // oxlint-disable-next-line no-throw-literal, only-throw-error
        throw undefined;
      }, anAck);
      expect(await joined(commit)).toBeUndefined();
      expect(warned).toHaveBeenCalledWith('undefined');
    } finally {
      warned.mockRestore();
    }
  });

  test('treats a failed sync as final', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    await joined(commit);
    disk.failure = new Error('EIO');
    expect((await joined(commit))?.message).toBe('EIO');
    disk.failure = undefined;
    expect((await joined(commit))?.message).toBe('EIO');
    await expect(commit.syncEverything()).rejects.toThrow('EIO');
    expect(commit.counts().commits).toBe(1);
  });

  test('treats a failed sync of everything as final, too', async () => {
    write(1);
    const commit = createGroupCommit(folder);
    disk.failure = new Error('EIO');
    await expect(commit.syncEverything()).rejects.toThrow('EIO');
    disk.failure = undefined;
    expect((await joined(commit))?.message).toBe('EIO');
  });

  test('fails while the folder is missing', async () => {
    fs.rmSync(messages, { recursive: true });
    const error = await joined(createGroupCommit(folder));
    expect(error).toMatchObject({
      code: 'not_synced',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('syncs the description of a stream and every folder on its path', async () => {
    const stream = path.join(folder, 'nats', 'jetstream', '$G', 'streams', 'EVENTS');
    fs.mkdirSync(stream, { recursive: true });
    for (const name of ['meta.inf', 'meta.sum']) fs.writeFileSync(path.join(stream, name), '{}');
    await syncStreamDescription(path.join(folder, 'nats'), stream);
    expect(disk.log).toEqual([
      'fdatasync meta.inf',
      'fdatasync meta.sum',
      ...['EVENTS', 'streams', '$G', 'jetstream', 'nats', path.basename(folder)].map(
        (name) => `fsync ${name}`,
      ),
    ]);
  });
});
