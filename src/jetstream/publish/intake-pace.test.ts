import { expect, test } from 'vitest';

import { createIntakePace } from './intake-pace.ts';

function pace() {
  let published = 7;
  let nowMs = 0;
  const { isTaking, perSecond } = createIntakePace(
    () => published,
    () => nowMs,
  );
  return {
    /** Publishes so many messages, lets so many ms pass, and asks. */
    after: (messages: number, ms: number): boolean => {
      published += messages;
      nowMs += ms;
      return isTaking();
    },
    perSecond,
  };
}

test('a process that has just started counts as one that takes events', () => {
  const { after } = pace();
  expect(after(0, 999)).toBe(true);
  expect(after(0, 1)).toBe(false);
});

test('100 messages a second are quiet, 101 are not', () => {
  const { after } = pace();
  expect(after(0, 1_000)).toBe(false);
  expect(after(100, 999)).toBe(false);
  expect(after(0, 1)).toBe(false);
  expect(after(101, 1_000)).toBe(true);
});

test('the message beyond the limit counts at once, and until a second was quiet', () => {
  const { after } = pace();
  after(0, 1_000);
  expect(after(101, 1)).toBe(true);
  expect(after(0, 999)).toBe(true);
  expect(after(0, 999)).toBe(true);
  expect(after(0, 1)).toBe(false);
});

test('a long time without a question is no time without messages', () => {
  const { after } = pace();
  after(0, 1_000);
  expect(after(1_000, 10_000)).toBe(false);
  expect(after(1_010, 10_000)).toBe(true);
});

test('the rate is that of the last second, or of this one if it has more already', () => {
  const { after, perSecond } = pace();
  expect(perSecond()).toBe(Infinity);
  after(2_000, 2_000);
  expect(perSecond()).toBe(1_000);
  after(1_500, 500);
  expect(perSecond()).toBe(1_500);
  after(0, 500);
  expect(perSecond()).toBe(1_500);
  after(0, 1_000);
  expect(perSecond()).toBe(0);
});
