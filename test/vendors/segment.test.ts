import { Analytics } from '@segment/analytics-node';
import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** Segment's SDK and RudderStack's. Only their address is changed. */
describe('Segment', () => {
  let vendorGate: VendorGate;

  beforeAll(async () => {
    vendorGate = await openVendorGate({ HEADGATE_NATS_PUBLISH_TIMEOUT: '3s' });
  });

  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  const order = (id: string) => ({ order_id: id, total: 12.5, currency: 'EUR' });

  function segment(writeKey = shopKey): { analytics: Analytics; errors: unknown[] } {
    const analytics = new Analytics({
      writeKey,
      host: vendorGate.gate.url,
      path: '/v1/segment/batch',
      flushAt: 50,
    });
    const errors: unknown[] = [];
    analytics.on('error', (error) => errors.push(error));
    return { analytics, errors };
  }

  test('every call of the SDK is an event', async () => {
    const before = (await vendorGate.stored()).length;
    const { analytics, errors } = segment();
    const timestamp = new Date('2026-03-01T12:00:00.000Z');
    analytics.track({ userId: 'u1', event: 'Order Completed', properties: order('A1'), timestamp });
    analytics.identify({ userId: 'u1', traits: { plan: 'team' } });
    analytics.page({ anonymousId: 'a1', name: 'Home', properties: { url: 'https://x.example/' } });
    analytics.screen({ userId: 'u1', name: 'Cart' });
    analytics.group({ userId: 'u1', groupId: 'g1', traits: { seats: 3 } });
    analytics.alias({ userId: 'u1', previousId: 'a1' });
    await analytics.closeAndFlush();
    expect(errors).toEqual([]);
    const events = (await vendorGate.stored()).slice(before);
    expect(events).toMatchObject([
      {
        eventName: 'order_completed',
        source: 'shop',
        userId: 'u1',
        properties: order('A1'),
        occurredAt: '2026-03-01T12:00:00.000Z',
        context: {
          library: { name: '@segment/analytics-node' },
          segment: { event: 'Order Completed', messageId: expect.stringMatching(/^node-next-/) },
        },
      },
      { eventName: 'user_identified', properties: { plan: 'team' } },
      { eventName: 'page_viewed', anonymousId: 'a1', properties: { name: 'Home' } },
      { eventName: 'screen_viewed', properties: { name: 'Cart' } },
      { eventName: 'group_joined', properties: { group_id: 'g1', seats: 3 } },
      { eventName: 'user_aliased', userId: 'u1', properties: { previous_id: 'a1' } },
    ]);
    expect(JSON.stringify(events)).not.toContain(shopKey);
  });

  test('the SDK retries after an outage, and each event is stored once', async () => {
    const before = (await vendorGate.stored()).length;
    const thaw = await vendorGate.gate.freezeServer();
    const { analytics, errors } = segment();
    const statuses: unknown[] = [];
    analytics.on('http_response', ({ status }) => {
      statuses.push(status);
      // The first answer said that storing is not confirmed.
      if (statuses.length === 1) thaw();
    });
    for (const id of ['B1', 'B2', 'B3']) {
      analytics.track({ userId: 'u2', event: 'Order Completed', properties: order(id) });
    }
    await analytics.closeAndFlush();
    expect(errors).toEqual([]);
    expect(statuses[0]).toBe(503);
    expect(statuses.at(-1)).toBe(200);
    const events = (await vendorGate.stored()).slice(before);
    const ids = events.map(({ properties }) => properties['order_id']);
    expect(ids).toEqual(['B1', 'B2', 'B3']);
  });

  test('keeps a rejected event, which does not affect the others', async () => {
    const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    const { analytics, errors } = segment();
    const answers: number[] = [];
    analytics.on('http_response', ({ status }) => answers.push(status as number));
    analytics.track({ userId: 'u3', event: 'Order Completed', properties: { order_id: 'C1' } });
    analytics.track({ userId: 'u3', event: 'Order Completed', properties: order('C2') });
    analytics.track({ userId: 'u3', event: 'Signed Up' });
    await analytics.closeAndFlush();
    expect([errors, answers]).toEqual([[], [200]]);
    expect(await vendorGate.stored()).toHaveLength(before[0]! + 1);
    expect((await vendorGate.rejected()).slice(before[1])).toMatchObject([
      { code: 'schema_violation', kept: { event_name: 'order_completed', user_id: 'u3' } },
      { code: 'invalid_event_name', kept: { event_name: 'signed_up' } },
    ]);
  });

  test('the SDK reports an unknown key as an error', async () => {
    const { analytics, errors } = segment('hg_nobody');
    analytics.track({ userId: 'u4', event: 'Order Completed', properties: order('D1') });
    await analytics.closeAndFlush();
    expect(errors).toHaveLength(1);
    expect(String((errors[0] as { reason: Error }).reason)).toContain('[401]');
  });

  test.for(['batch', 'track'])(
    'a refusal has the members that SDKs for Python read: %s',
    async (path) => {
      const answer = await fetch(`${vendorGate.gate.url}/v1/segment/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer hg_nobody' },
        body: '{}',
      });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({
        code: 'unauthenticated',
        message: expect.stringContaining('write key'),
      });
    },
  );

  test('RudderStack, whose SDK compresses its bodies', async () => {
    const before = (await vendorGate.stored()).length;
    const rudder = new RudderAnalytics(shopKey, {
      dataPlaneUrl: `${vendorGate.gate.url}/v1/segment`,
      flushAt: 20,
    });
    rudder.track({ userId: 'u5', event: 'orderCompleted', properties: order('E1') });
    rudder.identify({ userId: 'u5', traits: { plan: 'free' } });
    await rudder.flush();
    const events = (await vendorGate.stored()).slice(before);
    expect(events).toMatchObject([
      { eventName: 'order_completed', properties: order('E1') },
      { eventName: 'user_identified', properties: { plan: 'free' } },
    ]);
  });
});
