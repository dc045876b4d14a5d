import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import type { Verdict } from '../../src/event/verdict.ts';
import { clientsForTests, withClients } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { subjects } from '../../src/jetstream/topology.ts';
import { readNote } from '../../src/quarantine/outcome-note.ts';
import type { ReplayMarks } from '../../src/quarantine/replay-marks.ts';
import type { ReplayRequest, ReplayResult } from '../../src/quarantine/replay.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import {
  asItIs,
  because,
  everything,
  failureOf,
  open,
  openOperator,
  recordOf,
  reject,
  storedPositions,
  underOtherKey,
  type Operator,
  type Steps,
} from './claims-rig.ts';

/** For this process, a claim is old as soon as it is there. */
const late = { claimMs: 1, waitMs: 50 };
const early = { waitMs: 50 };

/** A promise that a test settles. */
function latch() {
  return Promise.withResolvers<void>();
}

async function foundBy({ rejected }: Operator, sequence: number) {
  return (await rejected.get(sequence))!;
}

test.each(['before the event is stored', 'before its outcome is recorded'])(
  'a discard %s waits for the replay, and is refused with its result',
  async (when) => {
    await using real = await startRealLog();
    const sequence = await reject(real.log);
    const [reached, goOn] = [latch(), latch()];
    const pause = async (): Promise<void> => {
      reached.resolve();
      await goOn.promise;
    };
    const steps =
      when === 'before the event is stored' ? { beforePublish: pause } : { afterPublish: pause };
    const one = openOperator(real.log, { steps });
    const other = openOperator(await real.open());
    const found = await foundBy(other, sequence);
    const replayed = one.replay.one(await foundBy(one, sequence), asItIs);
    await reached.promise;
    const discarded = failureOf(other.discard.one(found, because('worthless')));
    await sleep(100);
    goOn.resolve();
    expect(await replayed).toMatchObject({ status: 'accepted', storedSequence: 1 });
    expect(await discarded).toMatchObject({
      code: 'rejected_settled',
      message: `Event ${sequence} is stored: 1 in EVENTS.`,
    });
    expect(await storedPositions(real.log)).toEqual([1]);
    expect(await recordOf(real.log, sequence)).toBe('accepted 1');
  },
);

test('of two replays under two keys, one stores the event, and the other reports where it is', async () => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  const [reached, goOn] = [latch(), latch()];
  const beforePublish = async (): Promise<void> => {
    reached.resolve();
    await goOn.promise;
  };
  const one = openOperator(real.log, { steps: { beforePublish } });
  const other = openOperator(await real.open());
  const found = await foundBy(other, sequence);
  const first = one.replay.one(await foundBy(one, sequence), underOtherKey);
  await reached.promise;
  const second = other.replay.one(found, underOtherKey);
  await sleep(100);
  goOn.resolve();
  expect(await first).toMatchObject({ status: 'accepted', storedSequence: 1 });
  expect(await second).toMatchObject({ status: 'duplicate', storedSequence: 1 });
  expect(await storedPositions(real.log)).toEqual([1]);
  expect(await recordOf(real.log, sequence)).toBe('accepted 1');
});

