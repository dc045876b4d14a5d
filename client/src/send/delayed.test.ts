import { expect, test } from 'vitest';

import { Delayed } from './delayed.ts';
import type { Group } from './group.ts';

const limits = { events: 100, bytes: 1_000, overheadBytes: 0 };

/** A group of its own range. Each event has ten bytes, of which the first is its name. */
const group = (names: string, notBeforeMs = 0, attempt = 1): Group => {
  const range = { open: names.length, end: { ordinal: names.length, segment: 0, offset: 0 } };
  return {
    records: [...names].map((name) => Buffer.from(name.padEnd(10))),
    ranges: [...names].map(() => range),
    attempt,
    failedAt: undefined,
    notBeforeMs,
    suspicion: undefined,
    isAgain: true,
  };
};

const namesOf = (taken: Group | undefined): string =>
  (taken?.records ?? []).map((record) => record.toString()[0]).join('');

test('groups whose time has come go in one request, each event with its own range', () => {
  const delayed = new Delayed(100, 1_000);
  const [first, late, second] = [group('ab', 5), group('c', 50), group('de', 7, 4)];
  for (const each of [first, late, second]) delayed.add(each);
  expect([delayed.delayMs(0), delayed.delayMs(6)]).toEqual([5, 0]);
  const taken = delayed.take(10, limits)!;
  expect([namesOf(taken), taken.attempt]).toEqual(['abde', 4]);
  expect(taken.ranges).toEqual([...first.ranges, ...second.ranges]);
  expect(taken.ranges[2]).toBe(second.ranges[0]);
  expect(namesOf(delayed.take(10, limits))).toBe('');
  expect(delayed.delayMs(10)).toBe(40);
  expect(namesOf(delayed.take(50, limits))).toBe('c');
  expect([delayed.events, delayed.delayMs(50)]).toEqual([0, Infinity]);
});

test('a request has no more events and bytes than its limits, and at least one event', () => {
  const delayed = new Delayed(100, 1_000);
  for (const names of ['abc', 'def']) delayed.add(group(names));
  expect(namesOf(delayed.take(0, { ...limits, events: 2 }))).toBe('ab');
  expect(namesOf(delayed.take(0, { ...limits, bytes: 25, overheadBytes: 2 }))).toBe('cd');
  expect(namesOf(delayed.take(0, { ...limits, bytes: 1 }))).toBe('e');
  expect(namesOf(delayed.take(0, limits))).toBe('f');
});

test('it is full by events or by bytes, until some are taken', () => {
  const byEvents = new Delayed(3, 1_000);
  const byBytes = new Delayed(100, 30);
  for (const delayed of [byEvents, byBytes]) {
    delayed.add(group('ab'));
    expect(delayed.isFull).toBe(false);
    delayed.add(group('c'));
    expect(delayed.isFull).toBe(true);
    delayed.take(0, { ...limits, events: 1 });
    expect(delayed.isFull).toBe(false);
  }
});
