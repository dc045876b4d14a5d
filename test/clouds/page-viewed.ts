import { randomUUID } from 'node:crypto';

import { expect } from 'vitest';

/** Sends one event to a gate. Returns its idempotency key. */
export async function sendPageViewed(gateUrl: string): Promise<string> {
  const key = randomUUID();
  const response = await fetch(`${gateUrl}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      event_name: 'page_viewed',
      idempotency_key: key,
      user_id: 'u-1',
      properties: { path: '/a', title: 'A' },
    }),
  });
  expect(await response.json()).toMatchObject({ status: 'accepted' });
  return key;
}
