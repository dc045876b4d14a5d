import { describe, expect, it } from 'vitest';

import type { EventToReject } from '../gate/accept/keep-event.ts';
import { createMockLog, type MockLimits, type MockLog } from './mock-log.ts';

const roomy: MockLimits = { eventsMax: 100, bytesMax: 10_000 };

function store(log: MockLog, id: string, context?: object): boolean {
  const payload = JSON.stringify({ eventId: id, ...(context === undefined ? {} : { context }) });
  const event = { source: 's', eventName: 'e', messageId: id, arrivalHeaders: 'c-1', payload };
  let duplicate: boolean | undefined;
  log.store(event, (ack) => (duplicate = ack?.duplicate));
  return duplicate!;
}

function reject(log: MockLog, sent: string): void {
  const arrival = { door: 'rest', contentType: 'application/json', correlationId: 'c-1' };
  const rejected = {
    arrival,
    error: { code: 'schema_violation', message: 'no', violations: [] },
    original: Buffer.from(sent),
    eventName: '',
    idempotencyKey: '',
  };
  log.reject(rejected as unknown as EventToReject, () => {});
}

const ids = (log: MockLog, testId?: string): unknown[] =>
  log.good(testId).map(({ event }) => event['event_id']);

describe('the mock remembers', () => {
  it('as many events as its limit, and forgets the oldest for one more', () => {
    const log = createMockLog(() => undefined, { ...roomy, eventsMax: 3 });
    for (const id of ['1', '2']) store(log, id);
    reject(log, '{}');
    expect([ids(log), log.bad(undefined).length, log.forgotten()]).toEqual([['1', '2'], 1, 0]);
    store(log, '3');
    expect([ids(log), log.bad(undefined).length, log.forgotten()]).toEqual([['2', '3'], 1, 1]);
    // Its key went with it.
    expect(store(log, '1')).toBe(false);
  });

  it('as many bytes as its limit, and forgets the oldest for one more', () => {
    const log = createMockLog(() => undefined, { ...roomy, bytesMax: 30 });
    // {"eventId":"1"} takes 15 bytes.
    store(log, '1');
    store(log, '2');
    expect(ids(log)).toEqual(['1', '2']);
    store(log, '3');
    expect(ids(log)).toEqual(['2', '3']);
    store(log, '44');
    expect(ids(log)).toEqual(['44']);
    store(log, 'x'.repeat(50));
    expect([ids(log), log.forgotten()]).toEqual([[], 5]);
    store(log, '5');
    expect(ids(log)).toEqual(['5']);
  });
});

describe('an event belongs to', () => {
  it('the test of its context, else to that of its request', () => {
    const log = createMockLog((id) => (id === 'c-1' ? 'header' : undefined), roomy);
    store(log, '1');
    store(log, '2', { test_id: 'own' });
    store(log, '3', { test_id: 7 });
    reject(log, '{"context":{"test_id":"own"}}');
    reject(log, 'no JSON');
    expect([ids(log, 'header'), ids(log, 'own'), ids(log)]).toEqual([
      ['1', '3'],
      ['2'],
      ['1', '2', '3'],
    ]);
    expect(log.bad('own')).toEqual([
      {
        event: { context: { test_id: 'own' } },
        code: 'schema_violation',
        message: 'no',
        violations: [],
      },
    ]);
    expect(log.bad('header').map(({ event }) => event)).toEqual(['no JSON']);
  });

  it('no test any more once that is reset, and its key is new again', () => {
    const log = createMockLog(() => undefined, roomy);
    store(log, '1', { test_id: 'a' });
    store(log, '2', { test_id: 'b' });
    expect([store(log, '1'), store(log, '1'), store(log, '2')]).toEqual([true, true, true]);
    expect(log.good('a').map(({ duplicates }) => duplicates)).toEqual([2]);
    // The fixture of another test has the same key.
    expect([store(log, '1', { test_id: 'c' }), store(log, '1', { test_id: 'c' })]).toEqual([
      false,
      true,
    ]);
    expect(ids(log, 'c')).toEqual(['1']);
    log.reset('c');
    expect(log.good('a').map(({ duplicates }) => duplicates)).toEqual([2]);
    log.reset('a');
    expect([ids(log), store(log, '1'), store(log, '2')]).toEqual([['2'], false, true]);
    log.reset(undefined);
    expect([ids(log), store(log, '2')]).toEqual([[], false]);
  });
});
