import { describe, expect, test, vi } from 'vitest';

import { delivered, type Destination, type Outcome } from '../../src/destinations/destination.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { laneConsumer } from '../../src/jetstream/consume/lane/lane-consumer.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import { countSelection } from '../../src/redelivery/count-selection.ts';
import { laneEventsMax } from '../../src/redelivery/lane-room.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import {
  destinationConfig,
  publishEvents,
  readDead,
  recording,
  settled,
  until,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { arrived, everything, inState, jobOf, startProcess } from './lane-rig.ts';

const rateMax = 20_000;

/** A destination that keeps what it was given in a set, and reports it. */
function keeping(answer: () => Outcome = () => delivered) {
  const held = new Set<string>();
  const recorder = recording(({ event }) => {
    const outcome = answer();
    if (outcome.kind === 'delivered') held.add(event().eventId);
    return outcome;
  });
  const destination: Destination = {
    ...recorder,
    async *stored() {
      for (const eventId of held) yield { eventId, eventName: '', timestamp: '' };
    },
  };
  return { held, destination, seen: recorder.seen };
}

async function copiesLeft(log: Log): Promise<number> {
  let count = 0;
  for await (const _ of readMatching(log, 'REPLAY', 'headgate.redelivery.>')) count += 1;
  return count;
}

async function laneExists(log: Log): Promise<boolean> {
  const { consumers } = clientsForTests(log).manager;
  return consumers.info('REPLAY', laneConsumer('crm')).then(
    () => true,
    () => false,
  );
}

