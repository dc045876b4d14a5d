import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mixpanelMessageOf } from '../../src/destinations/mixpanel/mixpanel-message.ts';
import { posthogEventOf } from '../../src/destinations/posthog/posthog-event.ts';
import { rudderstackCallOf } from '../../src/destinations/rudderstack/rudderstack-call.ts';
import { segmentCallOf } from '../../src/destinations/segment/segment-call.ts';
import type { JsonObject } from '../../src/event/json/json.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import type { VendorCall, VendorCallKind } from '../../src/event/vendor-call.ts';
import { vendorCases } from '../round-trip/vendors.ts';
import { storedEvent } from './deliveries.ts';

/* The pages of the vendors have a row for each field that a destination sends, and for no other. */

const systems = ['segment', 'posthog', 'mixpanel'] as const;
const kinds: readonly VendorCallKind[] = [
  'track',
  'identify',
  'page',
  'screen',
  'group',
  'alias',
  'group_identify',
];

/** What an endpoint moves among the properties of a call. */
const moved: Readonly<Record<VendorCall['system'], readonly string[]>> = {
  segment: ['name', 'category', 'groupId', 'previousId'],
  posthog: [
    '$current_url',
    '$title',
    '$referrer',
    '$screen_name',
    '$group_type',
    '$group_key',
    'alias',
  ],
  mixpanel: ['$group_key', '$group_id', '$user_id', '$device_id'],
};

const properties = Object.fromEntries(
  'name category url title referrer previous_id group_type group_id first own'
    .split(' ')
    .map((name) => [name, 'x']),
);

const base: StoredEvent = {
  ...storedEvent({ anonymousId: 'a1', occurredAt: '2026-03-01T11:00:00.000Z' }),
  sentAt: '2026-03-01T12:00:00.000Z',
  properties,
};

/** Events of every kind, with everything that one may have, from each system and from none. */
const events: readonly StoredEvent[] = [
  base,
  { ...base, context: { ip: '192.0.2.7' } },
  ...systems.flatMap((system) =>
    kinds.map((call): StoredEvent => {
      const vendorCall = {
        system,
        call,
        moved: moved[system],
        own: ['own'],
        contextMember: system,
      };
      const isUpdate = call === 'identify' || call === 'group_identify';
      const kept = isUpdate && system !== 'segment' ? { set_once: ['first'] } : {};
      const context = { ip: '192.0.2.7', [system]: kept };
      return { ...base, vendorCall, context };
    }),
  ),
];

const time = '2026-03-01T11:00:00.000Z';
const bodies: Readonly<Record<string, readonly JsonObject[]>> = {
  segment: events.map((event) => segmentCallOf(event, time)),
  rudderstack: events.map((event) => rudderstackCallOf(event, time)),
  posthog: events.map((event) => posthogEventOf(event, time)),
  mixpanel: events.map((event) => mixpanelMessageOf(event, time, 'the-token').body),
};

/** The fields that the destination gives its messages; of `properties` those that no producer sent. */
function fieldsOf(body: JsonObject, hasOwnProperties: boolean): string[] {
  return Object.entries(body).flatMap(([name, value]) => {
    if (name !== 'properties' || !hasOwnProperties) return [name];
    const inside = Object.keys(value as JsonObject).filter(
      (each) => !Object.hasOwn(properties, each),
    );
    return [name, ...inside.map((each) => `properties.${each}`)];
  });
}

/** The first column of the table below a heading. */
function rowsOf(type: string, heading: string): string[] {
  const page = readFileSync(new URL(`../../docs/destinations/${type}.md`, import.meta.url), 'utf8');
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
}

describe.each(vendorCases)('the page of $type', ({ type, allowed }) => {
  test('has a row for each field that the destination sends', () => {
    const hasOwnProperties = type === 'posthog' || type === 'mixpanel';
    const sent = new Set(bodies[type]!.flatMap((body) => fieldsOf(body, hasOwnProperties)));
    expect(rowsOf(type, 'What it sends').toSorted()).toEqual([...sent].toSorted());
  });

  test('has a row for each difference from the SDK that is allowed', () => {
    const differences = rowsOf(type, 'What differs from the SDK');
    expect(differences.toSorted()).toEqual(allowed.map(({ field }) => field).toSorted());
  });
});
