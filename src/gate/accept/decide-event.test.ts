import { describe, expect, test } from 'vitest';

import type { IncomingEvent } from '../../event/incoming-event.ts';
import { requestClock } from '../../event/time/event-time.ts';
import { decodeStoredEvent, encodeRequestPart } from '../../event/stored-event.ts';
import { decodeTrackRest } from '../decode/decode-json.ts';
import { decideEvent, type DecisionRules, type ValidateEvent } from './decide-event.ts';

const warning = { code: 'unplanned_event', message: 'no such event', violations: [] };
const valid = { error: undefined, warnings: [warning], schemaVersion: 2, event: undefined };
const invalid = {
  error: { code: 'schema_violation', message: 'no', violations: [] },
  warnings: [],
  schemaVersion: 2,
  event: undefined,
};

function rulesWith(changes: Partial<DecisionRules> = {}): DecisionRules {
  return {
    producer: { source: 'shop', maySend: () => true, isCanary: false },
    nameSent: (event) => event,
    validate: () => valid,
    eventBytesMax: 1000,
    timestampMs: Date.UTC(2026, 2, 1),
    clock: requestClock('2026-03-01T00:00:00.000Z', Date.UTC(2026, 2, 1), '', false),
    requestPart: encodeRequestPart({ correlationId: 'c-1', traceparent: '', sentAt: '' }),
    batchContext: undefined,
    ...changes,
  };
}

const order = {
  event_name: 'order_completed',
  user_id: 'u-1',
  idempotency_key: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  properties: { total: 5 },
};

const eventOf = (changes: object) =>
  decodeTrackRest(Buffer.from(JSON.stringify({ ...order, ...changes })));

/** Fails the test when it is called. */
const notAsked: ValidateEvent = () => {
  throw new Error('the contract was asked');
};

describe('decideEvent', () => {
  test('an accepted event has its warnings, version, id and payload', () => {
    const { verdict, payload } = decideEvent(rulesWith(), eventOf({}), 3);
    expect(verdict).toMatchObject({
      index: 3,
      status: 'accepted',
      eventId: 'f377395e-eb16-5917-891f-3640446c4ca3',
      schemaVersion: 2,
      error: undefined,
      warnings: [warning],
    });
    expect(decodeStoredEvent(payload)).toMatchObject({
      eventId: verdict.eventId,
      source: 'shop',
      timestamp: '2026-03-01T00:00:00.000Z',
      correlationId: 'c-1',
      warnings: [warning],
    });
  });

  test('the same input gives the same decision', () => {
    const event = eventOf({});
    expect(decideEvent(rulesWith(), event, 0)).toEqual(decideEvent(rulesWith(), event, 0));
  });

  test('an event that has an id keeps it', () => {
    const { verdict, payload } = decideEvent(rulesWith(), eventOf({}), 0, 'e-7');
    expect([verdict.eventId, decodeStoredEvent(payload).eventId]).toEqual(['e-7', 'e-7']);
  });

  test('a rejected event has no warnings, and no id without a key', () => {
    const rules = rulesWith({ validate: () => ({ ...invalid, warnings: [warning] }) });
    const { verdict } = decideEvent(rules, eventOf({ idempotency_key: 'k' }), 0);
    expect(verdict).toMatchObject({ status: 'rejected', warnings: [], eventId: '' });
  });

  test('the names of the write key come before the contract, and a fault before them', () => {
    const producer = { source: 'shop', maySend: () => false, isCanary: false };
    const { verdict } = decideEvent(rulesWith({ producer, validate: notAsked }), eventOf({}), 0);
    expect(verdict.error?.code).toBe('event_not_allowed');
    const rules = rulesWith({ producer, validate: () => invalid });
    for (const changes of [{ colour: 1 }, { event_name: '' }]) {
      expect(decideEvent(rules, eventOf(changes), 0).verdict.error?.code).toBe('schema_violation');
    }
  });

  test('of an event that was sent under an alias, the write key needs its own name', () => {
    const nameSent = (event: IncomingEvent) => ({ ...event, eventName: 'order_refunded' });
    const keyOf = (allowed: string) => ({
      source: 'shop',
      maySend: (name: string) => name === allowed,
      isCanary: false,
    });
    const codeFor = (allowed: string) =>
      decideEvent(rulesWith({ producer: keyOf(allowed), nameSent }), eventOf({}), 0).verdict.error
        ?.code;
    expect(codeFor('order_completed')).toBe('event_not_allowed');
    expect(codeFor('order_refunded')).toBeUndefined();
  });

  test('a heartbeat has no contract', () => {
    const producer = { source: 'canary', maySend: () => true, isCanary: true };
    const { verdict } = decideEvent(rulesWith({ producer, validate: notAsked }), eventOf({}), 0);
    expect(verdict).toMatchObject({ status: 'accepted', schemaVersion: 0 });
  });

  test('the context of the batch is merged under the event, and what validation changed is kept', () => {
    const batchContext = { page: '/', ip: 'batch' };
    const sent = eventOf({ context: { ip: 'event' } });
    const { payload } = decideEvent(rulesWith({ batchContext }), sent, 0);
    expect(decodeStoredEvent(payload).context).toEqual({ page: '/', ip: 'event' });
    const validate: ValidateEvent = (event) => ({
      ...valid,
      event: { ...event, properties: { total: 'hidden' } },
    });
    const changed = decideEvent(rulesWith({ validate }), sent, 0);
    expect(decodeStoredEvent(changed.payload).properties).toEqual({ total: 'hidden' });
    expect(changed.event.properties).toEqual({ total: 'hidden' });
  });

  test('the size is that of the payload, in bytes of UTF-8', () => {
    const event = eventOf({ context: { page: 'ß'.repeat(200) } });
    const size = Buffer.byteLength(decideEvent(rulesWith(), event, 0).payload);
    const codeAt = (eventBytesMax: number) =>
      decideEvent(rulesWith({ eventBytesMax }), event, 0).verdict.error?.code;
    expect([codeAt(size), codeAt(size - 1)]).toEqual([undefined, 'event_too_large']);
  });

  test.each([
    ['"\\ud800"', 'invalid_field'],
    ['"\\\\ud800"', undefined],
    ['"\\ud83d\\ude00"', undefined],
  ])('half a character is no text: %s', (text, code) => {
    const sent = decodeTrackRest(
      Buffer.from(JSON.stringify(order).replace('"total":5', `"note":${text}`)),
    );
    expect(decideEvent(rulesWith(), sent, 0).verdict.error?.code).toBe(code);
  });
});
