import { describe, expect, test } from 'vitest';
import { calledWith, storedWith, time } from '../vendors/vendor-events.fixture.ts';
import { segmentCallOf } from './segment-call.ts';

const envelope = { messageId: storedWith().eventId, userId: 'u1', timestamp: time };

test('an event of no SDK is a track call', () => {
  expect(segmentCallOf(storedWith({ context: { ip: '192.0.2.7' } }), time)).toEqual({
    ...envelope,
    type: 'track',
    event: 'order_completed',
    properties: { total: 5 },
    context: { ip: '192.0.2.7' },
  });
});

describe("of another vendor's SDK", () => {
  test.each([
    [
      { system: 'posthog', call: 'track', eventName: 'Order Completed' } as const,
      { total: 5 },
      { type: 'track', event: 'Order Completed', properties: { total: 5 } },
    ],
    [
      { system: 'posthog', call: 'identify', eventName: '$identify' } as const,
      { plan: 'team' },
      { type: 'identify', traits: { plan: 'team' } },
    ],
    [
      { system: 'posthog', call: 'page', eventName: '$pageview', moved: ['$current_url'] } as const,
      { url: 'https://x.example/' },
      { type: 'page', properties: { url: 'https://x.example/' } },
    ],
    [
      { system: 'posthog', call: 'screen', eventName: '$screen' } as const,
      { name: 'Cart' },
      { type: 'screen', name: 'Cart', properties: { name: 'Cart' } },
    ],
    [
      { system: 'mixpanel', call: 'group_identify' } as const,
      { group_type: 'company', group_id: 'acme', seats: 3 },
      { type: 'group', groupId: 'acme', traits: { group_type: 'company', seats: 3 } },
    ],
    [
      { system: 'mixpanel', call: 'alias', eventName: '$create_alias' } as const,
      { previous_id: 'a1' },
      { type: 'alias', previousId: 'a1' },
    ],
  ])('%j is the call of that kind', (call, properties, expected) => {
    expect(segmentCallOf(calledWith(call, properties), time)).toEqual({ ...envelope, ...expected });
  });
});

describe("of Segment's own SDK", () => {
  const track = { system: 'segment', call: 'track', eventName: 'Order Completed' } as const;

  test('members that have no place in the contract are put back', () => {
    const context = {
      app: 'shop',
      segment: { integrations: { All: false }, event: 'x', messageId: 'm' },
    };
    const call = { ...track, messageId: 'm-1', contextMember: 'segment' };
    expect(segmentCallOf(calledWith(call, { total: 5 }, { context }), time)).toEqual({
      ...envelope,
      messageId: 'm-1',
      type: 'track',
      event: 'Order Completed',
      properties: { total: 5 },
      integrations: { All: false },
      context: { app: 'shop' },
    });
  });

  test('a context of its own with that name stays, and what its request said stays here', () => {
    const context = {
      segment: { own: 1 },
      segment_call: { request: { userId: 'outer' }, channel: 'x' },
    };
    const call = { ...track, contextMember: 'segment_call' };
    expect(segmentCallOf(calledWith(call, {}, { context }), time)).toMatchObject({
      context: { segment: { own: 1 } },
      channel: 'x',
    });
    expect(segmentCallOf(calledWith(call, {}, { context }), time)).not.toHaveProperty('request');
  });

  test('what the rules of a destination took out stays out', () => {
    const call = { system: 'segment', call: 'group', moved: ['groupId'] } as const;
    expect(segmentCallOf(calledWith(call, { seats: 3 }), time)).toEqual({
      ...envelope,
      type: 'group',
      traits: { seats: 3 },
    });
  });
});
