import { describe, expect, test } from 'vitest';

import { mixpanelEndpoints } from './mixpanel-endpoint.ts';

interface Decoded {
  readonly eventName: string;
  readonly userId: string;
  readonly anonymousId: string;
  readonly occurredAt: string;
  readonly properties: object;
  readonly context: object | undefined;
  readonly fault: { code: string; violations: object[] } | undefined;
}

function decode(path: string, message: object): Decoded {
  const [, endpoint, call] = mixpanelEndpoints.find((row) => row[0] === path)!;
  return endpoint.decode(call, Buffer.from(JSON.stringify(message)), 10).events[0] as never;
}

describe('an update of a person', () => {
  test('is user_identified, with what it sets', () => {
    expect(
      decode('/engage', {
        $token: 'secret',
        $distinct_id: 'u',
        $time: 1772366400,
        $ip: '203.0.113.9',
        $set: { $email: 'a@example.com', plan: 'team' },
      }),
    ).toMatchObject({
      eventName: 'user_identified',
      userId: 'u',
      occurredAt: '2026-03-01T12:00:00.000Z',
      properties: { $email: 'a@example.com', plan: 'team' },
      context: { mixpanel: { $ip: '203.0.113.9' } },
      fault: undefined,
    });
  });

  test('names what it sets only once', () => {
    const once = decode('/engage', { $distinct_id: '$device:d', $set_once: { plan: 'free' } });
    expect(once).toMatchObject({
      anonymousId: 'd',
      properties: { plan: 'free' },
      context: { mixpanel: { set_once: ['plan'] } },
    });
    const both = decode('/engage', {
      $distinct_id: 'u',
      $set: { a: 1 },
      $set_once: { a: 2, b: 3 },
    });
    expect([both.properties, both.context]).toEqual([
      { a: 1, b: 3 },
      { mixpanel: { $set_once: { a: 2 }, set_once: ['b'] } },
    ]);
  });

  test.each(['$add', '$append', '$union', '$remove', '$unset', '$delete'])(
    'with %s is rejected, and keeps it',
    (operation) => {
      const update = { $distinct_id: 'u', $set: { a: 1 }, [operation]: { visits: 1 } };
      expect(decode('/engage', update)).toMatchObject({
        userId: 'u',
        context: { mixpanel: { [operation]: { visits: 1 } } },
        fault: { code: 'invalid_field', violations: [{ path: `/${operation}` }] },
      });
    },
  );

  test.each([{}, { $set: 1 }, { $set: null }, { $set: ['a'] }])('with %j is rejected', (sent) => {
    expect(decode('/engage', { $distinct_id: 'u', ...sent }).fault?.code).toBe('invalid_field');
  });
});

test('an update of a group is group_identified', () => {
  const update = { $token: 't', $group_key: 'company', $group_id: 'Acme', $set: { seats: 3 } };
  expect(decode('/groups', update)).toMatchObject({
    eventName: 'group_identified',
    userId: '',
    anonymousId: '$company_Acme',
    properties: { seats: 3, group_type: 'company', group_id: 'Acme' },
    context: undefined,
    fault: undefined,
  });
});

test('an alias is user_aliased, as of the other vendors', () => {
  const sent = {
    event: '$create_alias',
    properties: { distinct_id: 'u', alias: 'a1', token: 't' },
  };
  expect(decode('/track', sent)).toMatchObject({
    eventName: 'user_aliased',
    userId: 'u',
    properties: { previous_id: 'a1' },
    context: { mixpanel: { event: '$create_alias' } },
  });
});