describe('a redelivery', () => {
  test('sends each event once more, and leaves nothing behind', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const destination = recording();
    const process = await startProcess(log, destination);
    const ids = await publishEvents(log, 1_500);
    await arrived(log, () => destination.seen.length, 1_500);
    const observed = process.observedLatencies();
    const before = JSON.stringify(observed);
    const jobs = createRedeliveryJobs(log);
    const { id } = await jobs.start('crm', everything, rateMax);
    const job = await inState(log, id, 'done');
    expect(job).toMatchObject({
      sent: 1_500,
      holder: '',
      note: '',
      rest: [{ from: 1_501, to: 1_500 }],
    });
    expect(destination.seen.length).toBe(3_000);
    const again = destination.seen.slice(1_500).map(({ eventId }) => eventId);
    expect(again.toSorted()).toEqual(ids.toSorted());
    expect(process.redelivered()).toBe(1_500);
    // A latency is that of an event since it was accepted.
    expect(JSON.stringify(observed)).toBe(before);
    await vi.waitFor(async () => {
      expect(await laneExists(log)).toBe(false);
      expect(await copiesLeft(log)).toBe(0);
    });
    // The next one sends them again: it is another redelivery.
    const second = await jobs.start('crm', everything, rateMax);
    expect(second.id).not.toBe(id);
    expect((await inState(log, second.id, 'done')).sent).toBe(1_500);
    expect(destination.seen.length).toBe(4_500);
  }, 60_000);

  test('sends nothing after the last position that it is given', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const destination = recording();
    await startProcess(log, destination);
    await publishEvents(log, 20);
    await arrived(log, () => destination.seen.length, 20);
    const { id } = await createRedeliveryJobs(log).start('crm', everything, rateMax, 12);
    expect(await inState(log, id, 'done')).toMatchObject({
      sent: 12,
      ranges: [{ from: 1, to: 12 }],
    });
    expect(destination.seen.length).toBe(32);
  });

  test('of what is missing sends only that, and fails where a destination cannot be asked', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { held, destination, seen } = keeping();
    await startProcess(log, destination);
    const ids = await publishEvents(log, 120);
    await arrived(log, () => held.size, 120);
    const lost = ids.filter((_id, index) => index % 10 === 3);
    for (const id of lost) held.delete(id);
    seen.splice(0);
    const jobs = createRedeliveryJobs(log);
    const { id } = await jobs.start('crm', { ...everything, missing: true }, rateMax);
    expect((await inState(log, id, 'done')).sent).toBe(12);
    expect(seen.map(({ eventId }) => eventId).toSorted()).toEqual(lost.toSorted());

    await startProcess(log, recording(), destinationConfig({ name: 'warehouse' }));
    const other = await jobs.start('warehouse', { ...everything, missing: true }, rateMax);
    const failed = await inState(log, other.id, 'failed');
    expect(failed).toMatchObject({ sent: 0, note: expect.stringContaining('cannot be asked') });
  }, 60_000);

  test('leaves out dead letters, and what was not settled when it began', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids = await publishEvents(log, 10);
    let isOpen = true;
    const destination = recording(({ event }) => {
      if (event().eventId === ids[2]) return { kind: 'dead', reason: 'never' };
      return isOpen ? delivered : { kind: 'retry', fault: 'destination', reason: 'away' };
    });
    await startProcess(log, destination);
    await arrived(log, () => destination.seen.length, 10);
    expect((await readDead(log)).length).toBe(1);
    isOpen = false;
    const late = await publishEvents(log, 4);
    await until(
      () => destination.seen.some(({ eventId }) => late.includes(eventId)),
      (isTried) => isTried,
    );
    const jobs = createRedeliveryJobs(log);
    const { id } = await jobs.start('crm', everything, rateMax);
    // The copies wait while the destination is parked.
    const waiting = await until(
      () => jobOf(log, id),
      ({ note, sent }) => note === 'parked' && sent === 9,
    );
    expect(waiting.state).toBe('running');
    destination.seen.splice(0);
    isOpen = true;
    await inState(log, id, 'done');
    await settled(log);
    const seen = destination.seen.map(({ eventId }) => eventId);
    const wanted = [...ids.filter((_id, index) => index !== 2), ...late];
    expect([...new Set(seen)].toSorted()).toEqual(wanted.toSorted());
  }, 60_000);

  test('sends events from before the start of the destination, which are not missing, though', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const config = destinationConfig({ start: { kind: 'now' } });
    const earlier = await publishEvents(log, 5);
    const destination = recording();
    await startProcess(log, destination, config);
    const ids = await publishEvents(log, 4);
    await arrived(log, () => destination.seen.length, 4);
    destination.seen.splice(0);
    const { id } = await createRedeliveryJobs(log).start('crm', everything, rateMax);
    expect((await inState(log, id, 'done')).sent).toBe(9);
    const seen = destination.seen.map(({ eventId }) => eventId);
    expect(seen.toSorted()).toEqual([...earlier, ...ids].toSorted());
    const { leftOut, counts } = await countSelection({
      log,
      destination: { name: 'crm', type: 'test', filter: config, stored: async function* () {} },
      selection: { ...everything, missing: true },
      pageToken: '',
      signal: new AbortController().signal,
    });
    expect({ leftOut, total: [...counts.values()] }).toEqual({
      leftOut: { waiting: 0, dead: 0 },
      total: [4],
    });
  }, 60_000);

  test('is never far ahead of a destination that is away', async () => {
    await using real = await startRealLog();
    const { log } = real;
    let isOpen = true;
    const destination = recording(() =>
      isOpen ? delivered : { kind: 'retry', fault: 'destination', reason: 'away' },
    );
    await startProcess(log, destination);
    await publishEvents(log, 2_500);
    await arrived(log, () => destination.seen.length, 2_500);
    isOpen = false;
    const { id } = await createRedeliveryJobs(log).start('crm', everything, rateMax);
    await until(
      () => jobOf(log, id),
      ({ note, sent }) => note === 'parked' && sent > laneEventsMax - 256,
    );
    // Two heartbeats later it has sent no more.
    const { sent } = await jobOf(log, id);
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect((await jobOf(log, id)).sent).toBe(sent);
    expect(sent).toBeLessThanOrEqual(laneEventsMax);
    expect(await copiesLeft(log)).toBeLessThanOrEqual(laneEventsMax);
    destination.seen.splice(0);
    isOpen = true;
    expect((await inState(log, id, 'done', 30_000)).sent).toBe(2_500);
    expect(new Set(destination.seen.map(({ eventId }) => eventId)).size).toBe(2_500);
  }, 90_000);

  test('waits for a destination that does not say what it holds', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { held, destination } = keeping();
    let isSilent = false;
    const stored = destination.stored!.bind(destination);
    const silent: Destination = {
      ...destination,
      stored: (window) => {
        if (isSilent) throw new Error('no connection');
        return stored(window);
      },
    };
    await startProcess(log, silent);
    const ids = await publishEvents(log, 30);
    await arrived(log, () => held.size, 30);
    held.delete(ids[4]!);
    isSilent = true;
    const selection = { ...everything, missing: true };
    const { id } = await createRedeliveryJobs(log).start('crm', selection, rateMax);
    await until(
      () => jobOf(log, id),
      ({ note }) => note === 'no connection',
    );
    const count = () =>
      countSelection({
        log,
        destination: {
          name: 'crm',
          type: 'test',
          filter: { events: [], sources: [] },
          stored: silent.stored!.bind(silent),
        },
        selection,
        pageToken: '',
        signal: new AbortController().signal,
        secondLookMs: 1,
      });
    await expect(count()).rejects.toMatchObject({
      code: 'destination_no_answer',
      message: 'crm did not answer: no connection.',
    });
    isSilent = false;
    expect([...(await count()).counts]).toEqual([['order_completed', 1]]);
    expect(await inState(log, id, 'done')).toMatchObject({ sent: 1, note: '' });
    expect(held.size).toBe(30);
  }, 60_000);

  test('follows the rules of retries: an event that fails again becomes a dead letter', async () => {
    await using real = await startRealLog();
    const { log } = real;
    let isRefused = false;
    const destination = recording(({ sequence, event }) => {
      const isThis = isRefused && event().idempotencyKey === refused && sequence > 0;
      return isThis ? { kind: 'retry', fault: 'event', reason: 'odd', status: '422' } : delivered;
    });
    await startProcess(log, destination);
    const ids = await publishEvents(log, 20);
    const refused = ids[7]!;
    await arrived(log, () => destination.seen.length, 20);
    isRefused = true;
    const { id } = await createRedeliveryJobs(log).start('crm', everything, rateMax);
    await inState(log, id, 'done');
    const letters = await until(
      () => readDead(log),
      ({ length }) => length === 1,
    );
    expect(letters[0]!.event!.eventId).toBe(refused);
    expect(letters[0]!.id).toMatch(/^crm:8:\d+$/);
    expect(letters[0]!.attempts.length).toBe(3);
    const tries = destination.seen.filter(({ eventId }) => eventId === refused);
    expect(tries.length).toBe(1 + 3);
  }, 60_000);

  test('is paused, resumed and cancelled, and the counts of reconcile match all the time', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination, seen, held } = keeping();
    await startProcess(log, destination);
    await publishEvents(log, 400);
    await arrived(log, () => seen.length, 400);
    seen.splice(0);
    const balance = async () => {
      const audited = {
        name: 'crm',
        type: 'test',
        filter: { events: [], sources: [] },
        stored: destination.stored!.bind(destination),
      };
      const report = await reconcile({ log, destinations: [audited], sinceMs: 0, secondLookMs: 1 });
      const sum = { accepted: 0, delivered: 0, waiting: 0 };
      for (const { accepted, counts } of report.rows) {
        sum.accepted += accepted;
        sum.delivered += counts[0]!.delivered;
        sum.waiting += counts[0]!.waiting;
      }
      expect(report.missing).toEqual([]);
      expect(sum.delivered + sum.waiting).toBe(sum.accepted);
      return sum;
    };
    const jobs = createRedeliveryJobs(log);
    const { id } = await jobs.start('crm', everything, 100);
    await until(
      () => seen.length,
      (count) => count >= 20,
    );
    await balance();
    expect((await jobs.pause(id)).state).toBe('paused');
    expect((await jobs.pause(id)).state).toBe('paused');
    const paused = await until(
      () => jobOf(log, id),
      ({ holder }) => holder === '',
    );
    expect(paused.sent).toBeGreaterThanOrEqual(20);
    expect(paused.sent).toBeLessThan(400);
    await balance();
    const atRest = seen.length;
    await expect(jobs.start('crm', everything, 100)).rejects.toThrow(id);
    await expect(jobs.start('crm', everything, 100)).rejects.toMatchObject({
      code: 'redelivery_running',
    });
    expect(seen.length).toBe(atRest);

    expect((await jobs.resume(id)).state).toBe('running');
    await until(
      () => seen.length,
      (count) => count >= atRest + 20,
    );
    expect((await jobs.cancel(id)).state).toBe('cancelling');
    const cancelled = await inState(log, id, 'cancelled');
    expect(cancelled.sent).toBeLessThan(400);
    expect(cancelled.endedAtMs).toBeGreaterThan(0);
    expect(await laneExists(log)).toBe(false);
    expect(await copiesLeft(log)).toBe(0);
    expect(await balance()).toEqual({ accepted: 400, delivered: 400, waiting: 0 });
    expect(held.size).toBe(400);
    for (const change of [jobs.pause, jobs.resume, jobs.cancel]) {
      await expect(change(id)).rejects.toMatchObject({ code: 'redelivery_ended' });
      await expect(change('nothing')).rejects.toMatchObject({ code: 'redelivery_not_found' });
    }
  }, 60_000);

  test('is cancelled at once where no worker holds it, and forgets the person', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 3);
    const jobs = createRedeliveryJobs(log);
    const { id } = await jobs.start('crm', { ...everything, user: 'ada' }, 100);
    expect((await jobOf(log, id)).selection.user).toBe('ada');
    const { state, selection } = await jobs.cancel(id);
    expect({ state, user: selection.user }).toEqual({ state: 'cancelled', user: '' });
    expect(await jobOf(log, id)).toMatchObject({ state: 'cancelled', holder: '' });
  });

  test('keeps to its rate', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const destination = recording();
    await startProcess(log, destination);
    await publishEvents(log, 60);
    await arrived(log, () => destination.seen.length, 60);
    destination.seen.splice(0);
    const { id } = await createRedeliveryJobs(log).start('crm', everything, 40);
    await inState(log, id, 'done');
    expect(destination.seen.length).toBe(60);
    // 60 events at 40 a second, in slices of 4: the last is sent 1.4 s after the first.
    const spanMs = destination.seen.at(-1)!.atMs - destination.seen[0]!.atMs;
    expect(spanMs).toBeGreaterThan(1_200);
  }, 30_000);
});

describe('several processes', () => {
  test('work on a job one at a time, and go on where the other stopped', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const destination = recording();
    const first = await startProcess(log, destination);
    const second = await startProcess(log, destination);
    await publishEvents(log, 600);
    await arrived(log, () => destination.seen.length, 600);
    destination.seen.splice(0);
    const { id } = await createRedeliveryJobs(log).start('crm', everything, 300);
    const holders = new Set<string>();
    await until(
      async () => holders.add((await jobOf(log, id)).holder),
      () => destination.seen.length >= 60,
    );
    holders.delete('');
    expect(holders.size).toBe(1);
    const [works, rests] = first.redelivered() > 0 ? [first, second] : [second, first];
    expect(rests.redelivered()).toBe(0);
    await works.stop();
    const job = await inState(log, id, 'done');
    expect(job.sent).toBe(600);
    expect(works.redelivered() + rests.redelivered()).toBe(600);
    expect(rests.redelivered()).toBeGreaterThan(0);
    expect(new Set(destination.seen.map(({ eventId }) => eventId)).size).toBe(600);
  }, 60_000);
});
