import { afterAll, beforeAll, expect, test } from 'vitest';

import { openGate, type OpenGate } from '../endpoints/open-gate.ts';

/** Of a batch of three events the second is no JSON: the others are stored, and it is kept as sent. */
let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate();
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
});

const id = (index: number): string => `0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a0${index}`;

const native = (index: number) => ({
  event_name: 'page_viewed',
  user_id: 'u',
  idempotency_key: id(index),
  properties: { n: index },
});
const segment = (index: number) => ({
  type: 'track',
  event: 'page_viewed',
  userId: 'u',
  messageId: id(index),
  properties: { n: index },
});
const posthog = (index: number) => ({
  event: 'page_viewed',
  distinct_id: 'u',
  uuid: id(index),
  properties: { n: index },
});
const mixpanel = (index: number) => ({
  event: 'page_viewed',
  properties: { distinct_id: 'u', $insert_id: id(index), n: index },
});
const cloudEvent = (index: number) => ({
  specversion: '1.0',
  type: 'page_viewed',
  source: '/s',
  id: id(index),
  userid: 'u',
  data: { n: index },
});

const list = (events: string[]): string => `[${events.join(',')}]`;
const json = 'application/json';

const endpoints: [
  path: string,
  type: string,
  event: (index: number) => object,
  wrap: (events: string[]) => string,
][] = [
  [
    '/v1/batch',
    json,
    native,
    (events) => `{"events":${list(events)},"sent_at":"2026-03-01T12:00:00Z"}`,
  ],
  ['/v1/batch', 'application/x-ndjson', native, (events) => events.join('\n')],
  ['/headgate.v1.TrackService/BatchTrack', json, native, (events) => `{"events":${list(events)}}`],
  ['/v1/segment/batch', json, segment, (events) => `{"batch":${list(events)},"writeKey":"k"}`],
  ['/batch/', json, posthog, (events) => `{"api_key":"k","batch":${list(events)}}`],
  ['/i/v1/analytics/events', json, posthog, (events) => `{"api_key":"k","batch":${list(events)}}`],
  ['/import?strict=1', json, mixpanel, list],
  ['/v1/cloudevents', 'application/cloudevents-batch+json', cloudEvent, list],
];

const faults: [name: string, damage: (event: string) => string][] = [
  ['Infinity', (event) => event.replace('"n":2', '"n": Infinity')],
  ['a trailing comma', (event) => event.replace(/\}$/, ',}')],
  ['a byte that is no UTF-8', (event) => event.replace('"n":2', '"n":"\u00ff"')],
];

test.each(endpoints.flatMap((endpoint) => faults.map((fault) => [endpoint, fault] as const)))(
  '%s, %s',
  async ([path, type, event, wrap], [, damage]) => {
    const [stored, rejected] = [await gate.last('EVENTS'), await gate.last('REJECTED')];
    const broken = damage(JSON.stringify(event(2)));
    const fresh = (index: number): string =>
      JSON.stringify(event(index)).replace(/0190b5f0-7c4e/, crypto.randomUUID().slice(0, 13));
    const body = wrap([fresh(1), broken, fresh(3)]);
    const answer = await fetch(`${gate.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: Buffer.from(body, 'latin1'),
    });
    const text = await answer.text();
    const events = await gate.events(stored);
    const numbers = events.map(({ bytes }) => JSON.parse(bytes.toString()).properties.n);
    expect(numbers).toEqual([1, 3]);
    const kept = await gate.rejected(rejected);
    expect(kept.map(({ bytes }) => bytes.toString('latin1'))).toEqual([broken]);
    expect(kept[0]!.header('Headgate-Error-Code')).toBe('invalid_field');
    expect(text).toContain('invalid_field');
  },
);
