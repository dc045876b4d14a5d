import { createHmac, randomUUID } from 'node:crypto';

import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
import { CatalogService } from '../../gen/headgate/v1/catalog_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { DoctorService } from '../../gen/headgate/v1/doctor_service_pb.ts';
import { EventSchema } from '../../gen/headgate/v1/event_pb.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { OperatorService } from '../../gen/headgate/v1/operator_service_pb.ts';
import { RelayService } from '../../gen/headgate/v1/relay_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { SignalService } from '../../gen/headgate/v1/signal_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import {
  BatchTrackRequestSchema,
  TrackRequestSchema,
} from '../../gen/headgate/v1/track_service_pb.ts';
import { order } from '../endpoints/sample-events.ts';
import { wireEndpoints, type WireEndpoint } from '../endpoints/wire-endpoints.ts';
import { rpcTargets } from './rpc-targets.ts';
import type { Headers, Target } from './target.ts';

export const shopKey = 'hg_fuzz_shop';
export const webhookSecret = 'a-secret-of-the-fuzzer';

const versions = ['1.1', '2'] as const;
const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

type Row = readonly [
  name: string,
  path: string,
  sample: () => Buffer,
  more?: Partial<Target> & { readonly contentType?: string },
];

function onBothVersions([name, path, sample, more]: Row): Target[] {
  return versions.map((version) => ({
    name: `${name} HTTP/${version}`,
    port: 'public',
    version,
    method: 'POST',
    path,
    contentType: json,
    isJson: true,
    sample,
    ...more,
  }));
}

const properties = { order_id: 'A', total: 1.5, currency: 'EUR' };
const time = '2026-03-01T12:00:00.000Z';

const segmentCall = (type: string): Record<string, unknown> => ({
  type,
  userId: 'u1',
  anonymousId: 'a1',
  messageId: randomUUID(),
  event: 'Order Completed',
  name: 'Home',
  groupId: 'g1',
  previousId: 'p1',
  traits: { plan: 'team' },
  properties,
  context: { ip: '203.0.113.9' },
  timestamp: time,
});
const segmentTypes = ['track', 'identify', 'page', 'screen', 'group', 'alias'];
const posthogEvent = (): Record<string, unknown> => ({
  event: 'Order Completed',
  distinct_id: 'u1',
  uuid: randomUUID(),
  timestamp: time,
  properties: { ...properties, $lib: 'x', token: shopKey },
});
const mixpanelEvent = (): Record<string, unknown> => ({
  event: 'Order Completed',
  properties: {
    ...properties,
    token: shopKey,
    distinct_id: 'u1',
    time: 1_772_000_000,
    $insert_id: randomUUID(),
  },
});
const cloudEvent = (): Record<string, unknown> => ({
  specversion: '1.0',
  id: randomUUID(),
  source: '/shop',
  type: 'com.example.order.completed',
  subject: 'u1',
  time,
  datacontenttype: json,
  data: properties,
});
const asForm = (value: unknown): Buffer =>
  Buffer.from(`data=${encodeURIComponent(text(value).toString('base64'))}&verbose=1`);

const hmac = (algorithm: string, body: Buffer | string): Buffer =>
  createHmac(algorithm, webhookSecret).update(body).digest();

const webhookBody = (): Buffer =>
  text({
    id: randomUUID(),
    type: 'order.paid',
    action: 'opened',
    created: 1_772_000_000,
    user: 'u1',
    customer: { id: 2 ** 53 + 2 },
    data: { object: { id: 'A', amount: 1 }, order: properties },
  });

const signed: Readonly<Record<string, (body: Buffer) => Headers>> = {
  billing: (body) => {
    const at = Math.floor(Date.now() / 1000);
    const signature = hmac('sha256', Buffer.concat([Buffer.from(`${at}.`), body])).toString('hex');
    return { 'stripe-signature': `t=${at},v1=${signature}` };
  },
  hub: (body) => ({
    'x-github-event': 'issues',
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': `sha256=${hmac('sha256', body).toString('hex')}`,
  }),
  store: (body) => ({
    'x-shopify-topic': 'orders/create',
    'x-shopify-webhook-id': randomUUID(),
    'x-shopify-hmac-sha256': hmac('sha256', body).toString('base64'),
  }),
  other: (body) => ({
    'x-kind': 'a',
    'x-sign': `v0:${hmac('sha512', body).toString('base64')}`,
  }),
};

/** headgate.yaml of the gate that the fuzzer attacks. */
export const webhooksYaml = `
webhooks:
  billing: { provider: stripe, secret: ${webhookSecret}, user_id: /user, occurred_at: /created, properties: /data/object, events: { "*": page_viewed } }
  hub: { provider: github, secret: ${webhookSecret}, user_id: /customer/id, properties: /data, events: { "*": order_completed } }
  store: { provider: shopify, secret: ${webhookSecret}, user_id: /customer/id, properties: { order_id: /id, total: /data/object/amount }, events: { "*": order_completed } }
  other:
    provider: hmac
    secret: ${webhookSecret}
    signature: { header: X-Sign, algorithm: sha512, encoding: base64, prefix: "v0:" }
    delivery_id: [header:x-id, /id]
    type: header:x-kind
    user_id: /user
    events: { "*": page_viewed }
`;

