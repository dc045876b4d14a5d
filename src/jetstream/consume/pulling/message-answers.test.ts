import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createMessageAnswers } from './message-answers.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Each write is what reached the socket in one piece. */
function recorded() {
  const writes: string[] = [];
  let closed = false;
  const answers = createMessageAnswers({
    isClosed: () => closed,
    publish: (reply: string, text: string) => void writes.push(`${reply} ${text}`),
    protocol: {
      sendCommand: (bytes: Uint8Array) => void writes.push(Buffer.from(bytes).toString()),
    },
  } as unknown as NatsConnection);
  return { answers, writes, close: () => (closed = true) };
}

const ack = (...replies: string[]): string =>
  replies.map((reply) => `PUB ${reply} 4\r\n+ACK\r\n`).join('');

test('the first after a pause goes at once, the others in one write within 5 ms', () => {
  const { answers, writes } = recorded();
  for (const reply of ['a', 'b', 'c']) answers.acknowledge(reply);
  expect(writes).toEqual([ack('a')]);
  vi.advanceTimersByTime(4);
  expect(writes).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(writes).toEqual([ack('a'), ack('b', 'c')]);
  answers.acknowledge('d');
  expect(writes).toHaveLength(2);
  vi.advanceTimersByTime(10);
  expect(writes).toEqual([ack('a'), ack('b', 'c'), ack('d')]);
  expect(vi.getTimerCount()).toBe(0);
  answers.acknowledge('e');
  expect(writes).toHaveLength(4);
});

test('256 do not wait, 255 do', () => {
  const { answers, writes } = recorded();
  answers.acknowledge('first');
  for (let count = 0; count < 255; count += 1) answers.acknowledge(`${count}`);
  expect(writes).toHaveLength(1);
  answers.acknowledge('last');
  expect(writes).toHaveLength(2);
});

test('other answers do not wait', () => {
  const { answers, writes } = recorded();
  answers.acknowledge('a');
  answers.acknowledge('b');
  answers.send('c', '-NAK');
  expect(writes).toEqual([ack('a'), 'c -NAK']);
});

test('a flush leaves nothing, and a closed connection is left alone', () => {
  const { answers, writes, close } = recorded();
  for (const reply of ['a', 'b']) answers.acknowledge(reply);
  answers.flush();
  expect(writes).toHaveLength(2);
  close();
  answers.acknowledge('c');
  answers.send('d', '-NAK');
  vi.advanceTimersByTime(20);
  expect(writes).toHaveLength(2);
});

test('a client without its protocol handler is refused', () => {
  expect(() => createMessageAnswers({} as NatsConnection)).toThrow(TypeError);
});
