import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { ensureDestinationConsumer } from '../../src/jetstream/consume/destination-consumer.ts';
import {
  openPull,
  type PullOptions,
  type PulledMessage,
  type PullRoom,
} from '../../src/jetstream/consume/pull.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import { until } from '../crash/gate-process.ts';
import { storedEvents } from '../stored-events.ts';

const MiB = 1024 * 1024;
const consumer = { attempts: -1, ackWaitMs: 5_000, ackPendingMax: 4_096 };

async function storeEvents(log: Log, count: number, bytes: number): Promise<void> {
  const payload = new Uint8Array(bytes).fill(0x78);
  for (let stored = 0; stored < count; stored += 20) {
    const some = Array.from({ length: Math.min(20, count - stored) }, () =>
      log.store('EVENTS', 'headgate.events.0.shop.order_completed', {}, payload),
    );
    await Promise.all(some);
  }
}

async function pullFor(
  log: Log,
  name: string,
  options: Partial<PullOptions> & Pick<PullOptions, 'onMessage'>,
) {
  await ensureDestinationConsumer(log, 'EVENTS', name, consumer);
  return openPull({
    log,
    stream: 'EVENTS',
    consumer: name,
    messagesMax: 1_000,
    onTrouble: () => {},
    ...options,
  });
}

/** Counts how often the connection for reads is lost from now on. */
function countDisconnects({ log }: RealLog): () => number {
  const status = clientsForTests(log).connection.status();
  let count = 0;
  const follow = async (): Promise<void> => {
    for await (const { type } of status) if (type === 'disconnect') count += 1;
  };
  void follow();
  return () => count;
}

test('nats-server disconnects no pull that is slow, whatever the sizes', async () => {
  await using real = await startRealLog({ storageBytesMax: 1024 * MiB });
  const { log } = real;
  await storeEvents(log, 500, 250_000);
  const disconnects = countDisconnects(real);
  const names = ['a', 'b', 'c'];
  let received = 0;
  const pulls = [];
  for (const name of names) {
    const onMessage = (message: PulledMessage): void => {
      received += 1;
      // As a worker does that decodes, or is starved of its processor.
      const until = performance.now() + (received % 100 === 1 ? 300 : 0);
      while (performance.now() < until);
      message.ack();
    };
    pulls.push(await pullFor(log, name, { onMessage }));
  }
  await until(
    () => received,
    (count) => count >= 1_500,
  );
  expect(disconnects()).toBe(0);
  expect(received).toBe(1_500);
  await Promise.all(pulls.map((pull) => pull.stop()));
});

test('a pull asks for no more bytes than its receiver has room for', async () => {
  await using real = await startRealLog({ storageBytesMax: 512 * MiB });
  const { log } = real;
  await storeEvents(log, 60, 250_000);
  const held: PulledMessage[] = [];
  const heldBytes = (): number => held.reduce((sum, { payload }) => sum + payload.length, 0);
  const bytesMax = MiB;
  let most = 0;
  let settled = 0;
  const room = (): PullRoom => ({
    messages: 1_000,
    bytes: Math.max(0, bytesMax - heldBytes()),
    isEmpty: held.length === 0,
  });
  const pull = await pullFor(log, 'a', {
    room,
    onMessage: (message) => {
      held.push(message);
      most = Math.max(most, heldBytes());
    },
  });
  while (settled < 60) {
    await until(
      () => held.length,
      (count) => count > 0,
    );
    await sleep(20);
    for (const message of held.splice(0, 2)) {
      message.ack();
      settled += 1;
    }
    pull.more();
  }
  expect(most).toBeLessThanOrEqual(bytesMax);
  expect(most).toBeGreaterThan(bytesMax / 2);
  await pull.stop();
});

test('a message that is larger than the room comes alone', async () => {
  await using real = await startRealLog({ storageBytesMax: 512 * MiB });
  const { log } = real;
  await storeEvents(log, 1, 7 * MiB);
  await storeEvents(log, 10, 100);
  await storeEvents(log, 2, 7 * MiB);
  let held = 0;
  let most = 0;
  const sizes: number[] = [];
  const room = (): PullRoom => ({ messages: 1_000, bytes: 64 * 1024, isEmpty: held === 0 });
  const pull = await pullFor(log, 'a', {
    room,
    onMessage: (message) => {
      held += 1;
      most = Math.max(most, held);
      sizes.push(message.payload.length);
      setTimeout(() => {
        held -= 1;
        message.ack();
        pull.more();
      }, 10);
    },
  });
  await until(
    () => sizes.length,
    (count) => count === 13,
  );
  expect(sizes.filter((size) => size > MiB)).toHaveLength(3);
  await until(
    () => held,
    (count) => count === 0,
  );
  await pull.stop();
});

test('an answer on a closed connection is dropped, and the message comes again', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await storeEvents(log, 1, 100);
  const messages: PulledMessage[] = [];
  const pull = await pullFor(log, 'a', { onMessage: (message) => messages.push(message) });
  await until(
    () => messages.length,
    (count) => count === 1,
  );
  await pull.stop();
  await log.close();
  const [message] = messages;
  expect(() => message!.ack()).not.toThrow();
  expect(() => message!.nak(100)).not.toThrow();
  expect(() => message!.working()).not.toThrow();
  expect(() => message!.term('no')).not.toThrow();
});

test('a pull goes on after the connection was lost and nats-server was killed', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const sequences = new Set<number>();
  const pull = await pullFor(log, 'a', {
    onMessage: (message) => {
      sequences.add(message.sequence);
      message.ack();
    },
  });
  for (let round = 1; round <= 3; round += 1) {
    await clientsForTests(log).connection.reconnect();
    if (round > 1) real.killServer();
    await until(
      () =>
        storeEvents(log, 10, 100).then(
          () => true,
          () => false,
        ),
      Boolean,
    );
    const first = sequences.size;
    await until(
      () => sequences.size,
      (size) => size >= first + 10 || size >= round * 10,
    );
  }
  expect(sequences.size).toBeGreaterThanOrEqual(30);
  await pull.stop();
});

test('a pull reports that its consumer was deleted, and goes on once it exists again', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const troubles: string[] = [];
  let received = 0;
  const pull = await pullFor(log, 'a', {
    onTrouble: (text) => troubles.push(text),
    onMessage: (message) => {
      received += 1;
      message.ack();
    },
  });
  await sleep(100);
  await clientsForTests(log).manager.consumers.delete('EVENTS_0', 'a');
  await until(
    () => troubles,
    (texts) => texts.includes('consumer_deleted') && texts.includes('consumer_not_found'),
  );
  await ensureDestinationConsumer(log, 'EVENTS', 'a', consumer);
  await storeEvents(log, 1, 10);
  await until(
    () => received,
    (count) => count === 1,
  );
  expect(received).toBe(1);
  await pull.stop();
});

test('reads of large messages side by side do not lose the connection', async () => {
  await using real = await startRealLog({ storageBytesMax: 1024 * MiB });
  const { log } = real;
  await storeEvents(log, 300, 250_000);
  await storeEvents(log, 2, 7 * MiB);
  const disconnects = countDisconnects(real);
  const readAll = async (): Promise<number> => {
    let count = 0;
    for await (const { sequence } of storedEvents(log)) {
      count += 1;
      expect(sequence).toBe(count);
      const end = performance.now() + (count % 100 === 1 ? 200 : 0);
      while (performance.now() < end);
    }
    return count;
  };
  const counts = await Promise.all(Array.from({ length: 6 }, readAll));
  expect(counts).toEqual(Array.from({ length: 6 }, () => 302));
  expect(disconnects()).toBe(0);
});
