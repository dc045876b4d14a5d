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
  const suspicion = suspects.refused(sent, suspects.sending(sent));
  suspects.wait({ ...sent, suspicion, notBeforeMs: 60_000 });
}

test('too many suspects stop the reading, until the gate answers; then they go at once', () => {
  const suspects = new Suspects(2, 1_000);
  refuse(suspects);
  expect(suspects.areTooMany).toBe(false);
  refuse(suspects);
  expect([suspects.areTooMany, suspects.delayMs(0)]).toEqual([true, 60_000]);
  suspects.answered(suspects.sending(group()));
  expect([suspects.areTooMany, suspects.delayMs(0)]).toEqual([false, 0]);
  // The next one may be the begin of an outage: again no more are read.
  refuse(suspects);
  expect(suspects.areTooMany).toBe(true);
  expect(suspects.take(0)?.suspicion).toEqual({ sent: 1, refusals: 1 });
  expect(suspects.take(0)?.suspicion).toEqual({ sent: 2, refusals: 1 });
  // There is room again, so that the last one waits for its time.
  expect(suspects.take(0)).toBe(undefined);
});

test('the bytes of the suspects count, too', () => {
  const suspects = new Suspects(100, 10);
  refuse(suspects);
  expect(suspects.areTooMany).toBe(false);
  refuse(suspects);
  expect(suspects.areTooMany).toBe(true);
  suspects.take(60_000);
  expect(suspects.areTooMany).toBe(false);
});

test('an answer to a request that was sent before the first refusal shows nothing', () => {
  const suspects = new Suspects(1, 1_000);
  const earlier = suspects.sending(group());
  refuse(suspects);
  suspects.answered(earlier);
  const suspect = suspects.take(60_000)!;
  expect(suspects.sending(suspect).isProven).toBe(false);
  suspects.answered(suspects.sending(group()));
  expect(suspects.sending(suspect).isProven).toBe(true);
});

test('a refusal counts if the gate answered before it was sent; the third is the last', () => {
  const suspects = new Suspects(10, 1_000);
  const sent = group();
  const first = suspects.refused(sent, suspects.sending(sent));
  const early = suspects.sending({ ...sent, suspicion: first });
  suspects.answered(suspects.sending(group()));
  expect(suspects.refused({ ...sent, suspicion: first }, early)?.refusals).toBe(1);
  const next = { ...sent, suspicion: first };
  const second = suspects.refused(next, suspects.sending(next));
  expect(second?.refusals).toBe(2);
  const last = { ...sent, suspicion: second };
  expect(suspects.refused(last, suspects.sending(last))).toBe(undefined);
});
