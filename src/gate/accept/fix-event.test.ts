import { describe, expect, test } from 'vitest';

import {
  decodeStoredEvent,
  encodeRequestPart,
  encodeStoredEvent,
  type StoredEvent,
} from '../../event/stored-event.ts';
import { decodeTrackRest } from '../decode/decode-json.ts';
import { createEventFixer } from './fix-event.ts';

const fixer = createEventFixer({
  validate: ({ userId }) => ({
    error:
      userId === 'u-bad'
        ? {
            code: 'schema_violation',
            message: 'No.',
            violations: [{ path: '/user_id', code: 'x', message: 'is bad' }],
          }
        : undefined,
    warnings: [],
    schemaVersion: 1,
    event: undefined,
  }),
  eventBytesMax: 600,
});

const event = decodeTrackRest(
  Buffer.from(
    JSON.stringify({
      event_name: 'order_completed',
      user_id: 'u-1',
      idempotency_key: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
      properties: { total: 5 },
    }),
  ),
);
const sentAt = '2026-03-01T12:00:00.000Z';
const stored = encodeStoredEvent(
  event,
  { eventId: 'e-of-old', timestampMs: 1_772_366_400_000, schemaVersion: 1, warnings: [] },
  'shop',
  encodeRequestPart({ correlationId: 'c-1', traceparent: '', sentAt }),
);

const fixUser = (user: string) =>
  fixer.fix(stored, {
    eventJson: '',
    edits: [{ path: '/user_id', valueJson: JSON.stringify(user) }],
  });

test('a fix changes what the producer sent, and nothing that the server added', () => {
  expect(fixUser('u-2')).toBe(stored.replace('"u-1"', '"u-2"'));
});

test('an event that breaks its contract is refused, with each place', () => {
  expect(() => fixUser('u-bad')).toThrow(
    expect.objectContaining({
      code: 'invalid_edit',
      message: 'The fixed event breaks its contract: No.; /user_id: is bad',
    }),
  );
});

test('a fault of the event as a whole has no place', () => {
  expect(() => fixUser('u'.repeat(600))).toThrow(
    /^The fixed event breaks its contract: The event takes \d+ bytes as stored; .*send its address\.$/,
  );
  expect(() => fixUser('\ud800')).toThrow(/which is no character\.$/);
});

describe('when the event happened', () => {
  const time = '2026-02-01T00:00:00.000Z';
  const call = { system: 'segment', call: 'identify' } as const;
  const former = encodeStoredEvent(
    { ...event, occurredAt: '2026-01-31T00:00:00.000Z', vendorCall: call },
    { eventId: 'e-of-old', timestampMs: 1_772_366_400_000, schemaVersion: 1, warnings: [] },
    'shop',
    encodeRequestPart({ correlationId: 'c-1', traceparent: '', sentAt }),
    time,
  );
  const fix = (path: string, value: string): StoredEvent => {
    const edits = [{ path, valueJson: JSON.stringify(value) }];
    return decodeStoredEvent(fixer.fix(former, { eventJson: '', edits }));
  };

  test('stays, and so does the call that it came as', () => {
    expect(fix('/user_id', 'u-2')).toMatchObject({ eventTime: time, vendorCall: call });
  });

  test('follows the time of the producer, if that is fixed', () => {
    const occurred = '2026-02-15T00:00:00.000Z';
    expect(fix('/occurred_at', occurred)).toMatchObject({ eventTime: occurred });
  });
});
