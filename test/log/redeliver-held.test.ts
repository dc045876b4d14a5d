import { AckPolicy } from '@nats-io/jetstream';
import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { ensureDestinationConsumer } from '../../src/jetstream/consume/destination-consumer.ts';
import { openPull } from '../../src/jetstream/consume/pull.ts';
import { redeliverHeld } from '../../src/jetstream/consume/redeliver-held.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { publishEvents, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const ackWaitMs = 600_000;

/** Takes so many messages without settling them, and goes away. */
async function holdMessages(log: Log, consumer: string, count: number): Promise<number[]> {
  const deliveries: number[] = [];
  const pull = await openPull({
    log,
    stream: 'EVENTS',
    consumer,
    messagesMax: 100,
    onMessage: ({ deliveries: of }) => deliveries.push(of),
    onTrouble: () => {},
  });
  await until(
    () => deliveries.length,
    (length) => length >= count,
  );
  await pull.stop();
  return deliveries;
}

test('what no worker holds any more is delivered again at once, and the wait is as it was', async () => {
  await using real = await startRealLog();
  await ensureDestinationConsumer(real.log, 'EVENTS', 'crm', {
    attempts: 10,
    ackWaitMs,
    ackPendingMax: 100,
  });
  await publishEvents(real.log, 5);
  expect(await holdMessages(real.log, 'crm', 5)).toEqual([1, 1, 1, 1, 1]);

  await redeliverHeld(real.log);

  expect(await holdMessages(real.log, 'crm', 5)).toEqual([2, 2, 2, 2, 2]);
  const { manager } = clientsForTests(real.log);
  const { config } = await manager.consumers.info('EVENTS_0', 'crm');
  expect(config.ack_wait).toBe(ackWaitMs * 1_000_000);
  expect(config.max_deliver).toBe(10);
});

test('consumers of other programs keep their wait', async () => {
  await using real = await startRealLog();
  const { manager } = clientsForTests(real.log);
  const wait = ackWaitMs * 1_000_000;
  await manager.consumers.add('EVENTS_0', {
    durable_name: 'theirs',
    ack_policy: AckPolicy.Explicit,
    ack_wait: wait,
  });
  await publishEvents(real.log, 1);
  await holdMessages(real.log, 'theirs', 1);
  const updates: string[] = [];
  clientsForTests(real.log).connection.subscribe('$JS.API.CONSUMER.*.EVENTS_0.theirs.>', {
    callback: (_error, { subject }) => {
      updates.push(subject);
    },
  });

  await redeliverHeld(real.log);

  const info = await manager.consumers.info('EVENTS_0', 'theirs');
  expect(info.num_ack_pending).toBe(1);
  expect(updates).toEqual([]);
});
