import { afterAll, beforeAll, expect, test } from 'vitest';

import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/** Of a member that stands twice JSON parsers keep the last: a list of events must not vanish so. */
let vendorGate: VendorGate;

beforeAll(async () => {
  vendorGate = await openVendorGate();
});

afterAll(async () => {
  await vendorGate[Symbol.asyncDispose]();
});

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

const native = (name: string) =>
  `[{"${name}":"page_viewed","user_id":"u","idempotency_key":"${crypto.randomUUID()}"}]`;
const segment = () =>
  `[{"type":"page","userId":"u","messageId":"${crypto.randomUUID()}","properties":{}}]`;
const posthog = () => `[{"event":"$pageview","distinct_id":"u","uuid":"${crypto.randomUUID()}"}]`;
const mixpanel = (token = shopKey) =>
  `[{"event":"Page Viewed","properties":{"token":"${token}","distinct_id":"u"}}]`;
const data = (text: string): string => `data=${encodeURIComponent(text)}`;

interface Sent {
  readonly path: string;
  readonly type?: string;
  readonly method?: string;
  readonly body?: string;
  /** What the refusal says. */
  readonly says: string;
  readonly keyInBody?: true;
}

const cases: readonly Sent[] = [
  {
    path: '/v1/batch',
    body: `{"events":${native('event_name')},"events":${native('event_name')}}`,
    says: '"events" twice',
  },
  {
    path: '/v1/batch',
    body: `{"sent_at":null,"events":${native('event_name')},"context":{},"\\u0065vents":[]}`,
    says: '"events" twice',
  },
  {
    path: '/v1/validate',
    body: `{"events":${native('event_name')},"events":${native('event_name')}}`,
    says: '"events" twice',
  },
  {
    path: '/headgate.v1.TrackService/BatchTrack',
    body: `{"events":${native('eventName')},"events":${native('eventName')}}`,
    says: '"events" twice',
  },
  {
    path: '/headgate.v1.TrackService/BatchTrack',
    body: `{"sentAt":"2026-03-01T12:00:00Z","sent_at":"2026-03-02T12:00:00Z","events":${native('eventName')}}`,
    says: '"sent_at" twice',
  },
  {
    path: '/headgate.v1.TrackService/Track',
    body: `{"event":${native('eventName').slice(1, -1)},"event":${native('eventName').slice(1, -1)}}`,
    says: '"event" twice',
  },
  {
    path: '/v1/segment/batch',
    body: `{"batch":${segment()},"batch":${segment()}}`,
    says: '"batch" twice',
  },
  {
    // What RudderStack's SDKs append to their address.
    path: '/v1/segment/v1/batch',
    body: `{"batch":${segment()},"sentAt":"x","batch":[]}`,
    says: '"batch" twice',
  },
  {
    path: '/v1/segment/batch',
    body: `{"writeKey":"${shopKey}","batch":${segment()},"writeKey":"hg_other"}`,
    says: '"writeKey" twice',
    keyInBody: true,
  },
  {
    path: '/v1/segment/page',
    body: `{"writeKey":"${shopKey}","writeKey":"hg_other","userId":"u"}`,
    says: '"writeKey" twice',
    keyInBody: true,
  },
  { path: '/batch/', body: `{"batch":${posthog()},"batch":${posthog()}}`, says: '"batch" twice' },
  {
    path: '/i/v1/analytics/events',
    body: `{"batch":${posthog()},"batch":${posthog()}}`,
    says: '"batch" twice',
  },
  {
    path: '/capture/',
    body: `{"api_key":"${shopKey}","event":"$pageview","api_key":"hg_other"}`,
    says: '"api_key" twice',
    keyInBody: true,
  },
  {
    path: '/batch/',
    body: `{"api_key":"hg_other","token":"${shopKey}","batch":${posthog()}}`,
    says: 'two keys',
    keyInBody: true,
  },
  {
    path: '/import',
    body: mixpanel().replace('"token"', '"token":"hg_other","token"'),
    says: 'different tokens',
    keyInBody: true,
  },
  {
    path: '/track',
    type: form,
    body: `${data(mixpanel())}&${data(mixpanel())}`,
    says: '"data" stands twice',
    keyInBody: true,
  },
  {
    path: `/track?${data(mixpanel())}&d%61ta=${encodeURIComponent(mixpanel())}`,
    method: 'GET',
    says: '"data" stands twice',
    keyInBody: true,
  },
  {
    path: `/track?${data(mixpanel())}`,
    body: mixpanel(),
    says: 'in the query of a POST',
    keyInBody: true,
  },
  {
    // An event that cannot be read does not change this.
    path: '/v1/segment/batch',
    body: `{"context":{},"batch":[${segment().slice(1, -1)},{"n":NaN}],"integrations":{},"b\\u0061tch":[]}`,
    says: '"batch" twice',
  },
];

test.each(cases)('$path: $says', async ({ path, type = json, method, body, says, keyInBody }) => {
  const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
  const answer = await fetch(`${vendorGate.gate.url}${path}`, {
    method: method ?? 'POST',
    headers: {
      'content-type': type,
      ...(keyInBody === undefined && { authorization: `Bearer ${shopKey}` }),
    },
    ...(body !== undefined && { body }),
  });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([400, expect.stringContaining('malformed_request')]);
  const { message, error, detail } = JSON.parse(text) as Record<string, string>;
  expect(message ?? error ?? detail).toContain(says);
  const after = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
  expect(after).toEqual(before);
});
