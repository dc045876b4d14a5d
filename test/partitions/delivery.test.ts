import { describe, expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { readBacklog } from '../../src/jetstream/consume/backlog.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import {
  createPressureRelief,
  type HeldEvents,
} from '../../src/jetstream/consume/retention/pressure.ts';
import { fixStart, isBeforeStart } from '../../src/jetstream/consume/start-position.ts';
import { partitionOf } from '../../src/jetstream/events/event-position.ts';
import { rangesAround } from '../../src/jetstream/events/event-ranges.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import { readConfirmed } from '../../src/jetstream/integrity/confirmed-position.ts';
import { deleteEvent } from '../../src/jetstream/integrity/ledger.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { createStreamGauges } from '../../src/jetstream/read/stream-gauges.ts';
import { delivered, type Destination, type Outcome } from '../../src/destinations/destination.ts';
import { createConfirmations } from '../../src/reconciliation/confirmations.ts';
import { differenceOf } from '../../src/reconciliation/count-table.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import { countSelection } from '../../src/redelivery/count-selection.ts';
import { createRedeliveryJobs } from '../../src/redelivery/jobs.ts';
import {
  destinationConfig,
  publishEvents,
  recording,
  startWorker,
  until,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { everything, inState, startProcess } from '../redelivery/lane-rig.ts';
import { splitLog } from './split-log.ts';

const config = destinationConfig();

/** A destination that keeps what it delivers, in the order of the deliveries. */
function keeping(answer: (sequence: number) => Outcome = () => delivered) {
  const held: string[] = [];
  const destination: Destination = {
    ...recording(({ sequence, event }) => {
      const outcome = answer(sequence);
      if (outcome.kind === 'delivered') held.push(event().eventId);
      return outcome;
    }),
    async *stored() {
      for (const eventId of held) yield { eventId, eventName: '', timestamp: '' };
    },
  };
  return { held, destination };
}

const audit = (destination: Destination) => ({
  name: 'crm',
  type: 'recording',
  filter: config,
  stored: destination.stored?.bind(destination),
});

const settled = (log: Log) =>
  until(
    () => readBacklog(log, 'crm'),
    (backlog) => backlog?.waiting === 0,
    15_000,
  );

/** Forges that NATS has skipped what a partition holds. */
async function skipAll(log: Log, partition: number): Promise<void> {
  const { consumers, streams } = clientsForTests(log).manager;
  const stream = `EVENTS_${partition}`;
  const { config: settings } = await consumers.info(stream, 'crm');
  const { state } = await streams.info(stream);
  await consumers.delete(stream, 'crm');
  await consumers.add(stream, {
    durable_name: 'crm',
    ack_policy: settings.ack_policy,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: state.last_seq + 1,
    metadata: settings.metadata ?? {},
  });
}

describe('a log with several partitions', () => {
  test('is reconciled as one log', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    const ids = await publishEvents(log, 40);
    const dead = new Set([positions[4], positions[5]]);
    const { held, destination } = keeping((sequence) =>
      dead.has(sequence) ? { kind: 'dead', reason: 'never' } : delivered,
    );
    const worker = await startWorker(log, destination);
    await settled(log);
    await worker.stop();
    await publishEvents(log, 6);
    const gone = [held[10]!, held[11]!, held[12]!];
    for (const id of gone) held.splice(held.indexOf(id), 1);
    const report = await reconcile({
      log,
      destinations: [audit(destination)],
      sinceMs: 0,
      segmentEventsMax: 7,
      secondLookMs: 1,
    });
    expect(report.rows).toHaveLength(1);
    const { accepted, counts } = report.rows[0]!;
    expect([accepted, counts[0]]).toMatchObject([46, { delivered: 35, dead: 2, waiting: 6 }]);
    expect(differenceOf(accepted, counts[0]!)).toBe(3);
    expect(report.missing.map(({ eventId }) => eventId).toSorted()).toEqual(gone.toSorted());
    for (const { sequence, eventId } of report.missing) {
      const event = await readMessage(log, 'EVENTS', sequence);
      expect(event!.header('Nats-Msg-Id')).toBe(`shop:${eventId}`);
    }
    expect(report.ranges.map(({ from }) => partitionOf(from))).toEqual([0, 1, 2]);
    expect(report.destinations).toMatchObject([{ missing: 3, copies: 0 }]);
    expect(ids).toHaveLength(40);
  });

  test('counts an event once that two partitions hold', async () => {
    await using real = await startRealLog();
    const { log } = await splitLog(real, [1]);
    const [id] = await publishEvents(log, 1);
    const text = (await readMessage(log, 'EVENTS', 1))!.payload;
    const subject = 'headgate.events.0.shop.order_completed';
    await log.store('EVENTS', subject, { 'Nats-Msg-Id': `shop:${id}` }, text);
    const { destination, held } = keeping();
    const worker = await startWorker(log, destination);
    await settled(log);
    await worker.stop();
    expect(held).toEqual([id, id]);
    held.pop();
    const report = await reconcile({
      log,
      destinations: [audit(destination)],
      sinceMs: 0,
      secondLookMs: 1,
    });
    expect(report.destinations).toMatchObject([{ missing: 0, copies: 0 }]);
    expect(report.rows[0]!.counts[0]).toMatchObject({ delivered: 2 });
  });

  test('is confirmed by partition, and one that was added from its first event on', async () => {
    await using real = await startRealLog();
    const found: string[] = [];
    const { held, destination } = keeping();
    const start = async (log: Log) => {
      const confirmations = createConfirmations({
        log,
        onMissing: (_name, { events, from, to }) =>
          found.push(`${events} in ${partitionOf(from)} and ${partitionOf(to)}`),
        onTrouble: (_name, error) => found.push(String(error)),
        rangeEventsMax: 7,
        secondLookMs: 1,
      });
      await confirmations.begin({ ...audit(destination), isRunning: () => true });
      const worker = await startWorker(log, destination);
      return {
        confirmations,
        confirm: async () => {
          await settled(log);
          await confirmations.run();
          await confirmations.run();
        },
        stop: async () => {
          await confirmations.stop();
          await worker.stop();
        },
      };
    };
    const { log } = await splitLog(real, [1]);
    const first = await start(log);
    const early = await publishEvents(log, 20);
    await first.confirm();
    expect(found).toEqual([]);
    await first.stop();
    const skipped = await publishEvents(log, 10);
    await skipAll(log, 1);
    const second = await start(log);
    await second.confirm();
    expect(found.every((text) => text.endsWith(' in 1 and 1'))).toBe(true);
    await settled(log);
    expect(held.toSorted()).toEqual([...early, ...skipped].toSorted());
    await second.stop();

    // NATS skips the first events of a partition that is added.
    found.splice(0);
    const { log: wider } = await splitLog(real, [1, 2]);
    const worker = await startWorker(wider, destination);
    await settled(wider);
    await worker.stop();
    const late = await publishEvents(wider, 12);
    await skipAll(wider, 2);
    const third = await start(wider);
    await third.confirm();
    await settled(wider);
    expect(held.toSorted()).toEqual([...early, ...skipped, ...late].toSorted());
    expect(found).toEqual(['4 in 2 and 2']);
    const parts = partsOf(wider, 'EVENTS');
    const ends = await Promise.all(parts.map((part) => readConfirmed(wider, part, 'crm')));
    expect(ends.map((one) => partitionOf(one!.upTo))).toEqual([0, 1, 2]);
    // Nothing of a partition without settled events is taken for confirmed elsewhere.
    const before = await third.confirmations.confirmedUpTo('crm', parts[2]!.position(0), parts[2]!);
    expect(partitionOf(before)).toBe(2);
    await third.stop();
  });

  test('is delivered again by time, each event once', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    await publishEvents(log, 30);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const wanted = await publishEvents(log, 600);
    const sinceMs = Math.min(
      ...(await Promise.all(
        positions.slice(30).map(async (one) => (await readMessage(log, 'EVENTS', one))!.storedAtMs),
      )),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    const untilMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await publishEvents(log, 30);
    const { held, destination } = keeping();
    const process = await startProcess(log, destination);
    await settled(log);
    expect(held).toHaveLength(660);
    held.splice(0);
    const selection = { ...everything, sinceMs, untilMs };
    const counts = {
      log,
      destination: audit(destination),
      selection,
      signal: new AbortController().signal,
    };
    let [pageToken, count, pages] = ['', 0, 0];
    do {
      const page = await countSelection({ ...counts, pageToken, readMax: 200 });
      count += page.counts.get('order_completed') ?? 0;
      pageToken = page.nextPageToken;
      pages += 1;
      expect(Number(page.walk.upTo - page.walk.from) + 1).toBe(600);
    } while (pageToken !== '');
    expect([count, pages]).toEqual([600, 2]);
    const { id } = await createRedeliveryJobs(log).start('crm', selection, 20_000);
    const job = await inState(log, id, 'done');
    expect(job).toMatchObject({ sent: 600, note: '' });
    expect(job.rest.every(({ from, to }) => from > to)).toBe(true);
    expect(held.toSorted()).toEqual(wanted.toSorted());
    const [before] = job.ranges;
    expect(job.ranges).toEqual(rangesAround(positions.slice(30, 630)));
    expect(before!.from).toBe(11);
    await process.stop();
  });

  test('sends what is missing of all partitions, and no other', async () => {
    await using real = await startRealLog();
    const { log } = await splitLog(real, [1, 2]);
    const ids = await publishEvents(log, 60);
    const { held, destination } = keeping();
    const process = await startProcess(log, destination);
    await settled(log);
    const gone = ids.filter((_id, index) => index % 7 === 0);
    for (const id of gone) held.splice(held.indexOf(id), 1);
    const rest = held.length;
    const selection = { ...everything, missing: true };
    const { id } = await createRedeliveryJobs(log).start('crm', selection, 20_000);
    expect(await inState(log, id, 'done')).toMatchObject({ sent: gone.length, note: '' });
    expect(held.slice(rest).toSorted()).toEqual(gone.toSorted());
    await process.stop();
  });

  test('gives a new destination the events since a time, of each partition', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    await publishEvents(log, 9);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const ms = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const wanted = await publishEvents(log, 9);
    const { start } = await fixStart(log, 'crm', { kind: 'time', ms });
    const early = positions.map((position) => isBeforeStart(log, start, position));
    expect(early).toEqual(positions.map((_position, index) => index < 9));
    const { held, destination } = keeping();
    const worker = await startWorker(log, destination, {
      config: { ...config, start: { kind: 'time', ms } },
    });
    await settled(log);
    await worker.stop();
    expect(held.toSorted()).toEqual(wanted.toSorted());
  });

  test('deletes by partition: what a request names, and what is old and settled', async () => {
    await using real = await startRealLog();
    const { log, positions } = await splitLog(real, [1, 2]);
    await publishEvents(log, 12);
    const worker = await startWorker(log, recording());
    await settled(log);
    await worker.stop();
    const wanted = positions.filter((one) => partitionOf(one) === 1)[1]!;
    await deleteEvent(log, wanted, 'request');
    await deleteEvent(log, partsOf(log, 'EVENTS')[2]!.position(0) * 20, 'request');
    const kept = await Promise.all(positions.map((one) => readMessage(log, 'EVENTS', one)));
    expect(positions.filter((_one, index) => kept[index] === undefined)).toEqual([wanted]);
    const janitorOf = (held: number) =>
      createJanitor({
        log,
        retentionMs: 1,
        destinations: ['crm'],
        onTrouble: () => {},
        now: () => Date.now() + 60_000,
        confirmedUpTo: (_name, upTo, part) =>
          part.partition === held ? part.position(part.from - 1) : upTo,
      });
    // One of each stays, and so does all of the partition that is not confirmed.
    expect(await janitorOf(1).run()).toBe(3 + 3);
    expect(await janitorOf(3).run()).toBe(2);
  });

  test('reports its size, and what is held in it, as the sums of the partitions', async () => {
    await using real = await startRealLog({ storageBytesMax: 64 * 1024 * 1024 });
    const { log } = await splitLog(real, [1, 2]);
    await publishEvents(log, 90, { properties: `{"text":"${'x'.repeat(1_000)}"}` });
    const { streams } = clientsForTests(log).manager;
    const infos = await Promise.all([0, 1, 2].map((one) => streams.info(`EVENTS_${one}`)));
    const bytes = infos.reduce((sum, { state }) => sum + state.bytes, 0);
    const bytesMax = infos.reduce((sum, one) => sum + one.config.max_bytes, 0);
    const sizes = new Map<string, number[]>();
    const gauges = createStreamGauges({
      log,
      onSize: (stream, ...size) => sizes.set(stream, size),
    });
    await gauges.update();
    expect(sizes.get('EVENTS')).toEqual([bytes, bytesMax]);
    const held: HeldEvents[] = [];
    const relief = createPressureRelief({
      log,
      retentionMinMs: 0,
      destinations: ['crm'],
      onHeld: (one) => held.push(one),
      onStuck: () => {},
      onRetentionReached: () => {},
      onTrouble: () => {},
    });
    await relief.check();
    await relief.check();
    // The destination has no consumer yet, so that it holds all. The second look was too soon.
    expect(held).toEqual([{ bytes, byConsumer: new Map([['crm', bytes]]) }]);
  });
});
