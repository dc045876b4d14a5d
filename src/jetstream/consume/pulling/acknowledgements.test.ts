import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createAcknowledgements } from './acknowledgements.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorded() {
  const sent: string[] = [];
  let closed = false;
  const acks = createAcknowledgements({
    isClosed: () => closed,
    publish: (subject, payload) => void sent.push(`${subject} ${payload as string}`),
  });
  return { acks, sent, close: () => (closed = true) };
}

test('the first after a pause goes at once, the others together within 5 ms', () => {
  const { acks, sent } = recorded();
  for (const reply of ['a', 'b', 'c']) acks.add(reply);
  expect(sent).toEqual(['a +ACK']);
  vi.advanceTimersByTime(4);
  expect(sent).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a +ACK', 'b +ACK', 'c +ACK']);
  acks.add('d');
  expect(sent).toHaveLength(3);
  vi.advanceTimersByTime(10);
  expect(sent).toHaveLength(4);
  expect(vi.getTimerCount()).toBe(0);
  acks.add('e');
  expect(sent).toHaveLength(5);
});

test('256 do not wait, 255 do', () => {
  const { acks, sent } = recorded();
  acks.add('first');
  for (let count = 0; count < 255; count += 1) acks.add(`${count}`);
  expect(sent).toHaveLength(1);
  acks.add('last');
  expect(sent).toHaveLength(257);
});

test('a flush leaves nothing, and a closed connection is left alone', () => {
  const { acks, sent, close } = recorded();
  for (const reply of ['a', 'b']) acks.add(reply);
  acks.flush();
  expect(sent).toHaveLength(2);
  close();
  acks.add('c');
  vi.advanceTimersByTime(20);
  expect(sent).toHaveLength(2);
});
