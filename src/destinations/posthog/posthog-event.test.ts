import { describe, expect, test } from 'vitest';
import { calledWith, storedWith, time } from '../vendors/vendor-events.fixture.ts';
import { posthogEventOf } from './posthog-event.ts';

const envelope = { uuid: storedWith().eventId, distinct_id: 'u1', timestamp: time };
const ours = { $lib: 'headgate', $geoip_disable: true };

describe("of another vendor's SDK", () => {
  test.each([
    [
      { system: 'segment', call: 'track', eventName: 'Order Completed' } as const,
      { total: 5 },
      { event: 'Order Completed', properties: { total: 5, ...ours } },
    ],
    [
      { system: 'segment', call: 'identify' } as const,
      { plan: 'team' },
      {
        event: '$identify',
        properties: { $set: { plan: 'team' }, $anon_distinct_id: 'a1', ...ours },
      },
    ],
    [
      { system: 'segment', call: 'page', moved: ['name'] } as const,
      { url: 'https://x.example/', title: 'Home', name: 'Home' },
      {
        event: '$pageview',
        properties: { $current_url: 'https://x.example/', $title: 'Home', name: 'Home', ...ours },
      },
    ],
    [
      { system: 'segment', call: 'screen', moved: ['name'] } as const,
      { name: 'Cart', items: 3 },
      { event: '$screen', properties: { $screen_name: 'Cart', items: 3, ...ours } },
    ],
    [
      { system: 'segment', call: 'group', moved: ['groupId'] } as const,
      { group_id: 'g1', seats: 3 },
      {
        event: '$groupidentify',
        properties: { $group_type: 'company', $group_key: 'g1', $group_set: { seats: 3 }, ...ours },
      },
    ],
    [
      { system: 'segment', call: 'alias', moved: ['previousId'] } as const,
      { previous_id: 'a1' },
      { event: '$create_alias', properties: { distinct_id: 'u1', alias: 'a1', ...ours } },
    ],
  ])('%j is the event of that kind', (call, properties, expected) => {
    const event = calledWith(call, properties, { anonymousId: 'a1' });
    expect(posthogEventOf(event, time)).toEqual({ ...envelope, ...expected });
  });
});

describe("of PostHog's own SDK", () => {
  test('what a person has, once or again, is back in its member, beside what the event has', () => {
    const call = {
      system: 'posthog',
      call: 'identify',
      eventName: '$identify',
      own: ['via'],
      contextMember: 'posthog',
    } as const;
    const context = {
      posthog: { set_once: ['first'], $set_once: { plan: 'free' }, $lib: 'x', library: 'y' },
    };
    const event = calledWith(call, { plan: 'team', first: 1, via: 'form' }, { context });
    expect(posthogEventOf(event, time)).toEqual({
      ...envelope,
      event: '$identify',
      library: 'y',
      properties: {
        via: 'form',
        $set: { plan: 'team' },
        $set_once: { plan: 'free', first: 1 },
        $lib: 'x',
        $geoip_disable: true,
      },
    });
  });

  test('an id that is no UUID is none for PostHog', () => {
    const call = { system: 'posthog', call: 'track', messageId: 'my-own' } as const;
    expect(posthogEventOf(calledWith(call, {}), time)).toMatchObject({ uuid: envelope.uuid });
  });
});
