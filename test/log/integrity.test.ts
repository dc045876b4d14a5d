import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import { deleteEvent, type MissingRange } from '../../src/jetstream/integrity/ledger.ts';
import { lengthOf } from '../../src/jetstream/events/ranges.ts';
import { createIntegrity, readMissingEvents } from '../../src/jetstream/integrity/integrity.ts';
import {
  createFileMarks,
  createLedgerMarks,
  type MarkStore,
} from '../../src/jetstream/integrity/mark-store.ts';
import {
  destinationConfig,
  publishEvents,
  recording,
  settled,
  startWorker,
} from '../delivery/rig.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { storedEvents } from '../stored-events.ts';

function integrityOf(real: RealLog, marks: MarkStore = createLedgerMarks(real.log)) {
  const found: MissingRange[] = [];
  const integrity = createIntegrity({
    log: real.log,
    marks,
    onMissing: (range) => found.push(range),
    onTotal: () => {},
    onTrouble: (error) => {
      throw error;
    },
    scrubBytesPerSecond: 1e12,
  });
  return { integrity, found };
}

/** Two blocks: large events fill one of 8 MiB each. */
async function fill(real: RealLog, count = 700): Promise<void> {
  await publishEvents(real.log, count, { properties: `{"text":"${'y'.repeat(20_000)}"}` });
}

const blockDir = ({ server }: RealLog): string => path.join(server.streamsDir, 'EVENTS_0', 'msgs');
const blockFile = (real: RealLog, block: number): string =>
  path.join(blockDir(real), `${block}.blk`);

function flipBit(file: string): void {
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 4;
  writeFileSync(file, bytes);
}

/** What was damaged is read when the server starts again. */
async function restartAfter(real: RealLog, damage: () => void): Promise<void> {
  real.killServer();
  damage();
  await expect
    .poll(
      () =>
        clientsForTests(real.log)
          .manager.streams.info('EVENTS_0')
          .catch(() => undefined),
      {
        timeout: 15_000,
      },
    )
    .toBeDefined();
}

async function sequencesIn(real: RealLog): Promise<number[]> {
  const found: number[] = [];
  for await (const { sequence } of storedEvents(real.log)) found.push(sequence);
  return found;
}

/** The events that can be read and those that are reported are all events, each once. */
async function expectAllAccountedFor(real: RealLog, count: number): Promise<void> {
  const missing = await readMissingEvents(real.log);
  const sequences = await sequencesIn(real);
  expect(lengthOf(missing)).toBe(count - sequences.length);
  for (const { from, to } of missing) {
    expect(sequences.filter((one) => one >= from && one <= to)).toEqual([]);
  }
}

