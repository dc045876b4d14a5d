import { expect, test } from 'vitest';

import { fresh, type Group, type Suspicion } from './group.ts';
import { Suspects } from './suspects.ts';

const group = (): Group => ({
  ...fresh,
  records: [Buffer.from('event')],
  ranges: [{ open: 1, end: { ordinal: 1, segment: 0, offset: 0 } }],
});

const gapMs = 3_000;

/** One event that is refused alone, again and again. */
class Refused {
  readonly #suspects: Suspects;
  suspicion: Suspicion | undefined;

  constructor(suspects: Suspects) {
    this.#suspects = suspects;
  }

  /** Returns how many of its refusals count; `rejected` after the last. */
  refuse(atMs: number, isOfEvent = true): number | 'rejected' {
    const sent = { ...group(), suspicion: this.suspicion };
    const sending = this.#suspects.sending(sent);
    this.suspicion = this.#suspects.refused(sent, sending, atMs, isOfEvent);
    return this.suspicion?.refusals ?? 'rejected';
  }

  wait(notBeforeMs: number, attempt = 1): void {
    this.#suspects.add({ ...group(), suspicion: this.suspicion, notBeforeMs, attempt });
  }
}

function answer(suspects: Suspects, count: number, atMs = 0): void {
  for (let each = 0; each < count; each += 1) suspects.answered(suspects.sending(group()), atMs);
}

test('a refusal counts after eight answers since the one before, and the third is the last', () => {
  const suspects = new Suspects(10, 1_000, gapMs);
  const event = new Refused(suspects);
  expect(event.refuse(0)).toBe(1);
  answer(suspects, 7);
  expect(event.refuse(3_000)).toBe(1);
  answer(suspects, 8);
  expect(event.refuse(6_000)).toBe(2);
  expect(event.refuse(9_000)).toBe(2);
  answer(suspects, 8);
  expect(event.refuse(12_000)).toBe('rejected');
});

test('a refusal does not count within the gap after the refusal of another event', () => {
  const suspects = new Suspects(10, 1_000, gapMs);
  const [event, other] = [new Refused(suspects), new Refused(suspects)];
  event.refuse(0);
  answer(suspects, 8);
  other.refuse(1_000);
  answer(suspects, 8);
  expect(event.refuse(3_999)).toBe(1);
  answer(suspects, 8);
  suspects.pingRefused(5_000);
  expect(event.refuse(7_999)).toBe(1);
  answer(suspects, 8);
  expect(event.refuse(11_000)).toBe(2);
});

test('after a refused event got through, no refusal counts for long', () => {
  const suspects = new Suspects(10, 1_000, gapMs);
  const [event, other] = [new Refused(suspects), new Refused(suspects)];
  event.refuse(0);
  other.refuse(0);
  suspects.answered(suspects.sending({ ...group(), suspicion: other.suspicion }), 10_000);
  answer(suspects, 8);
  expect(event.refuse(609_999)).toBe(1);
  answer(suspects, 8);
  expect(event.refuse(612_999)).toBe(2);
});

test('a refusal that says nothing about the event never counts', () => {
  const suspects = new Suspects(10, 1_000, gapMs);
  const event = new Refused(suspects);
  for (let time = 0; time < 100; time += 1) {
    expect(event.refuse(time * 5_000, false)).toBe(1);
    answer(suspects, 8);
  }
});

test('an answer to a request that was sent before the first refusal shows nothing', () => {
  const suspects = new Suspects(1, 1_000, 0);
  const earlier = suspects.sending(group());
  const event = new Refused(suspects);
  event.refuse(0);
  const sent = { ...group(), suspicion: event.suspicion };
  suspects.answered(earlier, 0);
  expect(suspects.sending(sent).isProven).toBe(false);
  answer(suspects, 1);
  expect(suspects.sending(sent).isProven).toBe(true);
});

test('a suspect waits at least for the gap after each refusal', () => {
  const suspects = new Suspects(10, 1_000, gapMs);
  const event = new Refused(suspects);
  event.refuse(500);
  event.wait(600);
  expect(suspects.delayMs(600)).toBe(2_900);
  expect(suspects.take(3_499)).toBe(undefined);
  expect(suspects.take(3_500)?.suspicion).toEqual(event.suspicion);
});

test.each([
  ['by number', 2, 1_000],
  ['by bytes', 100, 10],
])('too many suspects stop the reading, %s, and may all move', (_what, eventsMax, bytesMax) => {
  const suspects = new Suspects(eventsMax, bytesMax, gapMs);
  const [event, other] = [new Refused(suspects), new Refused(suspects)];
  event.refuse(0);
  event.wait(0);
  expect([suspects.isFull, suspects.movable]).toEqual([false, 0]);
  other.refuse(0);
  other.wait(0);
  expect([suspects.isFull, suspects.movable]).toEqual([true, 2]);
  expect(suspects.takeMovable().length).toBe(2);
  expect([suspects.isFull, suspects.movable, suspects.events]).toEqual([false, 0, 0]);
});

test('a suspect that is not about to be rejected may move', () => {
  const suspects = new Suspects(10, 1_000, gapMs);
  const events = [1, 2, 3].map(() => new Refused(suspects));
  for (const [index, event] of events.entries()) event.refuse(0, index !== 1);
  events[0]!.wait(0, 7);
  events[1]!.wait(0, 1);
  events[2]!.wait(0, 8);
  expect(suspects.movable).toBe(2);
  expect(suspects.takeMovable().map(({ suspicion }) => suspicion?.id)).toEqual([2, 3]);
  expect(suspects.events).toBe(1);
});
