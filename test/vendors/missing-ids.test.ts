import { afterAll, beforeAll, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** Events that an SDK sends without an id: stored, apart, and recognised where their time allows it. */
let vendorGate: VendorGate;

beforeAll(async () => {
  vendorGate = await openVendorGate();
});

afterAll(async () => {
  await vendorGate[Symbol.asyncDispose]();
});

async function send(path: string, body: object): Promise<Record<string, never>> {
  const answer = await fetch(`${vendorGate.gate.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${shopKey}` },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Record<string, never>;
}

test('calls of Segment beside members of their request: stored apart, and take neither', async () => {
  const before = (await vendorGate.stored()).length;
  const call = { type: 'page', anonymousId: 'a1' };
  const answer = await send('/v1/segment/batch', {
    type: 'track',
    userId: 'outer',
    traits: { a: 1 },
    batch: [call, call],
  });
  expect(answer).toMatchObject({ success: true, accepted: 2 });
  const events = (await vendorGate.stored()).slice(before);
  expect(events).toMatchObject([
    { eventName: 'page_viewed', anonymousId: 'a1', properties: {} },
    { eventName: 'page_viewed', anonymousId: 'a1', properties: {} },
  ]);
  for (const event of events) expect(event).not.toHaveProperty('userId');
});

const time = '2026-03-01T12:00:00.123456Z';
const order = (id: string) => ({ order_id: id, total: 1, currency: 'EUR' });
const posthog = (id: string) => ({
  event: 'order_completed',
  distinct_id: 'u',
  timestamp: time,
  properties: order(id),
});

test.each([
  [
    '/v1/segment/batch',
    (ids: string[]) => ({
      sentAt: new Date().toISOString(),
      batch: ids.map((id) => ({
        type: 'track',
        event: 'Order Completed',
        userId: 'u',
        timestamp: time,
        properties: order(id),
      })),
    }),
  ],
  ['/batch/', (ids: string[]) => ({ sent_at: new Date().toISOString(), batch: ids.map(posthog) })],
  ['/i/v1/analytics/events', (ids: string[]) => ({ batch: ids.map((id) => posthog(`v1${id}`)) })],
  [
    '/import',
    (ids: string[]) =>
      ids.map((id) => ({
        event: 'Order Completed',
        properties: { ...order(id), distinct_id: 'u', time: 1772366400123 },
      })),
  ],
])('%s: the same request again stores nothing', async (path, body) => {
  const before = (await vendorGate.stored()).length;
  const ids = ['A1', 'A2', 'A1'];
  await send(path, body(ids));
  expect(await vendorGate.stored()).toHaveLength(before + 3);
  await send(path, body(ids));
  expect(await vendorGate.stored()).toHaveLength(before + 3);
});
