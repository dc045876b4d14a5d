import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { layoutDefault } from './events/layout.ts';
import type { EventStreamsRead } from './events/stream-parts.ts';
import { openEvents } from './open-events.ts';
import type { PublishToStream } from './publish/publisher.ts';
import { partitionStream, type StoredStreamName } from './topology.ts';

const changing: EventStreamsRead = {
  layout: { generation: 1, open: [1], closed: [[0]], isReady: false },
  layoutSequence: 1,
  parts: [],
  closedIds: [],
};
/** The same once the new stream exists: ids are looked up in the old one. */
const ready = (): EventStreamsRead => ({
  ...changing,
  layout: { ...changing.layout, isReady: true },
  layoutSequence: 2,
  closedIds: [
    {
      streams: [{ stream: partitionStream(0), partition: 0, subject: 'headgate.closed.0' }],
      untilMs: performance.now() + 60_000,
    },
  ],
});

/** Opens EVENTS as it is read, first this, and from the third look on that. */
function open(first: EventStreamsRead, later: () => EventStreamsRead, publishTimeoutMs = 5_000) {
  const sent: string[] = [];
  let now = first;
  let looks = 0;
  const openStream =
    (stream: StoredStreamName): PublishToStream =>
    (subject, _headers, _payload, callback) => {
      sent.push(`${stream} ${subject}`);
      callback({ sequence: 3, duplicate: stream === 'EVENTS_0' }, undefined);
    };
  const events = openEvents({
    events: {
      parts: () => now.parts,
      now: () => now,
      refresh: async () => {
        looks += 1;
        if (looks === 3) now = later();
      },
    },
    openStream,
    complete: undefined,
    publishTimeoutMs,
    onTrouble: () => {},
  });
  const store = () =>
    new Promise((resolve) =>
      events.publish('headgate.events.0.shop.order', 'NATS/1.0\r\n\r\n', '', (ack, error) =>
        resolve(ack ?? error!.code),
      ),
    );
  return { events, sent, store };
}

test('a process that begins in the middle of a change stores nothing before it knows which ids to look up', async () => {
  const { events, sent, store } = open(changing, ready);
  expect(await store()).toEqual({ sequence: 3, duplicate: true });
  expect(sent).toEqual(['EVENTS_0 headgate.closed.0']);
  events.close();
});

test('an event that waits for a change fails when its time is over', async () => {
  const { events, sent, store } = open(changing, () => changing, 250);
  expect(await store()).toBe('no_stream');
  expect(sent).toEqual([]);
  events.close();
});

test('without a change events go to the partition at once', async () => {
  const { events, sent, store } = open({ ...changing, layout: layoutDefault }, () => changing);
  expect(await store()).toEqual({ sequence: 3, duplicate: true });
  expect(sent).toEqual(['EVENTS_0 headgate.events.0.shop.order']);
  events.close();
});

test('an event that waits while a change is completed waits until its streams are used', async () => {
  let now = changing;
  const events = openEvents({
    events: { parts: () => now.parts, now: () => now, refresh: async () => {} },
    // The closed stream has the id.
    openStream: () => (_subject, _headers, _payload, callback) =>
      callback({ sequence: 3, duplicate: true }, undefined),
    // It is read at once, and used only after the time that a waiting event gives one look.
    complete: async () => {
      now = ready();
      await sleep(1_200);
    },
    publishTimeoutMs: 5_000,
    onTrouble: () => {},
  });
  const answer = await new Promise((resolve) =>
    events.publish('headgate.events.0.shop.order', 'NATS/1.0\r\n\r\n', '', (ack, error) =>
      resolve(ack ?? error!.code),
    ),
  );
  expect(answer).toEqual({ sequence: 3, duplicate: true });
  events.close();
});
