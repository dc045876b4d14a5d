import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { findDeletable } from '../../src/jetstream/consume/retention/deletable.ts';
import { createStreamAges } from '../../src/jetstream/consume/retention/stream-ages.ts';
import { openPartReader } from '../../src/jetstream/read/part-reader.ts';
import { findRanges, readAllInOrder, readInOrder } from '../../src/jetstream/read/read-ranges.ts';
import type { StoredMessage } from '../../src/jetstream/read/read.ts';
import { publishEvents, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const text = new TextDecoder();

/** All that a reader can know of a message. */
const contentOf = ({ subject, sequence, storedAtMs, header, payload }: StoredMessage) => [
  subject,
  sequence,
  storedAtMs,
  header('Nats-Msg-Id'),
  header('traceparent'),
  text.decode(payload),
];

async function contentsOf(
  messages: AsyncIterable<StoredMessage>,
  onMessage: (count: number) => Promise<void> | void = () => {},
): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const message of messages) {
    all.push(contentOf(message));
    await onMessage(all.length);
  }
  return all;
}

async function consumersOf(log: Log): Promise<string[]> {
  const names: string[] = [];
  for (const { stream } of partsOf(log, 'EVENTS')) {
    for await (const { name } of clientsForTests(log).manager.consumers.list(stream)) {
      names.push(name);
    }
  }
  return names;
}

/** More than a short range, in each of its partitions. */
async function fill(log: Log, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1_000) await publishEvents(log, Math.min(left, 1_000));
  const { manager } = clientsForTests(log);
  // A gap, and nothing at the end of the range.
  const { stream } = partsOf(log, 'EVENTS')[0]!;
  const { state } = await manager.streams.info(stream);
  for (const sequence of [1, 700, 701, state.last_seq]) {
    await manager.streams.deleteMessage(stream, sequence, false);
  }
}

test.each([1, 2])('%d partitions are read by consumers as by requests', async (partitions) => {
  await using real = await startRealLog({ partitions });
  const { log } = real;
  await fill(log, 6_500 * partitions);
  const ranges = await findRanges(log, 'EVENTS');
  const expected = await contentsOf(readInOrder(log, 'EVENTS', ['>'], ranges));
  let during: string[] = [];
  const read = await contentsOf(readAllInOrder(log, 'EVENTS', ranges), async (count) => {
    if (count === 1_000) during = await consumersOf(log);
  });
  expect(read).toEqual(expected);
  expect(expected).toHaveLength(6_500 * partitions - 4);
  expect(during).toHaveLength(partitions);
  await until(
    () => consumersOf(log),
    ({ length }) => length === 0,
  );
});

test('a reader whose consumer is deleted reads on, each message once', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await fill(log, 6_000);
  const ranges = await findRanges(log, 'EVENTS');
  const expected = await contentsOf(readInOrder(log, 'EVENTS', ['>'], ranges));
  let deleted = 0;
  const read = await contentsOf(readAllInOrder(log, 'EVENTS', ranges), async (count) => {
    if (count !== 1_500) return;
    for (const name of await consumersOf(log)) {
      await clientsForTests(log).manager.consumers.delete('EVENTS_0', name);
      deleted += 1;
    }
  });
  expect(deleted).toBe(1);
  expect(read).toEqual(expected);
});

test('who stops early leaves no consumer, and what a reader has not read may be deleted', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await fill(log, 6_000);
  for await (const { sequence } of readAllInOrder(log, 'EVENTS', await findRanges(log, 'EVENTS'))) {
    if (sequence > 100) break;
  }
  await until(
    () => consumersOf(log),
    ({ length }) => length === 0,
  );
  const [part] = partsOf(log, 'EVENTS');
  const reader = await openPartReader(log, part!, 1);
  const { state } = await clientsForTests(log).manager.streams.info('EVENTS_0');
  const options = { log, retentionMs: 0, destinations: [] };
  const { heldFrom } = await findDeletable('EVENTS', part!, state, createStreamAges(0), options);
  expect([...heldFrom]).toEqual([]);
  await reader!.close();
});
