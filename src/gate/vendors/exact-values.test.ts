import { expect, test } from 'vitest';

import { ServiceError } from '../../errors.ts';
import type { EndpointRow } from '../serve-request.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { mixpanelEndpoints } from './mixpanel-endpoint.ts';
import { posthogEndpoints } from './posthog-endpoint.ts';
import { segmentEndpoints } from './segment-endpoint.ts';

/** A number that no double holds. */
const id = '12345678901234567890';

function decode(rows: readonly EndpointRow[], path: string, body: string): IncomingBatch {
  const [, endpoint, call] = rows.find(([each]) => each === path)!;
  return endpoint.decode(call, Buffer.from(body), 10);
}

const contextOf = ({ events }: IncomingBatch): string => JSON.stringify(events[0]!.context);

test('numbers that go into context keep their digits', () => {
  const segment = `{"batch":[{"type":"track","event":"a","context":{"id":${id}},"extra":${id}}]}`;
  expect(contextOf(decode(segmentEndpoints, '/v1/segment/batch', segment))).toBe(
    `{"id":${id},"segment":{"extra":${id}}}`,
  );
  const posthog = `{"api_key":"k","batch":[{"event":"a","properties":{"$group":${id}}}]}`;
  expect(contextOf(decode(posthogEndpoints, '/batch', posthog))).toContain(`"$group":${id}`);
  const mixpanel = `[{"event":"a","properties":{"token":"k","mp_id":${id}}}]`;
  expect(contextOf(decode(mixpanelEndpoints, '/track', mixpanel))).toContain(`"mp_id":${id}`);
});

test('so do those in the context of a batch', () => {
  const body = `{"context":{"id":${id}},"batch":[{"type":"track","event":"a"}]}`;
  const { context } = decode(segmentEndpoints, '/v1/segment/batch', body);
  expect(JSON.stringify(context)).toBe(`{"id":${id}}`);
});

test.each(['1e999', `${'['.repeat(40)}${']'.repeat(40)}`])(
  'a context of a batch that cannot be stored is refused: %s',
  (value) => {
    const body = `{"context":{"x":${value}},"batch":[{"type":"track","event":"a"}]}`;
    expect(() => decode(segmentEndpoints, '/v1/segment/batch', body)).toThrow(ServiceError);
  },
);

test('the time of a request of PostHog stays out of its event, whatever numbers it has', () => {
  const body = `{"api_key":"k","event":"a","sent_at":"2026-03-01T12:00:00Z","properties":{"$n":${id}}}`;
  const batch = decode(posthogEndpoints, '/capture', body);
  expect(contextOf(batch)).not.toContain('sent_at');
  expect(batch.sentAt).toBe('2026-03-01T12:00:00.000Z');
});

test.each([
  ['1772366400', '2026-03-01T12:00:00.000Z'],
  ['1772366400.123', '2026-03-01T12:00:00.123Z'],
  ['1772366400.123456', '2026-03-01T12:00:00.123456Z'],
  ['1772366400.123456789', '2026-03-01T12:00:00.123456789Z'],
  ['1772366400123', '2026-03-01T12:00:00.123Z'],
  ['1.7723664e9', '2026-03-01T12:00:00.000Z'],
])('a time of Mixpanel that is the number %s is %s', (time, kept) => {
  const body = `[{"event":"a","properties":{"token":"k","time":${time}}}]`;
  expect(decode(mixpanelEndpoints, '/track', body).events[0]!.occurredAt).toBe(kept);
});