test.each(['discard', 'replay'] as const)(
  'a replay by filter beside a %s by filter: each event has one outcome',
  async (act) => {
    await using real = await startRealLog();
    const pause = () => sleep(Math.random() * 4);
    const steps = { beforePublish: pause, afterPublish: pause };
    const one = openOperator(real.log, { steps });
    const other = openOperator(await real.open(), { steps });
    for (let round = 0; round < 15; round += 1) {
      const sequences: number[] = [];
      for (let count = 0; count < 8; count += 1) sequences.push(await reject(real.log));
      const before = (await storedPositions(real.log)).length;
      const replayed: ReplayResult[] = [];
      const discarded = new Set<number>();
      const replayIn = async ({ replay }: Operator) => {
        replayed.push(...(await replay.page(open, 8, '', underOtherKey)).items);
      };
      const discardIn = async ({ discard }: Operator) => {
        const { items } = await discard.page(open, 8, '', because('a test'));
        for (const { entry } of items) discarded.add(entry.sequence);
      };
      await Promise.all([
        replayIn(one),
        sleep(Math.random() * 12).then(() => (act === 'replay' ? replayIn : discardIn)(other)),
      ]);
      for (const sequence of sequences) {
        const accepted = replayed.filter(
          ({ entry, status }) => entry.sequence === sequence && status === 'accepted',
        );
        expect(accepted.length + Number(discarded.has(sequence))).toBe(1);
        const outcome = accepted.map(({ storedSequence }) => `accepted ${storedSequence}`);
        expect(await recordOf(real.log, sequence)).toBe(outcome[0] ?? 'discarded: a test');
      }
      const stored = (await storedPositions(real.log)).length - before;
      expect(stored).toBe(sequences.length - discarded.size);
    }
  },
);

