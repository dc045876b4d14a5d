import { describe, expect, test } from 'vitest';

import type { AuditedDestination } from '../../src/reconciliation/audit.ts';
import {
  differenceOf,
  zeroCounts,
  type EventCounts,
} from '../../src/reconciliation/count-table.ts';
import { reconcile, type ReconciliationReport } from '../../src/reconciliation/reconcile.ts';
import { delivered, type Outcome } from '../../src/destinations/destination.ts';
import { readEventPositions } from '../../src/jetstream/consume/consumer-position.ts';
import type { Log } from '../../src/jetstream/log.ts';
import {
  destinationConfig,
  publishEvents,
  readDead,
  recording,
  settled,
  startWorker,
  unsettled,
  until,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { openQueue } from '../dead-letters/dead-rig.ts';

const everything = destinationConfig();
const none: EventCounts = zeroCounts();

/** A destination that holds these events, and can report them. */
function holding(ids: Iterable<string>, config = everything): AuditedDestination {
  return {
    name: config.name,
    type: config.type,
    filter: config,
    async *stored() {
      for (const eventId of ids) yield { eventId, eventName: 'order_completed', timestamp: '' };
    },
  };
}

const silent = (config = everything): AuditedDestination => ({
  ...holding([], config),
  stored: undefined,
});

const look = (
  log: Log,
  destinations: readonly AuditedDestination[],
  segmentEventsMax = 7,
): Promise<ReconciliationReport> =>
  reconcile({ log, destinations, sinceMs: 0, segmentEventsMax, secondLookMs: 1 });

/** The sums of all rows for the first destination. */
function totalOf({
  rows,
}: ReconciliationReport): EventCounts & { accepted: number; difference: number } {
  const total = { ...zeroCounts(), accepted: 0, difference: 0 };
  for (const { accepted, counts } of rows) {
    total.accepted += accepted;
    total.difference += differenceOf(accepted, counts[0]!);
    for (const column of Object.keys(none) as (keyof EventCounts)[])
      total[column] += counts[0]![column];
  }
  return total;
}

const hourLater: Outcome = { kind: 'retry', fault: 'event', reason: 'x', notBeforeMs: 3_600_000 };

describe('reconciliation', () => {
  test('the counts match, whatever happened to an event', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const config = destinationConfig({ events: ['order_*'] });
    const ids = await publishEvents(log, 40);
    await publishEvents(log, 5, { eventName: 'page_viewed' });
    const outcomes = new Map<number, Outcome>();
    for (const sequence of [3, 4, 5, 6, 7])
      outcomes.set(sequence, { kind: 'dead', reason: 'never' });
    for (const sequence of [10, 11, 12]) outcomes.set(sequence, hourLater);
    const destination = recording(({ sequence }) => outcomes.get(sequence) ?? delivered);
    const worker = await startWorker(log, destination, { config });
    await settled(log);
    const queue = await openQueue(log);
    await queue.discard('crm:3', 'a test');
    // Of REPLAY the first is delayed, the second is delivered, and the third waits.
    outcomes.set(1, hourLater);
    await queue.replay('crm:4');
    await queue.replay('crm:6');
    await settled(log, 'crm', 'REPLAY');
    await worker.stop();
    await queue.replay('crm:5');
    await publishEvents(log, 2);

    const counts = {
      delivered: 33,
      waiting: 7,
      dead: 1,
      discarded: 1,
      filtered: 5,
      beforeStart: 0,
    };
    const gone = new Set([3, 4, 5, 7, 10, 11, 12]);
    const held = ids.filter((_id, index) => !gone.has(index + 1));
    for (const audited of [holding(held, config), silent(config)]) {
      const report = await look(log, [audited]);
      expect(report.missing).toEqual([]);
      expect(totalOf(report)).toEqual({ ...counts, accepted: 47, difference: 0 });
      expect(report.rows.map(({ eventName }) => eventName)).toEqual([
        'order_completed',
        'page_viewed',
      ]);
      expect(report.rows[0]!.hour).toBe('2026-01-02T03:00:00.000Z');
    }
  });

  test('finds events that a destination lost or has twice', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids = await publishEvents(log, 30);
    const worker = await startWorker(log, recording());
    await settled(log);
    await worker.stop();
    const held = [...ids.filter((_id, index) => index !== 4 && index !== 20), ids[0]!, 'unknown'];
    const report = await look(log, [holding(held)]);
    expect(totalOf(report)).toMatchObject({ accepted: 30, delivered: 28, difference: 2 });
    expect(report.missing).toEqual(
      [4, 20].map((index) => ({
        destination: 'crm',
        sequence: index + 1,
        eventId: ids[index],
        eventName: 'order_completed',
        timestamp: '2026-01-02T03:04:05.678Z',
      })),
    );
    expect(report.destinations).toMatchObject([{ asked: true, missing: 2, copies: 1 }]);
  });

  test('waits for moving events, and checks them a second time', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids = await publishEvents(log, 20);
    let looks = 0;
    const worker = await startWorker(log, recording());
    await settled(log);
    await worker.stop();
    const late: AuditedDestination = {
      ...holding([]),
      async *stored() {
        looks += 1;
        const there = looks === 1 ? ids.slice(0, 15) : ids;
        for (const eventId of there) yield { eventId, eventName: '', timestamp: '' };
      },
    };
    const report = await look(log, [late], 100);
    expect(looks).toBe(2);
    expect(totalOf(report)).toMatchObject({ delivered: 20, difference: 0 });
    expect(report.destinations[0]!.missing).toBe(0);
  });

  test('counts events in work', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids = await publishEvents(log, 30);
    const { promise: never } = Promise.withResolvers<Outcome>();
    const stuck = new Set([2, 9, 25]);
    const destination = recording(({ sequence }) => (stuck.has(sequence) ? never : delivered), {
      batchEventsMax: 1,
      concurrency: 30,
    });
    const worker = await startWorker(log, destination, { stopGraceMs: 1 });
    await until(
      () => unsettled(log),
      (count) => count === 3,
    );
    const held = ids.filter((_id, index) => !stuck.has(index + 1));
    const balance = { delivered: 27, waiting: 3, difference: 0 };
    expect(totalOf(await look(log, [holding(held)]))).toMatchObject(balance);
    expect(totalOf(await look(log, [silent()]))).toMatchObject(balance);
    // One more than can be in work at once.
    const report = await look(log, [holding(held.slice(1))]);
    expect(totalOf(report)).toMatchObject({ delivered: 26, waiting: 3, difference: 1 });
    await worker.stop();
  });

  test('counts an event that the log stored twice as one at the destination', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const [id] = await publishEvents(log, 1);
    const event = `{"eventId":"${id}","eventName":"order_completed","source":"shop","timestamp":"2026-01-02T03:04:05.678Z"}`;
    // Under another message id, as after the dedup window.
    await log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, event);
    // And a message that is not an event.
    await log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, 'none');
    const worker = await startWorker(
      log,
      recording(({ event }) => (event(), delivered)),
    );
    await settled(log);
    await worker.stop();
    expect(await readDead(log)).toHaveLength(1);
    expect(totalOf(await look(log, [holding([id!])]))).toMatchObject({
      accepted: 3,
      delivered: 2,
      dead: 1,
      difference: 0,
    });
  });

  test('reports a destination that cannot be queried now, or has never started', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 3);
    const away: AuditedDestination = {
      ...silent(),
      stored: () => {
        throw new Error('connection refused');
      },
    };
    const report = await look(log, [away]);
    expect(report.destinations).toMatchObject([{ asked: false, fault: 'connection refused' }]);
    expect(totalOf(report)).toMatchObject({ accepted: 3, waiting: 3, difference: 0 });
  });

  test('counts filtered events, even if the configuration has changed since', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids: string[] = [];
    const run = async (events: string[]): Promise<void> => {
      ids.push(...(await publishEvents(log, 10)));
      await publishEvents(log, 4, { eventName: 'page_viewed' });
      const config = destinationConfig({ events });
      // A start without changes does not record another filter.
      for (let start = 0; start < 2; start += 1) {
        const worker = await startWorker(log, recording(), { config });
        await settled(log);
        await worker.stop();
      }
    };
    await run(['order_*']);
    await run([]);
    const [position] = await readEventPositions(log, 'crm');
    expect(position!.filterEras()).toEqual([
      { from: 1, events: ['order_*'], sources: [] },
      { from: 15, events: [], sources: [] },
    ]);
    // The second run has only the orders: its views are missing, the earlier views are not.
    const report = await look(log, [holding(ids)]);
    expect(totalOf(report)).toMatchObject({ delivered: 20, filtered: 4, difference: 4 });
    expect(report.missing.map(({ sequence }) => sequence)).toEqual([25, 26, 27, 28]);
  });
});
