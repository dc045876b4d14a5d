import { PostHog } from 'posthog-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** PostHog's SDK for Node, with both of its protocols. Only its host is changed. */
describe('PostHog', () => {
  let vendorGate: VendorGate;

  beforeAll(async () => {
    vendorGate = await openVendorGate({ HEADGATE_NATS_PUBLISH_TIMEOUT: '3s' });
  });

  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  afterEach(() => {
    delete process.env['POSTHOG_CAPTURE_MODE'];
  });

  const order = (id: string) => ({ order_id: id, total: 12.5, currency: 'EUR' });

  interface Client {
    readonly posthog: PostHog;
    readonly paths: string[];
    readonly statuses: number[];
    readonly errors: unknown[];
  }

  function client(mode: 'v0' | 'v1', onAnswer: () => void = () => {}, key = shopKey): Client {
    process.env['POSTHOG_CAPTURE_MODE'] = mode;
    const paths: string[] = [];
    const statuses: number[] = [];
    const errors: unknown[] = [];
    const posthog = new PostHog(key, {
      host: vendorGate.gate.url,
      flushAt: 100,
      fetchRetryDelay: 100,
      fetchRetryCount: 20,
      fetch: async (url, options) => {
        const answer = await fetch(url, options as RequestInit);
        paths.push(new URL(url).pathname);
        statuses.push(answer.status);
        onAnswer();
        return answer as never;
      },
    });
    posthog.on('error', (error: unknown) => errors.push(error));
    return { posthog, paths, statuses, errors };
  }

  test.for(['v0', 'v1'] as const)('every call of the SDK is an event: %s', async (mode) => {
    const before = (await vendorGate.stored()).length;
    const { posthog, paths, errors } = client(mode);
    const timestamp = new Date('2026-03-01T12:00:00.000Z');
    posthog.capture({
      distinctId: 'u1',
      event: 'Order Completed',
      properties: order('A1'),
      timestamp,
    });
    posthog.identify({ distinctId: 'u1', properties: { plan: 'team' } });
    posthog.alias({ distinctId: 'u1', alias: 'a1' });
    posthog.groupIdentify({
      groupType: 'company',
      groupKey: 'g1',
      properties: { seats: 3 },
      distinctId: 'u1',
    });
    posthog.capture({
      distinctId: 'u1',
      event: '$pageview',
      properties: { $current_url: 'https://x.example/' },
    });
    posthog.capture({
      distinctId: 'n1',
      event: 'order_completed',
      properties: { ...order('A2'), $process_person_profile: false },
    });
    await posthog.shutdown();
    expect(errors).toEqual([]);
    expect(new Set(paths)).toEqual(new Set([mode === 'v0' ? '/batch/' : '/i/v1/analytics/events']));
    const events = (await vendorGate.stored()).slice(before);
    expect(events).toMatchObject([
      {
        eventName: 'order_completed',
        source: 'shop',
        userId: 'u1',
        properties: order('A1'),
        occurredAt: '2026-03-01T12:00:00.000Z',
        context: { posthog: { event: 'Order Completed' } },
      },
      { eventName: 'user_identified', properties: { plan: 'team' } },
      { eventName: 'user_aliased', properties: { previous_id: 'a1' } },
      {
        eventName: 'group_identified',
        properties: { group_type: 'company', group_id: 'g1', seats: 3 },
      },
      { eventName: 'page_viewed', properties: { url: 'https://x.example/' } },
      { eventName: 'order_completed', anonymousId: 'n1' },
    ]);
    expect(events[5]).not.toHaveProperty('userId');
    expect(events[0]!['properties']).toEqual(order('A1'));
    expect(JSON.stringify(events)).not.toContain(shopKey);
  });

  test.for(['v0', 'v1'] as const)('stores each event once after an outage: %s', async (mode) => {
    const before = (await vendorGate.stored()).length;
    const thaw = await vendorGate.gate.freezeServer();
    const { posthog, statuses, errors } = client(mode, () => {
      if (statuses.length === 1) thaw();
    });
    for (const id of ['B1', 'B2', 'B3']) {
      posthog.capture({ distinctId: 'u2', event: 'Order Completed', properties: order(id) });
    }
    await posthog.shutdown(60_000);
    expect(errors).toEqual([]);
    expect(statuses[0]).toBe(mode === 'v0' ? 503 : 200);
    expect(statuses.length).toBeGreaterThan(1);
    const events = (await vendorGate.stored()).slice(before);
    expect(events.map(({ properties }) => properties['order_id'])).toEqual(['B1', 'B2', 'B3']);
  });

  test.for(['v0', 'v1'] as const)(
    'a rejected event does not affect the others: %s',
    async (mode) => {
      const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
      const { posthog, errors } = client(mode);
      posthog.capture({
        distinctId: 'u3',
        event: 'Order Completed',
        properties: { order_id: 'C1' },
      });
      posthog.capture({ distinctId: 'u3', event: 'Order Completed', properties: order('C2') });
      await posthog.shutdown();
      expect(await vendorGate.stored()).toHaveLength(before[0]! + 1);
      const [kept] = (await vendorGate.rejected()).slice(before[1]);
      expect(kept).toMatchObject({ code: 'schema_violation', kept: { user_id: 'u3' } });
      expect(kept!.text).not.toContain(shopKey);
      // The newer protocol reports which event; with the older, any refusal concerns the whole batch.
      const dropped = {
        drops: [{ details: expect.stringContaining('schema_violation') as string }],
      };
      expect(errors).toMatchObject(mode === 'v0' ? [] : [dropped]);
    },
  );

  test('the SDK halves batches with more events than the gate accepts', async () => {
    await using small = await openVendorGate({ HEADGATE_LIMITS_BATCH_EVENTS_MAX: '4' });
    const posthog = new PostHog(shopKey, { host: small.gate.url, flushAt: 100 });
    for (let index = 0; index < 10; index += 1) {
      posthog.capture({
        distinctId: 'u4',
        event: 'Order Completed',
        properties: order(`D${index}`),
      });
    }
    await posthog.shutdown();
    expect(await small.stored()).toHaveLength(10);
  });

  test('the SDK reports an unknown key as an error', async () => {
    const { posthog, errors, statuses } = client('v0', () => {}, 'hg_nobody');
    posthog.capture({ distinctId: 'u5', event: 'Order Completed', properties: order('E1') });
    await posthog.shutdown();
    expect(statuses).toEqual([401]);
    expect(errors).toHaveLength(1);
  });
});
