import { expect, test } from 'vitest';

import { decodeStoredEvent } from '../../event/stored-event.ts';
import { readVersion } from './event-version.ts';

const start = '"eventId":"e-1","eventName":"order_completed","source":"shop"';
const time = '2026-01-02T03:04:05.678Z';

function read(payloadText: string) {
  const payload = new TextEncoder().encode(payloadText);
  let parsed = 0;
  const version = readVersion({
    sequence: 1,
    attempt: 1,
    payload,
    event: () => {
      parsed += 1;
      return decodeStoredEvent(payload);
    },
  });
  return { version, parsed };
}

test.each([
  ['with a version', ',"idempotencyKey":"k","schemaVersion":3,"properties":{}', 3, 0],
  ['without one', ',"eventTime":"x","userId":"é","idempotencyKey":"k","properties":{}', 0, 0],
  ['with that of a property only', ',"idempotencyKey":"k","properties":{"schemaVersion":9}', 0, 0],
  ['with an escape in an id', ',"userId":"\\"","schemaVersion":4,"properties":{}', 4, 1],
  ['in another order', ',"schemaVersion":5,"idempotencyKey":"k","properties":{}', 5, 1],
  ['with a version that is too long', ',"schemaVersion":1234567890,"properties":{}', 1234567890, 1],
])('the version of an event %s: %s', (_which, members, schemaVersion, parsed) => {
  const found = read(`{${start},"timestamp":"${time}"${members}}`);
  expect(found.version?.eventName).toBe('order_completed');
  expect(found.version?.timestamp).toBe(time);
  expect(found.version?.schemaVersion ?? 0).toBe(schemaVersion);
  expect(found.parsed).toBe(parsed);
});

test('what is no event has no version', () => {
  expect(read('{"eventId":').version).toBeUndefined();
});
