import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { describe, expect, onTestFinished, test, vi } from 'vitest';

import type { DestinationConfig } from '../../src/config/config.ts';
import { delivered, type Destination, type Outcome } from '../../src/destinations/destination.ts';
import { sqliteType } from '../../src/destinations/sqlite/type.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { storeRedelivery } from '../../src/jetstream/consume/redelivery.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import {
  readConfirmed,
  type FoundMissing,
} from '../../src/jetstream/integrity/confirmed-position.ts';
import { readLedger } from '../../src/jetstream/integrity/ledger.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import {
  createConfirmations,
  type ConfirmationOptions,
} from '../../src/reconciliation/confirmations.ts';
import { openQueue } from '../dead-letters/dead-rig.ts';
import {
  countMessages,
  destinationConfig,
  publishEvents,
  readDead,
  recording,
  settled,
  startWorker,
} from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

/** What one process does for a destination: it delivers, and confirms when the test says so. */
async function startDeliveries(
  log: Log,
  destination: Destination,
  config: DestinationConfig = destinationConfig(),
  options: Partial<ConfirmationOptions> = {},
) {
  const found: FoundMissing[] = [];
  const troubles: string[] = [];
  let isRunning = true;
  const confirmations = createConfirmations({
    log,
    onMissing: (_name, one) => found.push(one),
    onTrouble: (_name, error) => troubles.push((error as Error).message),
    rangeEventsMax: 7,
    secondLookMs: 1,
    ...options,
  });
  await confirmations.begin({
    name: config.name,
    type: config.type,
    filter: config,
    stored: destination.stored?.bind(destination),
    isRunning: () => isRunning,
  });
  const worker = await startWorker(log, destination, { config });
  return {
    found,
    troubles,
    confirmations,
    /** The first run sees what is settled, and the second confirms it. */
    confirm: async () => {
      await confirmations.run();
      await confirmations.run();
    },
    park: (parked: boolean) => {
      isRunning = !parked;
    },
    stop: async () => {
      await confirmations.stop();
      await worker.stop();
    },
  };
}

async function openSqlite() {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-confirm-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'warehouse.db');
  const run = <Value>(work: (database: DatabaseSync) => Value): Value => {
    const database = new DatabaseSync(file);
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    open: () => sqliteType.create('crm', { path: file, busy_timeout: 5_000 }),
    ids: () =>
      run((database) =>
        database
          .prepare('SELECT event_id FROM events')
          .all()
          .map((row) => String(row['event_id'])),
      ).toSorted(),
    remove: (id: string) =>
      run((database) => database.prepare('DELETE FROM events WHERE event_id = ?').run(id)),
  };
}

/** Forges the position of `crm` in EVENTS, as a fault of NATS does: it goes on with this sequence. */
async function skipTo(log: Log, sequence: number): Promise<void> {
  const { consumers } = clientsForTests(log).manager;
  const { config } = await consumers.info('EVENTS_0', 'crm');
  await consumers.delete('EVENTS_0', 'crm');
  await consumers.add('EVENTS_0', {
    durable_name: 'crm',
    ack_policy: config.ack_policy,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: sequence,
  });
}

const upTo = async (log: Log): Promise<number | undefined> =>
  (await readConfirmed(log, partsOf(log, 'EVENTS')[0]!, 'crm'))?.upTo;

/** A destination that keeps what it delivers in a set. */
function keeping(answer: (sequence: number) => Outcome = () => delivered) {
  const held = new Set<string>();
  const destination: Destination = {
    ...recording(({ sequence, event }) => {
      const outcome = answer(sequence);
      if (outcome.kind === 'delivered') held.add(event().eventId);
      return outcome;
    }),
    async *stored() {
      for (const eventId of held) yield { eventId, eventName: '', timestamp: '' };
    },
  };
  return { held, destination };
}

