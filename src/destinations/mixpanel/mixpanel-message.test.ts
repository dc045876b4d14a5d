import { describe, expect, test } from 'vitest';
import { calledWith, storedWith, time } from '../vendors/vendor-events.fixture.ts';
import { mixpanelMessageOf } from './mixpanel-message.ts';

const id = storedWith().eventId;
const ids = { time: Date.parse(time), distinct_id: 'u1', $user_id: 'u1', $insert_id: id };

describe("of another vendor's SDK", () => {
  test.each([
    [
      { system: 'segment', call: 'track', eventName: 'Order Completed' } as const,
      { total: 5 },
      { kind: 'event', body: { event: 'Order Completed', properties: { total: 5, ...ids } } },
    ],
    [
      { system: 'segment', call: 'page', moved: ['name'] } as const,
      { name: 'Home' },
      { kind: 'event', body: { event: 'order_completed', properties: { name: 'Home', ...ids } } },
    ],
    [
      { system: 'posthog', call: 'identify', eventName: '$identify' } as const,
      { plan: 'team' },
      {
        kind: 'person',
        body: { $token: 't', $distinct_id: 'u1', $ip: '0', $set: { plan: 'team' } },
      },
    ],
    [
      { system: 'posthog', call: 'group_identify', eventName: '$groupidentify' } as const,
      { group_type: 'company', group_id: 'acme', seats: 3 },
      {
        kind: 'group',
        body: { $token: 't', $group_key: 'company', $group_id: 'acme', $set: { seats: 3 } },
      },
    ],
    [
      { system: 'segment', call: 'alias', moved: ['previousId'] } as const,
      { previous_id: 'a1' },
      {
        kind: 'alias',
        body: {
          event: '$create_alias',
          properties: { distinct_id: 'u1', alias: 'a1', token: 't' },
        },
      },
    ],
  ])('%j is the message of that kind', (call, properties, expected) => {
    const event = calledWith(call, properties, { eventName: 'order_completed' });
    expect(mixpanelMessageOf(event, time, 't')).toEqual({ ...expected, id });
  });
});

test('without the token of the project an update is an event', () => {
  const call = { system: 'segment', call: 'identify' } as const;
  const event = calledWith(call, { plan: 'team' }, { eventName: 'user_identified' });
  expect(mixpanelMessageOf(event, time, undefined)).toEqual({
    kind: 'event',
    body: { event: 'user_identified', properties: { plan: 'team', ...ids } },
    id,
  });
});

describe("of Mixpanel's own SDK", () => {
  const track = { system: 'mixpanel', call: 'track', eventName: 'Order Completed' } as const;
  const idsOf = (change: object, moved: readonly string[]) => {
    const call = { ...track, ...(moved.length > 0 && { moved }) };
    const { body } = mixpanelMessageOf(calledWith(call, {}, change), time, 't');
    const {
      time: _time,
      $insert_id: _id,
      ...others
    } = body['properties'] as Record<string, unknown>;
    return others;
  };

  test.each([
    [{}, [], { distinct_id: 'u1' }],
    [{}, ['$user_id'], { distinct_id: 'u1', $user_id: 'u1' }],
    [
      { anonymousId: 'd1' },
      ['$user_id', '$device_id'],
      { distinct_id: 'u1', $user_id: 'u1', $device_id: 'd1' },
    ],
  ])('with %j and %j its ids have the names that they had', (change, moved, expected) => {
    expect(idsOf(change, moved)).toEqual(expected);
  });

  test('of a device alone its id is that of the device', () => {
    const { userId: _userId, ...others } = calledWith(track, {}, { anonymousId: 'd1' });
    const { body } = mixpanelMessageOf(others, time, 't');
    expect(body['properties']).toMatchObject({ distinct_id: '$device:d1' });
  });

  test('an update has the time that it had', () => {
    const call = { system: 'mixpanel', call: 'identify' } as const;
    const event = calledWith(call, { a: 1 }, { occurredAt: '2026-03-01T12:00:00.000Z' });
    expect(mixpanelMessageOf(event, time, 't').body).toMatchObject({ $time: 1_772_366_400 });
  });
});
