import { describe, expect, test, vi } from 'vitest';

import { eventPosition } from '../events/event-position.ts';
import { createEventPublisher, type EventRoute } from './event-publisher.ts';
import type { PublishAck } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import type { PublishToStream } from './publisher.ts';

/** A stream that answers each message with what `answer` returns, and records what it was sent. */
function fakeStream(answer: (subject: string) => PublishAck | PublishError) {
  const sent: string[] = [];
  const publish: PublishToStream = (subject, _headers, payload, callback) => {
    sent.push(`${subject} ${String(payload)}`);
    const answered = answer(subject);
    queueMicrotask(() =>
      answered instanceof PublishError
        ? callback(undefined, answered)
        : callback(answered, undefined),
    );
  };
  return { sent, publish };
}

const stored = (sequence: number) => () => ({ sequence, duplicate: false });
const refuses = (code: 'stream_full' | 'no_stream' | 'timeout') => () =>
  new PublishError(code, code);

const store = (publish: PublishToStream, id = 'shop:1') =>
  new Promise<PublishAck | string>((resolve) => {
    const headers = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`;
    publish('headgate.events.0.shop.order', headers, 'event', (ack, error) =>
      resolve(ack ?? error!.code),
    );
  });

const noNews = async (): Promise<void> => {};
const later = (): number => performance.now() + 60_000;
const routeOf = (
  partition: number,
  publish: PublishToStream,
  lookUps: EventRoute['lookUps'] = [],
) => ({
  open: [{ partition, publish }],
  lookUps,
});
const lookUpIn = (partition: number, ask: PublishToStream, untilMs = later()) => ({
  untilMs,
  streams: [{ partition, subject: `headgate.closed.${partition}`, ask }],
});

describe('an event', () => {
  test('is published in its partition, and acknowledged by its position', async () => {
    const stream = fakeStream(stored(7));
    const { publish } = createEventPublisher({
      route: routeOf(5, stream.publish),
      onNoStream: noNews,
    });
    expect(await store(publish)).toEqual({ sequence: eventPosition(5, 7), duplicate: false });
    expect(stream.sent).toEqual(['headgate.events.5.shop.order event']);
  });

  test('goes where its id says, wherever the header stands, and without one to the first', async () => {
    const streams = [0, 1, 2, 3].map(() => fakeStream(stored(1)));
    const open = streams.map(({ publish }, partition) => ({ partition, publish }));
    const { publish } = createEventPublisher({ route: { open, lookUps: [] }, onNoStream: noNews });
    const places = async (headers: string): Promise<number[]> => {
      for (const stream of streams) stream.sent.length = 0;
      await new Promise((resolve) => publish('headgate.events.0.shop.order', headers, '', resolve));
      return streams.flatMap(({ sent }, place) => sent.map(() => place));
    };
    const [first] = await places('NATS/1.0\r\nNats-Msg-Id: shop:order-2\r\n\r\n');
    expect(first).toBeGreaterThan(0);
    expect(await places('NATS/1.0\r\nA: b\r\nNats-Msg-Id: shop:order-2\r\n\r\n')).toEqual([first]);
    expect(await places('NATS/1.0\r\nA: b\r\n\r\n')).toEqual([0]);
  });

  test('is a duplicate if a closed stream has its id', async () => {
    const stream = fakeStream(stored(7));
    const closed = fakeStream(() => ({ sequence: 3, duplicate: true }));
    const unknowing = fakeStream(refuses('stream_full'));
    const lookUps = [lookUpIn(2, unknowing.publish), lookUpIn(1, closed.publish)];
    const { publish } = createEventPublisher({
      route: routeOf(5, stream.publish, lookUps),
      onNoStream: noNews,
    });
    expect(await store(publish)).toEqual({ sequence: eventPosition(1, 3), duplicate: true });
    expect(unknowing.sent).toEqual(['headgate.closed.2 ']);
    expect(closed.sent).toEqual(['headgate.closed.1 ']);
    expect(stream.sent).toEqual([]);
  });

  test('is stored if no closed stream has its id, and later without a look', async () => {
    const stream = fakeStream(stored(7));
    const closed = fakeStream(refuses('stream_full'));
    const lookUps = [
      lookUpIn(1, closed.publish, performance.now() + 30),
      lookUpIn(2, closed.publish, 0),
    ];
    const { publish } = createEventPublisher({
      route: routeOf(5, stream.publish, lookUps),
      onNoStream: noNews,
    });
    await store(publish);
    expect(closed.sent).toHaveLength(1);
    await vi.waitFor(async () => {
      const before = closed.sent.length;
      await store(publish);
      expect(closed.sent).toHaveLength(before);
    });
  });

  test('is not stored while it is not known whether a closed stream has its id', async () => {
    for (const code of ['no_stream', 'timeout'] as const) {
      const stream = fakeStream(stored(7));
      const lookUps = [lookUpIn(1, fakeStream(refuses(code)).publish)];
      const { publish } = createEventPublisher({
        route: routeOf(5, stream.publish, lookUps),
        onNoStream: noNews,
      });
      expect(await store(publish)).toBe(code);
      expect(stream.sent).toEqual([]);
    }
  });
});

describe('an event that no stream takes', () => {
  test('is sent again to the partitions that were found meanwhile', async () => {
    const closed = fakeStream(refuses('no_stream'));
    const opened = fakeStream(stored(1));
    const publisher = createEventPublisher({
      route: routeOf(0, closed.publish),
      onNoStream: async () => publisher.use(routeOf(1, opened.publish)),
    });
    expect(await store(publisher.publish)).toMatchObject({ sequence: eventPosition(1, 1) });
    expect(closed.sent).toHaveLength(1);
  });

  test('fails if no others were found', async () => {
    const closed = fakeStream(refuses('no_stream'));
    const { publish } = createEventPublisher({
      route: routeOf(0, closed.publish),
      onNoStream: noNews,
    });
    expect(await store(publish)).toBe('no_stream');
  });
});
