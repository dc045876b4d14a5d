import { describe, expect, test } from 'vitest';
import { createHider, outcomeOfAnswer, readRetryAfter } from './answers.ts';
import { webhookReading } from '../webhook/webhook.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const reading = { ...webhookReading, hide: (text: string): string => text };
const outcomeOf = (status: number, text = '', retryAfter?: string) =>
  outcomeOfAnswer({ status, retryAfter, text }, nowMs, reading);

describe('outcomeOfAnswer', () => {
  test.each([200, 201, 202, 204, 299])('%i is delivered', (status) => {
    expect(outcomeOf(status)).toEqual({ kind: 'delivered' });
  });

  test.each([301, 302, 307, 401, 405, 407, 408, 410, 425, 429, 500, 501, 502, 503, 504, 599])(
    '%i is the fault of the endpoint',
    (status) => {
      expect(outcomeOf(status)).toMatchObject({
        kind: 'retry',
        fault: 'destination',
        status: String(status),
      });
    },
  );

  test.each([400, 402, 403, 404, 409, 413, 415, 422, 451])('%i is of the event alone', (status) => {
    const outcome = { kind: 'retry', fault: 'event', status: String(status) };
    expect(outcomeOf(status)).toMatchObject(outcome);
  });

  test('names a redirect for what it is, without its target', () => {
    expect(outcomeOf(302)).toMatchObject({ reason: expect.stringContaining('redirect_refused') });
  });

  test('carries the wait that was asked for', () => {
    expect(outcomeOf(503, '', '7')).toMatchObject({ notBeforeMs: 7000 });
    expect(outcomeOf(503)).not.toHaveProperty('notBeforeMs');
  });

  test.each([86_400_000, -86_400_000])(
    'a date counts from its Date, if we are %d ms off',
    (offMs) => {
      const answer = {
        status: 503,
        text: '',
        retryAfter: 'Sun, 01 Mar 2026 12:00:30 GMT',
        date: 'Sun, 01 Mar 2026 12:00:00 GMT',
      };
      expect(outcomeOfAnswer(answer, nowMs + offMs, reading)).toMatchObject({
        notBeforeMs: 30_000,
      });
    },
  );

  test('quotes one short printable line', () => {
    expect(outcomeOf(422, ' bad\r\n\u001b[31m\u0000 total\u202e ')).toMatchObject({
      reason: 'answered 422: bad [31m total',
    });
    const { reason } = outcomeOf(422, 'x'.repeat(5000)) as { reason: string };
    expect(reason.length).toBeLessThan(250);
  });
});

test.each([
  ['120', 120_000],
  [' 5 ', 5000],
  ['Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
  ['86401', 86_400_000],
  ['99999999999999999999999', 86_400_000],
  ['Mon, 01 Mar 2027 12:00:30 GMT', 86_400_000],
  ['0', undefined],
  ['Sun, 01 Mar 2026 11:59:30 GMT', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['2027', 2_027_000],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %s is %s ms', (value, waitMs) => {
  expect(readRetryAfter(value, nowMs)).toBe(waitMs);
});

test('the hider covers the query, its values, tokens of the path and the secrets', () => {
  const url = new URL('https://chat.example/services/T0123456789ABCDEFG/x?key=s%20cret&team=blue');
  const hide = createHider(url, ['whsec_abc']);
  const text =
    'POST /services/T0123456789ABCDEFG/x?key=s%20cret&team=blue "s cret" blue whsec_abc order';
  expect(hide(text)).toBe('POST /services/***/x?*** "***" *** *** order');
});