describe('settled without delivery', () => {
  test('exactly the skipped events are delivered, once, and reported', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const warehouse = await openSqlite();
    const config = destinationConfig({ events: ['order_*'] });
    const destination = await warehouse.open();
    const early = await publishEvents(log, 20);
    {
      const process = await startDeliveries(log, destination, config);
      await settled(log);
      await process.confirm();
      expect(process.found).toEqual([]);
      expect(await upTo(log)).toBe(20);
      await process.stop();
    }
    // The owner deletes a row that was confirmed.
    warehouse.remove(early[4]!);
    const skipped = await publishEvents(log, 10);
    await publishEvents(log, 3, { eventName: 'page_viewed' });
    const unreadable = JSON.stringify({ any: 'thing' });
    await log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, unreadable);
    skipped.push(...(await publishEvents(log, 5)));
    await skipTo(log, 40);
    const late = await publishEvents(log, 10);

    const process = await startDeliveries(log, destination, config);
    await settled(log);
    const before = [...early.filter((id) => id !== early[4]), ...late];
    expect(warehouse.ids()).toEqual(before.toSorted());
    await process.confirm();
    await settled(log, 'crm', 'REPLAY');
    const all = [...before, ...skipped].toSorted();
    expect(warehouse.ids()).toEqual(all);
    expect(await countMessages(log, 'REPLAY')).toBe(16);
    expect(process.found.reduce((sum, { events }) => sum + events, 0)).toBe(16);
    // What cannot be read becomes a dead letter, as it would have at its first delivery.
    expect((await readDead(log)).map(({ id }) => id)).toEqual(['crm:34:11']);
    expect(process.found[0]!.from).toBe(21);
    expect(process.found.at(-1)!.to).toBe(39);
    expect(await upTo(log)).toBe(49);

    // Once: what disappears from now on was deleted by its owner.
    warehouse.remove(skipped[3]!);
    await process.confirm();
    await process.stop();
    const next = await startDeliveries(log, destination, config);
    await next.confirm();
    expect(await countMessages(log, 'REPLAY')).toBe(16);
    expect(next.found).toEqual([]);
    expect(warehouse.ids()).toEqual(all.filter((id) => id !== skipped[3]));
    expect([...process.troubles, ...next.troubles]).toEqual([]);
    const position = await readConfirmed(log, partsOf(log, 'EVENTS')[0]!, 'crm');
    expect(position).toMatchObject({ missing: 16, lastFound: { to: 39 } });
    // The ledger of deletions does not take the entry for one of its own.
    expect((await readLedger(log, partsOf(log, 'EVENTS')[0]!)).deleted).toEqual([]);
    await next.stop();
    await destination.close();
  });

  test('what was settled before the first start is not brought back', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination, held } = keeping();
    await publishEvents(log, 10);
    const worker = await startWorker(log, destination);
    await settled(log);
    await worker.stop();
    held.clear();
    const process = await startDeliveries(log, destination);
    const ids = await publishEvents(log, 5);
    await settled(log);
    await process.confirm();
    expect(await upTo(log)).toBe(15);
    expect([process.found, [...held]]).toEqual([[], ids]);
    await process.stop();
  });

  test('dead, discarded and waiting events are not missing', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const outcomes = new Map<number, Outcome>([
      ...[3, 4].map((one) => [one, { kind: 'dead', reason: 'never' }] as const),
      [5, { kind: 'retry', fault: 'event', reason: 'x', notBeforeMs: 3_600_000 }],
    ]);
    const { destination } = keeping((sequence) => outcomes.get(sequence) ?? delivered);
    await publishEvents(log, 10);
    const process = await startDeliveries(log, destination, undefined, { rangeEventsMax: 100 });
    await settled(log);
    await (await openQueue(log)).discard('crm:4', 'a test');
    await process.confirm();
    expect([process.found, await upTo(log)]).toEqual([[], 10]);
    expect(await countMessages(log, 'REPLAY')).toBe(0);
    await process.stop();
  });

  test('several processes deliver what is missing once, and report it once', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination, held } = keeping();
    const ids = await publishEvents(log, 30);
    const processes = [
      await startDeliveries(log, destination),
      await startDeliveries(await real.open(), destination),
    ];
    await settled(log);
    for (const id of ids.slice(5, 25)) held.delete(id);
    await Promise.all(processes.map(({ confirm }) => confirm()));
    // Of two at the same time one waits for its next run.
    await Promise.all(processes.map(({ confirm }) => confirm()));
    await settled(log, 'crm', 'REPLAY');
    expect(held).toEqual(new Set(ids));
    expect(await countMessages(log, 'REPLAY')).toBe(20);
    const found = processes.flatMap((one) => one.found);
    expect(found.reduce((sum, { events }) => sum + events, 0)).toBe(20);
    expect(processes.flatMap(({ troubles }) => troubles)).toEqual([]);
    await Promise.all(processes.map(({ stop }) => stop()));
  });

  test('a position is kept until REPLAY has all that was missing', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination, held } = keeping();
    const ids = await publishEvents(log, 6);
    const process = await startDeliveries(log, destination);
    await settled(log);
    held.clear();
    const { streams } = clientsForTests(log).manager;
    await streams.update('REPLAY', { max_msgs: 4 });
    await process.confirm();
    expect(process.troubles).toHaveLength(1);
    expect(await upTo(log)).toBe(0);
    expect(process.found).toMatchObject([{ events: 4, from: 1, to: 4 }]);

    await streams.update('REPLAY', { max_msgs: -1 });
    await settled(log, 'crm', 'REPLAY');
    await process.confirm();
    await settled(log, 'crm', 'REPLAY');
    expect(await upTo(log)).toBe(6);
    expect(process.found.slice(1)).toMatchObject([{ events: 2, from: 5, to: 6 }]);
    expect(held).toEqual(new Set(ids));
    await process.stop();
  });

  test('what REPLAY has is not delivered again when the position could not be written', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination, held } = keeping();
    const ids = await publishEvents(log, 6);
    const process = await startDeliveries(log, destination);
    await settled(log);
    held.clear();
    const { streams } = clientsForTests(log).manager;
    const { config } = await streams.info('LEDGER');
    await streams.update('LEDGER', { ...config, max_bytes: 1 });
    await process.confirm();
    expect(process.troubles).toHaveLength(1);
    await streams.update('LEDGER', config);
    await settled(log, 'crm', 'REPLAY');
    await process.confirm();
    expect(await upTo(log)).toBe(6);
    expect(process.found).toMatchObject([{ events: 6, from: 1, to: 6 }]);
    expect(held).toEqual(new Set(ids));

    // Two processes may have found the same: the second message is a duplicate.
    const event = (await readMessage(log, 'EVENTS', 1))!;
    expect(await storeRedelivery(log, 'crm', event)).toMatchObject({ duplicate: true });
    expect(await countMessages(log, 'REPLAY')).toBe(6);
    const again = (await readMessage(log, 'REPLAY', 1))!;
    expect(again.payload).toEqual(event.payload);
    expect(again.header('Headgate-Origin-Sequence')).toBe('1');
    expect(again.header('Headgate-Correlation-Id')).toBe(`c-${ids[0]}`);
    await process.stop();
  });

  test('a destination that is parked or does not answer is asked again later', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination, held } = keeping();
    const answers = destination.stored!.bind(destination);
    const ask = vi.fn<NonNullable<Destination['stored']>>(() => {
      throw new Error('it is away');
    });
    const ids = await publishEvents(log, 3);
    const process = await startDeliveries(log, { ...destination, stored: ask });
    await settled(log);
    held.delete(ids[1]!);
    process.park(true);
    await process.confirm();
    await process.confirm();
    expect(ask).not.toHaveBeenCalled();
    process.park(false);
    await process.confirmations.run();
    expect([process.troubles, process.found]).toEqual([['it is away'], []]);
    expect(await upTo(log)).toBe(0);
    ask.mockImplementation(answers);
    await process.confirm();
    await settled(log, 'crm', 'REPLAY');
    expect(process.found).toMatchObject([{ events: 1, from: 2, to: 2 }]);
    expect(held.has(ids[1]!)).toBe(true);
    await process.stop();
  });

  test('events are kept until they are confirmed, for ten minutes at most', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const ids = await publishEvents(log, 5);
    const { destination, held } = keeping();
    const process = await startDeliveries(log, destination);
    await settled(log);
    const part = partsOf(log, 'EVENTS')[0]!;
    const confirmedUpTo = (name: string): Promise<number> =>
      process.confirmations.confirmedUpTo(name, 5, part);
    expect(await confirmedUpTo('crm')).toBe(0);
    expect(await confirmedUpTo('another')).toBe(5);
    process.park(true);
    await process.confirm();
    expect(await confirmedUpTo('crm')).toBe(0);
    const later = performance.now() + 600_001;
    const clock = vi.spyOn(performance, 'now').mockReturnValue(later);
    expect(await confirmedUpTo('crm')).toBe(5);
    clock.mockRestore();
    process.park(false);
    await process.confirm();
    expect(await confirmedUpTo('crm')).toBe(5);
    expect(held.size).toBe(ids.length);
    await process.stop();
  });

  test('a destination that cannot be asked is left alone', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 3);
    const process = await startDeliveries(log, recording());
    await settled(log);
    await process.confirm();
    expect([await upTo(log), process.found, process.troubles]).toEqual([undefined, [], []]);
    await process.stop();
  });

  test('it goes on by itself once it is started', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const { destination } = keeping();
    const process = await startDeliveries(log, destination, undefined, { intervalMs: 20 });
    await publishEvents(log, 20);
    process.confirmations.start();
    await vi.waitFor(async () => expect(await upTo(log)).toBe(20), { timeout: 8_000 });
    await process.stop();
  });
});
