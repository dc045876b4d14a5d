import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { StreamEndpoint, TakenOutcome } from '../gate/nats/stream-endpoint.ts';
import { messagesMax } from '../jetstream/other/inspect-consumer.ts';
import type { OtherMessage } from '../jetstream/other/other-stream.ts';
import { MessageDesk } from './message-desk.ts';

const MiB = 1024 * 1024;

/** A message, and how it was settled. */
function message(bytes = 1): OtherMessage & { readonly settled: string[] } {
  const settled: string[] = [];
  const pulled = {
    subject: 'orders.in',
    sequence: 1,
    deliveries: 1,
    storedAtMs: 0,
    payload: Buffer.alloc(bytes),
    header: () => '',
    ack: () => settled.push('ack'),
    nak: (delayMs: number) => settled.push(`nak ${delayMs}`),
    term: () => settled.push('term'),
    working: () => settled.push('working'),
  };
  return { pulled, headers: {}, settled };
}

/** A desk whose endpoint answers when the test says so. */
function openDesk() {
  const answers: ((outcome: TakenOutcome) => void)[] = [];
  const endpoint: StreamEndpoint = {
    accept: (_message, signal) =>
      new Promise((resolve, reject) => {
        answers.push(resolve);
        signal.addEventListener('abort', () => reject(new Error('stopped')));
      }),
  };
  const counted: string[] = [];
  const onRoom = vi.fn<() => void>();
  const signals = {
    natsIntakeSettled: (_source: string, outcome: string) => counted.push(outcome),
  };
  const desk = new MessageDesk({
    source: 'orders',
    stream: 'ORDERS',
    endpoint,
    signals,
    dedupWindowMs: 600_000,
    onRoom,
  });
  const answer = async (outcome: TakenOutcome): Promise<void> => {
    answers.shift()!(outcome);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { desk, answer, counted, onRoom };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const retry = (delayMs?: number): TakenOutcome => ({ kind: 'retry', delayMs, reason: '' });

describe('the room of a source', () => {
  test('is bounded by messages', async () => {
    const { desk, answer, onRoom } = openDesk();
    for (let held = 0; held < messagesMax; held += 1) {
      expect(desk.room()).toMatchObject({ messages: messagesMax - held, isEmpty: held === 0 });
      desk.take(message());
    }
    expect(desk.room().messages).toBe(0);
    await answer({ kind: 'stored' });
    expect(desk.room().messages).toBe(1);
    expect(onRoom).toHaveBeenCalledTimes(1);
  });

  test('is bounded by bytes', async () => {
    const { desk, answer } = openDesk();
    desk.take(message(16 * MiB - 1));
    expect(desk.room().bytes).toBe(1);
    desk.take(message(1));
    expect(desk.room().bytes).toBe(0);
    await answer({ kind: 'quarantined' });
    expect(desk.room().bytes).toBe(16 * MiB - 1);
  });
});

describe('a message', () => {
  test('is acknowledged when its events are stored or in quarantine, not before', async () => {
    const { desk, answer, counted } = openDesk();
    const [first, second] = [message(), message()];
    desk.take(first);
    desk.take(second);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(first.settled).toEqual([]);
    await answer({ kind: 'stored' });
    await answer({ kind: 'quarantined' });
    expect([first.settled, second.settled]).toEqual([['ack'], ['ack']]);
    expect(counted).toEqual(['stored', 'quarantined']);
  });

  test('that cannot be stored comes again after the delay that the verdict names', async () => {
    const { desk, answer } = openDesk();
    const taken = message();
    desk.take(taken);
    await answer(retry(1_234));
    expect(taken.settled).toEqual(['nak 1234']);
  });

  test('else later and later, and nothing is taken meanwhile; what is stored begins anew', async () => {
    const { desk, answer, onRoom } = openDesk();
    for (const delayMs of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const taken = message();
      desk.take(taken);
      await answer(retry());
      expect(taken.settled).toEqual([`nak ${delayMs}`]);
      expect(desk.room()).toMatchObject({ messages: 0, isEmpty: false });
      const pauseMs = Math.min(delayMs, 5_000);
      await vi.advanceTimersByTimeAsync(pauseMs - 1);
      expect(desk.room().messages).toBe(0);
      onRoom.mockClear();
      await vi.advanceTimersByTimeAsync(1);
      expect(desk.room().messages).toBe(messagesMax);
      expect(onRoom).toHaveBeenCalledTimes(1);
    }
    desk.take(message());
    await answer({ kind: 'stored' });
    const taken = message();
    desk.take(taken);
    await answer(retry());
    expect(taken.settled).toEqual(['nak 500']);
  });

  test('is kept alive while it is held', async () => {
    const { desk, answer } = openDesk();
    desk.keepAlive(3_000);
    const taken = message();
    desk.take(taken);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(taken.settled).toEqual(['working', 'working']);
    await answer({ kind: 'stored' });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(taken.settled).toEqual(['working', 'working', 'ack']);
    await desk.stop(0);
  });

  test('that waits or comes after a stop is given back at once', async () => {
    const { desk, counted } = openDesk();
    const [waiting, late] = [message(), message()];
    desk.take(waiting);
    const stopped = desk.stop(1_000);
    desk.take(late);
    await vi.advanceTimersByTimeAsync(10);
    await stopped;
    expect([waiting.settled, late.settled]).toEqual([['nak 0'], ['nak 0']]);
    expect(counted).toEqual(['returned', 'returned']);
    expect(desk.room()).toMatchObject({ messages: 0, isEmpty: false });
  });
});
