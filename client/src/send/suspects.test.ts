import { expect, test } from 'vitest';

import type { Group } from './group.ts';
import { Suspects } from './suspects.ts';

const group = (): Group => ({
  records: [Buffer.from('event')],
  ranges: [{ open: 1, end: { ordinal: 1, segment: 0, offset: 0 } }],
  attempt: 0,
  notBeforeMs: 0,
  suspicion: undefined,
  isAgain: false,
});

/** Lets an event be refused for the first time. It waits for a minute then. */
function refuse(suspects: Suspects): void {
  const sent = group();
  const suspicion = suspects.refused(sent, suspects.sending(sent), 0);
  suspects.wait({ ...sent, suspicion, notBeforeMs: 60_000 });
}

test('too many suspects stop the reading; those that can be decided go as soon as it counts', () => {
  const suspects = new Suspects(2, 1_000, 3_000);
  refuse(suspects);
  expect(suspects.isFull).toBe(false);
  refuse(suspects);
  expect([suspects.isFull, suspects.delayMs(0)]).toEqual([true, 60_000]);
  suspects.answered(suspects.sending(group()));
  expect([suspects.isFull, suspects.delayMs(0)]).toEqual([true, 3_000]);
  expect(suspects.take(2_999)).toBe(undefined);
  expect(suspects.take(3_000)?.suspicion).toEqual({ sent: 1, refusals: 1, countedMs: 0 });
  // There is room again, so that the last one waits for its time.
  expect([suspects.isFull, suspects.delayMs(3_000), suspects.events]).toEqual([false, 57_000, 1]);
});

test('the bytes of the suspects count, too', () => {
  const suspects = new Suspects(100, 10, 0);
  refuse(suspects);
  expect(suspects.isFull).toBe(false);
  refuse(suspects);
  expect(suspects.isFull).toBe(true);
  suspects.take(60_000);
  expect(suspects.isFull).toBe(false);
});

test('an answer to a request that was sent before the first refusal shows nothing', () => {
  const suspects = new Suspects(1, 1_000, 0);
  const earlier = suspects.sending(group());
  refuse(suspects);
  suspects.answered(earlier);
  const suspect = suspects.take(60_000)!;
  expect(suspects.sending(suspect).isProven).toBe(false);
  suspects.answered(suspects.sending(group()));
  expect(suspects.sending(suspect).isProven).toBe(true);
});

test('a refusal counts if the gate answered before it was sent; the third is the last', () => {
  const suspects = new Suspects(10, 1_000, 0);
  const sent = group();
  const first = suspects.refused(sent, suspects.sending(sent), 0);
  const early = suspects.sending({ ...sent, suspicion: first });
  suspects.answered(suspects.sending(group()));
  expect(suspects.refused({ ...sent, suspicion: first }, early, 1)?.refusals).toBe(1);
  const next = { ...sent, suspicion: first };
  const second = suspects.refused(next, suspects.sending(next), 2);
  expect(second).toEqual({ sent: 1, refusals: 2, countedMs: 2 });
  const last = { ...sent, suspicion: second };
  expect(suspects.refused(last, suspects.sending(last), 3)).toBe(undefined);
});

test('a suspect waits at least for the gap after each refusal that counted', () => {
  const suspects = new Suspects(10, 1_000, 3_000);
  const sent = group();
  const first = suspects.refused(sent, suspects.sending(sent), 500);
  suspects.wait({ ...sent, suspicion: first, notBeforeMs: 600 });
  expect(suspects.delayMs(600)).toBe(2_900);
});
