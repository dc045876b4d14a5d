import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { laneCreated } from '../../src/jetstream/consume/lane/lane-consumer.ts';
import { storeLaneCopy } from '../../src/jetstream/consume/lane/lane-copies.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import { destinationConfig, publishEvents, recording, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { storedEvents } from '../stored-events.ts';
import { arrived, everything, inState, jobOf, opening, startProcess } from './lane-rig.ts';

const events = 30;
const rate = 20_000;

/**
 * Lets a process stand still before it reads where REPLAY ends, or before it deletes something there,
 * so that it writes no job either.
 */
function standStill(log: Log, before: 'reading' | 'deleting' = 'deleting') {
  const { streams, consumers } = clientsForTests(log).manager;
  const [info, purge, remove, store] = [
    streams.info.bind(streams),
    streams.purge.bind(streams),
    consumers.delete.bind(consumers),
    log.store.bind(log),
  ];
  const gate = Promise.withResolvers<void>();
  let isHeld = false;
  let ended = 0;
  const held = async <Result>(stream: string, work: () => Promise<Result>): Promise<Result> => {
    if (stream !== 'REPLAY') return work();
    isHeld = true;
    await gate.promise;
    return work().finally(() => {
      ended += 1;
    });
  };
  if (before === 'reading') streams.info = (stream, data) => held(stream, () => info(stream, data));
  streams.purge = (stream, options) => held(stream, () => purge(stream, options));
  consumers.delete = (stream, name) => held(stream, () => remove(stream, name));
  log.store = async (...message) => {
    if (isHeld && message[0] === 'LEDGER') await gate.promise;
    return store(...message);
  };
  return { isHeld: () => isHeld, ended: () => ended, goOn: () => gate.resolve() };
}

test.each(['reading', 'deleting'] as const)(
  'a process that stands still before %s takes nothing of the next redelivery',
  async (before) => {
    await using real = await startRealLog();
    const { log } = real;
    const late = await real.open();
    const { destination, open, seen } = opening();
    await startProcess(late, destination, destinationConfig(), 500);
    await publishEvents(log, events);
    await arrived(log, seen, events);
    const jobs = createRedeliveryJobs(log);
    const sendAway = async (): Promise<string> => {
      open(false);
      const { id } = await jobs.start('crm', everything, rate);
      await until(
        () => jobOf(log, id),
        ({ sent }) => sent === events,
      );
      return id;
    };
    const first = await sendAway();
    const standing = standStill(late, before);
    open(true);
    await until(standing.isHeld, (isHeld) => isHeld);
    await startProcess(log, destination, destinationConfig(), 500);
    await inState(log, first, 'done');
    const second = await sendAway();
    const lane = await laneCreated(log, 'crm');
    expect(lane).toBeDefined();
    standing.goOn();
    await until(standing.ended, (count) => count >= 1);
    // Longer than the deletion of a consumer takes.
    await sleep(300);
    expect(await laneCreated(log, 'crm')).toBe(lane);
    open(true);
    expect((await inState(log, second, 'done')).sent).toBe(events);
    expect(seen()).toBe(events);
  },
);

test('a cancellation that deletes late takes nothing of the next redelivery', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { destination, open, seen } = opening();
  await publishEvents(log, events);
  for await (const event of storedEvents(log)) await storeLaneCopy(log, 'warehouse', 'a', event);
  const late = await real.open();
  const { id } = await createRedeliveryJobs(log).start('crm', everything, rate);
  const standing = standStill(late);
  // No process works on the first job, so that the command ends it.
  const cancelled = createRedeliveryJobs(late).cancel(id);
  await until(standing.isHeld, (isHeld) => isHeld);
  await startProcess(log, destination, destinationConfig(), 500);
  await inState(log, id, 'cancelled');
  await arrived(log, seen, events);
  open(false);
  const second = await createRedeliveryJobs(log).start('crm', everything, rate);
  await until(
    () => jobOf(log, second.id),
    ({ sent }) => sent === events,
  );
  standing.goOn();
  expect((await cancelled).state).toBe('cancelling');
  await sleep(300);
  open(true);
  expect((await inState(log, second.id, 'done')).sent).toBe(events);
  expect(seen()).toBe(events);
});

test('a redelivery that is paused while it ends is paused, and keeps its selection', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const worker = await real.open();
  const { destination, open, seen } = opening();
  await startProcess(worker, destination, destinationConfig(), 60_000);
  await publishEvents(log, events);
  await arrived(log, seen, events);
  const jobs = createRedeliveryJobs(log);
  open(false);
  const { id } = await jobs.start('crm', { ...everything, user: 'u1' }, rate);
  await until(
    () => jobOf(log, id),
    ({ sent }) => sent === events,
  );
  const standing = standStill(worker);
  open(true);
  await until(standing.isHeld, (isHeld) => isHeld);
  await jobs.pause(id);
  standing.goOn();
  const paused = await until(
    () => jobOf(log, id),
    ({ holder }) => holder === '',
  );
  expect(paused).toMatchObject({ state: 'paused', note: '', endedAtMs: 0 });
  expect(paused.selection.user).toBe('u1');
  await jobs.resume(id);
  const done = await inState(log, id, 'done');
  expect(done).toMatchObject({ sent: events, wasOfPerson: true });
  expect(done.selection.user).toBe('');
  expect(seen()).toBe(events);
});

test('a job that fails for want of an answer leaves nothing of an earlier process in REPLAY', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const { destination, open } = opening();
  const held = new Set<string>();
  const first = await startProcess(log, {
    ...destination,
    async *stored() {
      for (const eventId of held) yield { eventId, eventName: '', timestamp: '' };
    },
  });
  await publishEvents(log, events);
  await arrived(log, () => destination.seen.length, events);
  open(false);
  const { id } = await createRedeliveryJobs(log).start(
    'crm',
    { ...everything, missing: true },
    rate,
  );
  await until(
    () => jobOf(log, id),
    ({ sent, laneFrom }) => sent === events && laneFrom > 0,
    20_000,
  );
  await first.stop();
  expect(await laneCreated(log, 'crm')).toBeDefined();

  await startProcess(log, recording());
  await inState(log, id, 'failed');
  expect(await laneCreated(log, 'crm')).toBeUndefined();
  for await (const copy of readMatching(log, 'REPLAY', 'headgate.redelivery.>')) {
    expect.fail(`${copy.subject} is left`);
  }
}, 60_000);