/** Replays an event in another process, which is killed (-9) at a step. */
async function killAt(
  real: RealLog,
  task: { sequence: number; step: keyof Steps; hasOtherKey: boolean },
): Promise<void> {
  const { address, streamsDir } = real.server;
  const text = JSON.stringify({ ...task, address, streamsDir });
  const child = fork(new URL('replay-child.ts', import.meta.url), [text], { execArgv: [] });
  try {
    await once(child, 'message', { signal: AbortSignal.timeout(20_000) });
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

test('a replay that was killed before the event was stored is in the way until its claim is old', async () => {
  await using real = await startRealLog();
  const [sequence, free] = [await reject(real.log), await reject(real.log)];
  await killAt(real, { sequence, step: 'beforePublish', hasOtherKey: false });
  const operator = openOperator(await real.open(), early);
  const found = await foundBy(operator, sequence);
  const text =
    /^A replay of event 1 began at .+Z and its result is not known yet\. Try again after/;
  expect(await operator.replay.one(found, underOtherKey)).toMatchObject({
    status: 'retry',
    error: { code: 'rejected_busy', message: expect.stringMatching(text) },
  });
  const busy = { code: 'rejected_busy', message: expect.stringMatching(text) };
  await expect(operator.discard.one(found, because('late'))).rejects.toMatchObject(busy);
  // With it, no event of its page is discarded.
  await expect(operator.discard.page(open, 9, '', because('late'))).rejects.toMatchObject(busy);
  expect(await recordOf(real.log, free)).toBe('open');
  const { items } = await openOperator(real.log, late).discard.page(
    open,
    9,
    '',
    because('worthless'),
  );
  expect(items.map(({ entry }) => entry.sequence)).toEqual([sequence, free]);
  expect(await storedPositions(real.log)).toEqual([]);
  expect(await recordOf(real.log, sequence)).toBe('discarded: worthless');
});

/** An event that is stored under another key, by a replay that was killed before it recorded that. */
async function storeUnrecorded(real: RealLog) {
  const sequence = await reject(real.log);
  await killAt(real, { sequence, step: 'afterPublish', hasOtherKey: true });
  const operator = openOperator(await real.open(), late);
  return { sequence, operator, found: await foundBy(operator, sequence) };
}

test('a discard after a replay that was killed before it recorded its result is refused', async () => {
  await using real = await startRealLog();
  const { sequence, operator, found } = await storeUnrecorded(real);
  await expect(operator.discard.one(found, because('late'))).rejects.toMatchObject({
    code: 'rejected_settled',
    message: `Event ${sequence} is stored: 1 in EVENTS.`,
  });
  expect(await recordOf(real.log, sequence)).toBe('accepted 1');
});

test('a replay after one that was killed before it recorded its result finds the event', async () => {
  await using real = await startRealLog();
  const { sequence, operator, found } = await storeUnrecorded(real);
  const result = await operator.replay.one(found, underOtherKey);
  expect(result).toMatchObject({ status: 'duplicate', storedSequence: 1 });
  expect(await storedPositions(real.log)).toEqual([1]);
  expect(await recordOf(real.log, sequence)).toBe('accepted 1');
});

test.each([
  { step: 'beforePublish', status: 'accepted' },
  { step: 'afterPublish', status: 'duplicate' },
] as const)('the same replay goes on at once after a kill at $step', async ({ step, status }) => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  await killAt(real, { sequence, step, hasOtherKey: false });
  const operator = openOperator(await real.open(), early);
  const result = await operator.replay.one(await foundBy(operator, sequence), asItIs);
  expect(result).toMatchObject({ status, storedSequence: 1 });
  expect(await storedPositions(real.log)).toEqual([1]);
  expect(await recordOf(real.log, sequence)).toBe(`${status} 1`);
});

test('events of many names are found stored after a replay of all of them was interrupted', async () => {
  await using real = await startRealLog();
  const count = 20;
  for (let number = 0; number < count; number += 1) await reject(real.log, `event_${number}`);
  const stored: Promise<void>[] = [];
  const latches = Array.from({ length: count }, latch);
  const afterPublish = async (): Promise<void> => {
    latches[stored.push(latches[stored.length]!.promise) - 1]!.resolve();
    await new Promise(() => {});
  };
  const one = openOperator(real.log, { steps: { afterPublish } });
  void one.replay.page(open, count, '', underOtherKey);
  await Promise.all(latches.map(({ promise }) => promise));
  const other = openOperator(await real.open(), late);
  expect((await other.discard.page(open, count, '', because('late'))).items).toEqual([]);
  const { items } = await other.rejected.page(everything, count, '');
  expect(items.map(({ replay }) => replay?.status)).toEqual(items.map(() => 'accepted'));
  expect(new Set(items.map(({ replay }) => replay?.storedSequence)).size).toBe(count);
});

test('copies of one event are all found stored after a replay of them was interrupted', async () => {
  await using real = await startRealLog();
  const key = randomUUID();
  const copies: number[] = [];
  while (copies.length < 3) copies.push(await reject(real.log, 'order_completed', key));
  const free = await reject(real.log);
  const allPublished = latch();
  let published = 0;
  const afterPublish = async (): Promise<void> => {
    published += 1;
    if (published === copies.length) allPublished.resolve();
    await new Promise(() => {});
  };
  const one = openOperator(real.log, { steps: { afterPublish } });
  void one.replay.page({ ...open, sequenceMax: copies.at(-1)! }, 10, '', asItIs);
  await allPublished.promise;
  const other = openOperator(await real.open(), late);
  const { items } = await other.discard.page(open, 10, '', because('late'));
  expect(items.map(({ entry }) => entry.sequence)).toEqual([free]);
  expect(await storedPositions(real.log)).toEqual([1]);
  const records = copies.map((sequence) => recordOf(real.log, sequence));
  expect(await Promise.all(records)).toEqual(copies.map(() => 'accepted 1'));
});

test('a replay that stood still until its claim was old stores nothing', async () => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  const [claimed, goOn] = [latch(), latch()];
  const marksOf = (marks: ReplayMarks): ReplayMarks => ({
    ...marks,
    claim: async (copies) => {
      const claim = await marks.claim(copies);
      claimed.resolve();
      await goOn.promise;
      return claim;
    },
  });
  const one = openOperator(real.log, { ...late, marksOf });
  const other = openOperator(await real.open(), late);
  const replayed = one.replay.one(await foundBy(one, sequence), underOtherKey);
  await claimed.promise;
  await other.discard.one(await foundBy(other, sequence), because('worthless'));
  goOn.resolve();
  expect(await replayed).toMatchObject({ status: 'retry', error: { code: 'rejected_busy' } });
  expect(await storedPositions(real.log)).toEqual([]);
  expect(await recordOf(real.log, sequence)).toBe('discarded: worthless');
});

