import { expect, test } from 'vitest';

import {
  boundedEvents,
  isOpening,
  partEventsMax,
  readAuditPart,
  writeAuditPart,
  type AuditOpening,
  type AuditOutcome,
} from './audit-part.ts';
import { addPart, isComplete, namesEvent, openRecord } from './audit-record.ts';

const intent = {
  part: 'intent',
  page: 1,
  id: '1d28405d-9185-4e83-b767-44d17a84e516',
  action: 'ReplayRejected',
  kind: 'act',
  operator: 'ada',
  role: 'operator',
  address: '10.0.0.1',
  correlationId: 'c-1',
  target: { source: 'shop' },
  events: [],
  eventCount: 0,
  dryRun: false,
  why: '',
} satisfies AuditOpening;

const outcome = (more: boolean, accepted: number, first = 1): AuditOutcome => ({
  part: 'outcome',
  id: intent.id,
  first: 1,
  outcome: 'ok',
  target: { made: 'm-1' },
  counts: { accepted },
  events: Array.from({ length: accepted }, (_, index) => ({ rejected: first + index })),
  eventCount: accepted,
  more,
});

test('a part is read as it was written, and empty fields are left out', () => {
  const text = writeAuditPart(intent);
  expect(text).not.toMatch(/why|dryRun|events|eventCount/);
  expect(readAuditPart(Buffer.from(text))).toMatchObject(intent);
  for (const other of ['', '{}', 'null', '[]', '{"id":7}']) {
    expect(readAuditPart(Buffer.from(other))).toBeUndefined();
  }
});

test('an act has its outcome unknown until each of its pages has ended', () => {
  let record = openRecord(intent, 1_000);
  expect(record).toMatchObject({ outcome: 'unknown', endedMs: undefined, timeMs: 1_000 });

  record = addPart(record, outcome(true, 60), 1_100);
  expect(record).toMatchObject({ outcome: 'ok', more: true, endedMs: 1_100 });
  expect(record.target).toEqual({ source: 'shop', made: 'm-1' });
  expect(isComplete(record)).toBe(false);

  const second = { part: 'intent', id: intent.id, page: 2, first: 1 } as const;
  expect(isOpening(second)).toBe(false);
  record = addPart(record, second, 1_200);
  expect(record).toMatchObject({ outcome: 'unknown', requests: 2, more: false });

  record = addPart(record, outcome(false, 60, 61), 1_300);
  expect(record).toMatchObject({ outcome: 'ok', counts: { accepted: 120 }, eventCount: 120 });
  expect(record.events).toHaveLength(partEventsMax);
  expect(isComplete(record)).toBe(true);
});

test('a part names a hundred events, with ids of bounded length', () => {
  const many = Array.from({ length: partEventsMax + 1 }, (_, index) => ({ rejected: index + 1 }));
  expect(boundedEvents(many.slice(1))).toHaveLength(partEventsMax);
  expect(boundedEvents(many)).toEqual(many.slice(0, partEventsMax));
  const [fits, cut] = boundedEvents([
    { searched: 'a'.repeat(128), eventId: '' },
    { searched: 'a'.repeat(129) },
  ]);
  expect(fits).toEqual({ searched: 'a'.repeat(128) });
  expect(cut).toEqual({ searched: `${'a'.repeat(128)}…` });
});

test('an event is found by each of its ids', () => {
  const events = [{ rejected: 17, eventId: 'e-1' }, { deadLetter: 'crm:4' }];
  expect(['17', 'e-1', 'crm:4', 'crm', '1'].map((id) => namesEvent(events, id))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
