import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { eventTimeOf, requestClock, type OwnClock } from './event-time.ts';
import { timeText } from './time-text.ts';

const received = '2026-03-01T12:00:00.123Z';
const receivedMs = Date.parse(received);

interface Case {
  readonly occurredAt?: string;
  readonly sentAt?: string;
  readonly historical?: boolean;
  readonly own?: OwnClock;
}

function timeOf({ occurredAt = '', sentAt = '', historical = false, own }: Case): string {
  return eventTimeOf(occurredAt, requestClock(received, receivedMs, sentAt, historical), own);
}

test('without a time of the producer it is ours', () => {
  expect(timeOf({})).toBe(received);
  expect(timeOf({ sentAt: '2020-01-01T00:00:00.000Z' })).toBe(received);
});

test("a time of the producer's clock counts, with all of its digits", () => {
  const occurredAt = '2026-02-22T07:08:09.123456789Z';
  expect(timeOf({ occurredAt })).toBe(occurredAt);
});

describe('ahead of our clock', () => {
  test.each([
    ['2026-03-01T12:05:00.123Z', true],
    ['2026-03-01T12:05:00.123000001Z', false],
    ['2026-03-01T12:05:00.124Z', false],
    ['2126-03-01T12:00:00.000Z', false],
  ])('%s counts: %s', (occurredAt, counts) => {
    expect(timeOf({ occurredAt })).toBe(counts ? occurredAt : received);
    // No record is of the future.
    expect(timeOf({ occurredAt, historical: true })).toBe(counts ? occurredAt : received);
  });
});

describe('the floor of five years', () => {
  test.each([
    ['2021-03-01T12:00:00.123Z', true],
    ['2021-03-01T12:00:00.123000001Z', true],
    ['2021-03-01T12:00:00.122999999Z', false],
    ['2021-03-01T12:00:00.122Z', false],
    ['1970-01-01T00:00:00.000Z', false],
    ['0001-01-01T00:00:00.000Z', false],
  ])('%s counts: %s', (occurredAt, counts) => {
    expect(timeOf({ occurredAt })).toBe(counts ? occurredAt : received);
    expect(timeOf({ occurredAt, historical: true })).toBe(occurredAt);
  });
});

describe('sent_at', () => {
  const occurredAt = '2026-03-01T11:30:00.123456Z';
  test.each([
    ['20 minutes behind', '2026-03-01T11:40:00.000Z', '2026-03-01T11:50:00.123456Z'],
    ['an hour ahead', '2026-03-01T13:00:00.100Z', '2026-03-01T10:30:00.123456Z'],
    ['half a step ahead', '2026-03-01T12:00:05.124Z', '2026-03-01T11:29:50.123456Z'],
  ])('of a clock that is %s corrects it', (_what, sentAt, corrected) => {
    expect(timeOf({ occurredAt, sentAt })).toBe(corrected);
  });

  test('that puts an event into the future is not believed', () => {
    expect(timeOf({ occurredAt, sentAt: '2026-03-01T11:00:00.000Z' })).toBe(received);
  });

  test('what a request takes is no error of a clock', () => {
    for (const ms of [0, 1, 50, 4999]) {
      expect(timeOf({ occurredAt, sentAt: timeText(receivedMs - ms) })).toBe(occurredAt);
    }
  });

  test('of a clock without a date brings the event to its day', () => {
    const lost = { occurredAt: '1970-01-01T00:00:10.000Z', sentAt: '1970-01-01T00:00:20.000Z' };
    expect(timeOf(lost)).toBe('2026-03-01T11:59:50.000Z');
  });

  test('says nothing about records, nor about an event that says so', () => {
    const sentAt = '2026-03-01T11:00:00.000Z';
    expect(timeOf({ occurredAt, sentAt, historical: true })).toBe(occurredAt);
    expect(timeOf({ occurredAt, sentAt, own: { exact: true } })).toBe(occurredAt);
  });
});

test.each([
  [0, received],
  [1500, '2026-03-01T11:59:58.623Z'],
  [-300_000, '2026-03-01T12:05:00.123Z'],
  [-300_001, received],
  [6 * 366 * 86_400_000, received],
  [Number.NaN, received],
])('%d ms ago is %s', (agoMs, time) => {
  expect(timeOf({ own: { agoMs } })).toBe(time);
});

test('a copy that is sent a day later has the same time, by any clock that keeps its pace', () => {
  const minuteMs = 60_000;
  fc.assert(
    fc.property(
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: 0, max: 4999 }),
      fc.integer({ min: 0, max: 4999 }),
      (errorMinutes, firstTakesMs, againTakesMs) => {
        const errorMs = errorMinutes * minuteMs;
        const occurredMs = receivedMs - 3_600_000;
        const at = (ms: number, takesMs: number): string => {
          const clock = requestClock(timeText(ms), ms, timeText(ms - takesMs + errorMs), false);
          return eventTimeOf(timeText(occurredMs + errorMs), clock, undefined);
        };
        const first = at(receivedMs, firstTakesMs);
        expect(at(receivedMs + 86_400_000, againTakesMs)).toBe(first);
        expect(first).toBe(timeText(occurredMs));
      },
    ),
  );
});