test('after a replay without an answer of the log, only the same one goes on', async () => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  const steps: { verdict?: Partial<Verdict> } = {
    verdict: { status: 'retry', error: { code: 'not_stored', message: '', violations: [] } },
  };
  const operator = openOperator(real.log, { steps });
  const found = await foundBy(operator, sequence);
  const replay = (request: ReplayRequest) => operator.replay.one(found, request);
  expect(await replay(asItIs)).toMatchObject({ error: { code: 'not_stored' } });
  delete steps.verdict;
  expect(await failureOf(operator.discard.one(found, because('late')))).toMatchObject({
    code: 'rejected_busy',
  });
  expect(await replay(underOtherKey)).toMatchObject({ error: { code: 'rejected_busy' } });
  expect(await replay(asItIs)).toMatchObject({ status: 'duplicate', storedSequence: 1 });
  expect(await storedPositions(real.log)).toEqual([1]);
  expect(await recordOf(real.log, sequence)).toBe('duplicate 1');
});

test.each([
  { code: 'stream_full', end: 'discarded' },
  { code: 'store_full', end: 'discarded' },
  { code: 'too_large', end: 'discarded' },
  { code: 'timeout', end: 'rejected_busy' },
] as const)('a discard after a replay that failed with $code: $end', async ({ code, end }) => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  const store: Log['store'] = async (stream, ...message) => {
    if (stream === 'EVENTS') throw new PublishError(code, 'refused');
    return real.log.store(stream, ...message);
  };
  const one = openOperator(withClients({ ...real.log, store }, clientsForTests(real.log)));
  const result = await one.replay.one(await foundBy(one, sequence), asItIs);
  expect(result).toMatchObject({ status: 'retry', error: { code: 'not_stored' } });
  const other = openOperator(await real.open(), early);
  const discarded = other.discard.one(await foundBy(other, sequence), because('worthless')).then(
    () => 'discarded',
    (error: { code: string }) => error.code,
  );
  expect(await discarded).toBe(end);
  const record = end === 'discarded' ? 'discarded: worthless' : 'open';
  expect(await recordOf(real.log, sequence)).toBe(record);
});

test('a claim without an acknowledgement is not in the way of the same process', async () => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  let isLost = true;
  const store: Log['store'] = async (...message) => {
    const ack = await real.log.store(...message);
    if (isLost) throw new PublishError('timeout', 'the acknowledgement was lost');
    return ack;
  };
  const log = withClients({ ...real.log, store }, clientsForTests(real.log));
  const operator = openOperator(log);
  const found = await foundBy(operator, sequence);
  await expect(operator.replay.one(found, underOtherKey)).rejects.toMatchObject({
    code: 'timeout',
  });
  isLost = false;
  await operator.discard.one(found, because('worthless'));
  expect(await recordOf(real.log, sequence)).toBe('discarded: worthless');
});

test('a claim ends with the result of its replay, and its note is deleted', async () => {
  await using real = await startRealLog();
  const sequence = await reject(real.log);
  const error = { code: 'schema_violation', message: 'still wrong', violations: [] };
  const other = openOperator(await real.open());
  // The other process has read the claim.
  const beforePublish = () => other.marks.refresh();
  const verdict = { status: 'rejected', error } as const;
  const one = openOperator(real.log, { steps: { verdict, beforePublish } });
  const result = await one.replay.one(await foundBy(one, sequence), asItIs);
  expect(result).toMatchObject({ status: 'rejected', error });
  const notes: object[] = [];
  for await (const { payload } of readMatching(real.log, 'REJECTED', subjects.replayed)) {
    notes.push(readNote(payload));
  }
  expect(notes).toMatchObject([{ claims: [], rejected: [{ sequences: [sequence] }] }]);
  await other.discard.one(await foundBy(other, sequence), because('worthless'));
  expect(await recordOf(real.log, sequence)).toBe('discarded: worthless');
});