/** What the requests of each protocol have besides their events, and names that vendors' SDKs use. */
const segmentMembers = (
  'writeKey batch sentAt timestamp originalTimestamp context integrations ' +
  'type messageId userId anonymousId traits properties event channel'
).split(' ');
const posthogMembers = (
  'api_key token batch sent_at created_at historical_migration context ' +
  'event distinct_id uuid timestamp offset properties $set $set_once'
).split(' ');
const batchMembers = ['events', 'context', 'sent_at', 'validate_only', 'historical'];
const eventMembers = EventSchema.fields.flatMap(({ name, jsonName }) => [name, jsonName]);
const cloudEventMembers = (
  'specversion id source type subject ' +
  'time data data_base64 datacontenttype dataschema traceparent'
).split(' ');

const rows: readonly Row[] = [
  [
    'REST validate',
    '/v1/validate',
    () => text({ events: [order(), order()] }),
    { members: batchMembers },
  ],
  ...segmentTypes.map((type): Row => [
    `Segment ${type}`,
    `/v1/segment/${type}`,
    () => text(segmentCall(type)),
    { members: segmentMembers },
  ]),
  [
    'Segment batch',
    '/v1/segment/v1/batch',
    () => text({ batch: segmentTypes.map(segmentCall), sentAt: time, context: { a: 1 } }),
    { members: segmentMembers },
  ],
  [
    'RudderStack batch',
    '/v1/segment/v1/batch',
    () => text({ batch: [segmentCall('track')], sentAt: time }),
    { contentType: 'text/plain', members: segmentMembers },
  ],
  [
    'PostHog batch',
    '/batch/',
    () => text({ api_key: shopKey, batch: [posthogEvent(), posthogEvent()], sent_at: time }),
    { members: posthogMembers },
  ],
  [
    'PostHog capture',
    '/capture/',
    () => text({ ...posthogEvent(), api_key: shopKey }),
    { members: posthogMembers },
  ],
  ['PostHog form', '/capture/', () => asForm(posthogEvent()), { contentType: form, isJson: false }],
  [
    'PostHog events',
    '/i/v1/analytics/events',
    () => text({ api_key: shopKey, batch: [posthogEvent()], created_at: time }),
    { members: posthogMembers },
  ],
  ['Mixpanel track', '/track', () => text([mixpanelEvent(), mixpanelEvent()])],
  [
    'Mixpanel form',
    '/track',
    () => asForm([mixpanelEvent()]),
    { contentType: form, isJson: false },
  ],
  [
    'Mixpanel GET',
    '/track?verbose=1&data=',
    () => Buffer.from(text(mixpanelEvent()).toString('base64')),
    { method: 'GET', isJson: false },
  ],
  ['Mixpanel import', '/import?strict=1', () => text([mixpanelEvent(), mixpanelEvent()])],
  [
    'CloudEvents structured',
    '/v1/cloudevents',
    () => text(cloudEvent()),
    { contentType: 'application/cloudevents+json', members: cloudEventMembers },
  ],
  [
    'CloudEvents batch',
    '/v1/cloudevents',
    () => text([cloudEvent(), cloudEvent()]),
    { contentType: 'application/cloudevents-batch+json' },
  ],
  [
    'CloudEvents binary',
    '/v1/cloudevents',
    () => text(properties),
    {
      headers: () => ({
        'ce-specversion': '1.0',
        'ce-id': randomUUID(),
        'ce-source': '/shop',
        'ce-type': 'order.completed',
        'ce-subject': 'u%201',
        'ce-time': time,
      }),
    },
  ],
  ...Object.entries(signed).map(([source, headers]): Row => [
    `webhook ${source}`,
    `/v1/webhooks/${source}`,
    webhookBody,
    { headers },
  ]),
  ['OpenAPI', '/openapi.json', () => Buffer.alloc(0), { method: 'GET', isJson: false }],
  [
    'admin sign-in',
    '/console/session',
    () => text({ token: 'hunter2' }),
    {
      port: 'admin',
      members: ['token', 'code'],
      headers: () => ({ 'sec-fetch-site': 'same-origin' }),
    },
  ],
  ...['/metrics', '/healthz', '/readyz', '/', '/assets/index.js'].map((path): Row => [
    `admin ${path}`,
    path,
    () => Buffer.alloc(0),
    { method: 'GET', isJson: false, port: 'admin' },
  ]),
];

const adminServices = [
  AuditService,
  CatalogService,
  DeadLetterService,
  DestinationService,
  DoctorService,
  EventLogService,
  EventService,
  KeyService,
  OperatorService,
  RejectedService,
  SchemaRegistryService,
  SignalService,
  TailService,
];

function membersOf({ family, rpc }: WireEndpoint): readonly string[] {
  if (family === 'rest') return rpc === 'Track' ? eventMembers : batchMembers;
  const request = rpc === 'Track' ? TrackRequestSchema : BatchTrackRequestSchema;
  return request.fields.map(({ jsonName }) => jsonName);
}

/** Every endpoint of both ports. */
export const targets: readonly Target[] = [
  ...wireEndpoints.map((endpoint): Target => ({
    name: endpoint.name,
    port: 'public',
    version: endpoint.version,
    method: 'POST',
    path: endpoint.path,
    contentType: endpoint.contentType,
    isJson: /json/.test(endpoint.contentType) && !/ndjson/.test(endpoint.contentType),
    members: membersOf(endpoint),
    sample: () => endpoint.encode(endpoint.rpc === 'Track' ? [order()] : [order(), order()]),
    frame: (message) => endpoint.frame(message),
  })),
  ...rows.flatMap(onBothVersions),
  ...[Health, ServerReflection, RelayService].flatMap(({ methods }) =>
    methods.flatMap((method) => rpcTargets('public', method)),
  ),
  ...adminServices.flatMap(({ methods }) =>
    methods.flatMap((method) => rpcTargets('admin', method)),
  ),
];