describe('events that the log has lost are found', () => {
  test('after one flipped bit and a restart', async () => {
    await using real = await startRealLog({ durability: 'fsync' });
    await fill(real);
    const { integrity, found } = integrityOf(real);
    expect(await integrity.check()).toBe(0);
    await restartAfter(real, () => flipBit(blockFile(real, 1)));
    const missing = await integrity.check();
    expect(missing).toBeGreaterThan(0);
    expect(lengthOf(found)).toBe(missing);
    await expectAllAccountedFor(real, 700);
    // The times around the gap, and no second report.
    expect(found[0]!.afterMs).toBeGreaterThan(Date.now() - 60_000);
    expect(found[0]!.beforeMs).toBeGreaterThanOrEqual(found[0]!.afterMs!);
    expect(await integrity.check()).toBe(missing);
    expect(found).toHaveLength(1);
    // Another process knows it, too.
    const other = integrityOf(real);
    expect(await other.integrity.check()).toBe(missing);
    expect(other.found).toEqual([]);
  });

  test('after one flipped bit while the server runs, by the scrub', async () => {
    await using real = await startRealLog({ durability: 'fsync' });
    await fill(real);
    const { integrity, found } = integrityOf(real);
    expect(await integrity.scrub()).toBe(0);
    // A restart, so that the server reads the block again and not from its memory.
    await restartAfter(real, () => {});
    flipBit(blockFile(real, 1));
    expect(await integrity.check()).toBe(0);
    expect(await integrity.scrub()).toBe(1);
    expect(found).toHaveLength(1);
    await expectAllAccountedFor(real, 700);
  });

  test('nothing in a log that never held an event, by the scrub', async () => {
    await using real = await startRealLog();
    const { integrity, found } = integrityOf(real);
    expect(await integrity.scrub()).toBe(0);
    expect(found).toEqual([]);
  });

  test('after the end of the last block was cut, and new events took the sequences', async () => {
    await using real = await startRealLog({ durability: 'fsync' });
    await fill(real);
    const { integrity, found } = integrityOf(real);
    await integrity.check();
    const last = readdirSync(blockDir(real))
      .filter((name) => name.endsWith('.blk'))
      .map((name) => Number.parseInt(name, 10))
      .sort((left, right) => right - left)[0]!;
    await restartAfter(real, () => {
      truncateSync(blockFile(real, last), Math.floor(statSync(blockFile(real, last)).size / 2));
      rmSync(path.join(blockDir(real), 'index.db'), { force: true });
    });
    const missing = await integrity.check();
    expect(missing).toBeGreaterThan(0);
    expect(found.at(-1)).toMatchObject({ to: 700, beforeMs: undefined });
    await expectAllAccountedFor(real, 700);
    await publishEvents(real.log, 5);
    expect(await integrity.check()).toBe(missing);
  });

  test('after the first block was deleted, and after a hand deleted one', async () => {
    await using real = await startRealLog({ durability: 'fsync' });
    await fill(real);
    const { integrity, found } = integrityOf(real);
    await integrity.check();
    await restartAfter(real, () => {
      rmSync(blockFile(real, 1));
      rmSync(path.join(blockDir(real), 'index.db'), { force: true });
    });
    const missing = await integrity.check();
    expect(missing).toBeGreaterThan(100);
    expect(found[0]).toMatchObject({ from: 1, afterMs: undefined });
    await expectAllAccountedFor(real, 700);
    await clientsForTests(real.log).manager.streams.deleteMessage('EVENTS_0', 690);
    expect(await integrity.check()).toBe(missing + 1);
    expect(found.at(-1)).toMatchObject({ from: 690, to: 690 });
  });

  test('after the whole stream is gone, by the marks in the data directory', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-marks-'));
    try {
      await using real = await startRealLog();
      await publishEvents(real.log, 20);
      const before = integrityOf(real, createFileMarks(dataDir));
      expect(await before.integrity.check()).toBe(0);
      await before.integrity.stop();
      const { streams } = clientsForTests(real.log).manager;
      const { config } = await streams.info('EVENTS_0');
      await streams.delete('EVENTS_0');
      await streams.add(config);
      const after = integrityOf(real, createFileMarks(dataDir));
      expect(await after.integrity.check()).toBe(20);
      expect(after.found).toMatchObject([{ from: 1, to: 20 }]);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  test('by the next mark, without a check, when the log holds less than before', async () => {
    await using real = await startRealLog();
    await publishEvents(real.log, 20);
    const found: MissingRange[] = [];
    const integrity = createIntegrity({
      log: real.log,
      marks: createLedgerMarks(real.log),
      onMissing: (range) => found.push(range),
      onTotal: () => {},
      onTrouble: () => {},
      intervals: { markMs: 20 },
    });
    await integrity.check();
    integrity.start();
    const { streams } = clientsForTests(real.log).manager;
    const { config } = await streams.info('EVENTS_0');
    await streams.delete('EVENTS_0');
    await streams.add(config);
    await expect.poll(() => found).toMatchObject([{ from: 1, to: 20 }]);
    await integrity.stop();
  });
});

test('a log without events has lost none', async () => {
  await using real = await startRealLog();
  const { integrity, found } = integrityOf(real);
  expect(await integrity.check()).toBe(0);
  expect(await integrity.scrub()).toBe(0);
  expect(found).toEqual([]);
});

test('what a former leader lacks, which others have stored since, is not missing', async () => {
  await using real = await startRealLog();
  await publishEvents(real.log, 20);
  const { integrity: marker } = integrityOf(real);
  await marker.check();
  const { streams } = clientsForTests(real.log).manager;
  const { config } = await streams.info('EVENTS_0');
  // The answer of a server that is cut off: fewer events than the mark says.
  await streams.delete('EVENTS_0');
  await streams.add(config);
  const found: MissingRange[] = [];
  const looked = Promise.withResolvers<void>();
  const marks = createLedgerMarks(real.log);
  const read: MarkStore['read'] = (part) => marks.read(part).finally(looked.resolve);
  const integrity = createIntegrity({
    log: real.log,
    marks: { ...marks, read },
    onMissing: (range) => found.push(range),
    onTotal: () => {},
    onTrouble: () => {},
    intervals: { confirmMs: 2_000 },
  });
  const checked = integrity.check();
  await looked.promise;
  // The state is read after the mark.
  await sleep(500);
  // Later the leader answers, which has all of them.
  await publishEvents(real.log, 20);
  expect(await checked).toBe(0);
  expect(found).toEqual([]);
  expect(await integrity.check()).toBe(0);
});

test('what another process stores and marks during a look is not missing', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await publishEvents(log, 5);
  const marks = createLedgerMarks(log);
  let looks = 0;
  const read: MarkStore['read'] = async (part) => {
    looks += 1;
    await publishEvents(log, 3);
    const { state } = await clientsForTests(log).manager.streams.info(part.stream);
    const { first_seq: first, last_seq: last } = state;
    await marks.write(part, { first, last, scrubFrom: 0, atMs: 0 });
    return marks.read(part);
  };
  const { integrity, found } = integrityOf(real, { ...marks, read });
  expect(await integrity.check()).toBe(0);
  expect(found).toEqual([]);
  expect(looks).toBe(1);
});

describe('what was deleted on purpose is not missing', () => {
  test.each(['ledger', 'file'] as const)('with the marks in the %s', async (kind) => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-marks-'));
    try {
      await using real = await startRealLog();
      const { log } = real;
      const marks = kind === 'file' ? createFileMarks(dataDir) : createLedgerMarks(log);
      const { integrity, found } = integrityOf(real, marks);
      await publishEvents(log, 20);
      await integrity.check();
      await deleteEvent(log, 1, 'request');
      await deleteEvent(log, 15, 'request');
      expect(await integrity.check()).toBe(0);
      const worker = await startWorker(log, recording(), { config: destinationConfig() });
      await settled(log);
      await worker.stop();
      const janitor = createJanitor({
        log,
        retentionMs: 0,
        destinations: ['crm'],
        onTrouble: () => {},
        now: () => Date.now() + 1_000,
      });
      expect(await janitor.run()).toBe(17);
      await publishEvents(log, 3);
      expect(await integrity.check()).toBe(0);
      expect(await integrity.scrub()).toBe(0);
      expect(found).toEqual([]);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
