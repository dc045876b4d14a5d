import { describe, expect, test } from 'vitest';

import { posthogEndpoints } from './posthog-endpoint.ts';

interface Decoded {
  readonly userId: string;
  readonly context: Record<string, unknown> | undefined;
}

function decode(path: string, request: object): { events: readonly Decoded[]; sentAt: string } {
  const [, endpoint, call] = posthogEndpoints.find((row) => row[0] === path)!;
  return endpoint.decode(call, Buffer.from(JSON.stringify(request)), 10) as never;
}

const event = { event: '$pageview', distinct_id: 'u', uuid: crypto.randomUUID() };

describe('what an event takes from its request', () => {
  test.each(['/batch/', '/i/v1/analytics/events'])('is historical_migration: %s', (path) => {
    const { events } = decode(path, {
      historical_migration: true,
      api_key: 'k',
      batch: [event, { ...event, historical_migration: false }],
    });
    expect(events.map(({ context }) => context)).toMatchObject([
      { posthog: { historical_migration: true } },
      { posthog: { historical_migration: false } },
    ]);
    expect(JSON.stringify(events)).not.toContain('request');
  });

  test('is historical_migration where it stands beside a single event', () => {
    const { events } = decode('/capture/', { ...event, api_key: 'k', historical_migration: true });
    expect(events[0]!.context).toMatchObject({ posthog: { historical_migration: true } });
  });

  test.each([
    ['distinct_id', 'outer'],
    ['event', 'outer'],
    ['uuid', crypto.randomUUID()],
    ['timestamp', '2026-03-01T12:00:00Z'],
    ['properties', { outer: 1 }],
    ['$set', { outer: 1 }],
    ['context', { outer: 1 }],
    ['sent_at', 'no time'],
  ])('is not %s, which is kept beside it', (name, value) => {
    const plain = decode('/batch/', { batch: [event] });
    const { events } = decode('/batch/', { [name]: value, batch: [event] });
    const fieldsOf = (one: Decoded) => ({ ...one, context: undefined, original: undefined });
    expect(fieldsOf(events[0]!)).toEqual(fieldsOf(plain.events[0]!));
    expect(events[0]!.context).toEqual({
      posthog: { ...(plain.events[0]!.context!['posthog'] as object), request: { [name]: value } },
    });
  });

  test('is not what the request says of itself', () => {
    const time = '2026-03-01T12:00:00.000Z';
    const { events, sentAt } = decode('/batch/', { sent_at: time, api_key: 'k', batch: [event] });
    expect(sentAt).toBe(time);
    expect(JSON.stringify(events)).not.toContain(time);
  });

  test('is kept apart from a member that the event itself has under that name', () => {
    const { events } = decode('/batch/', { flag: 1, batch: [{ ...event, request: 2 }] });
    expect(events[0]!.context).toMatchObject({
      posthog: { request: 2, request_of_batch: { flag: 1 } },
    });
  });
});

test.each(['$set', '$identify'])('%s: what is set only once is a property, and named', (name) => {
  const set = { plan: 'team' };
  const once = { email: 'a@example.com' };
  const inside = { event: name, distinct_id: 'u', properties: { $set: set, $set_once: once } };
  const beside = { event: name, distinct_id: 'u', $set: set, $set_once: once };
  for (const sent of [inside, beside]) {
    const { events } = decode('/batch/', { batch: [sent] });
    expect(events[0]).toMatchObject({
      properties: { plan: 'team', email: 'a@example.com' },
      context: { posthog: { set_once: ['email'] } },
    });
    expect(events[0]!.context!['posthog']).not.toHaveProperty('$set_once');
  }
});

test.each(['/batch/', '/capture/', '/i/v1/analytics/events'])(
  'an id among the properties counts where the one beside them is null: %s',
  (path) => {
    const properties = { distinct_id: 'u', alias: 'a1', $lib: 'posthog-php' };
    const sent = { ...event, event: '$create_alias', distinct_id: null, $lib: null, properties };
    const request = path === '/capture/' ? sent : { batch: [sent] };
    expect(decode(path, request).events).toMatchObject([
      { userId: 'u', context: { posthog: { $lib: 'posthog-php' } } },
    ]);
  },
);
