import { createHmac, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { order } from '../endpoints/sample-events.ts';
import { vendorSchemas } from '../vendors/schemas.ts';

/*
 * The limits of a source at the vendors' endpoints, CloudEvents and webhooks. Their clients know one
 * answer for a request: it is taken whole, or refused with 429.
 */

const burst = 4;
const secret = 'a-secret-of-a-webhook';

interface Vendor {
  readonly name: string;
  readonly path: string;
  readonly type?: string;
  /** The body of a request with so many events. */
  readonly body: (events: number, key: string) => unknown;
  readonly status: number;
  /** What stands in the answer to a refused request. */
  readonly says: object;
}

const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
const segment = () => ({
  type: 'track',
  event: 'Page Viewed',
  userId: 'u1',
  messageId: randomUUID(),
});
const posthog = () => ({ event: '$pageview', distinct_id: 'u1', uuid: randomUUID() });
const cloudEvent = () => ({
  specversion: '1.0',
  id: randomUUID(),
  source: '/s',
  type: 'page.viewed',
  userid: 'u1',
});
const problem = { status: 429, code: 'limit_reached', retryable: true };

const vendors: readonly Vendor[] = [
  {
    name: 'Segment batch',
    path: '/v1/segment/batch',
    body: (count, writeKey) => ({ writeKey, batch: many(count, segment) }),
    status: 200,
    says: problem,
  },
  {
    name: 'PostHog batch',
    path: '/batch/',
    body: (count, key) => ({ api_key: key, batch: many(count, posthog) }),
    status: 200,
    says: problem,
  },
  {
    name: 'CloudEvents batch',
    path: '/v1/cloudevents',
    type: 'application/cloudevents-batch+json',
    body: (count) => many(count, cloudEvent),
    status: 202,
    says: problem,
  },
];

const sources = [
  ...vendors.map((_each, index) => `vendor-${index}`),
  'single',
  'v1',
  'mixpanel',
  'fresh',
];
const keyOf = (source: string): string => `hg_${source}_0123456789`;
const limits = `limits: { events_per_second: 1, burst: ${burst} }`;
const yaml = `keys:
${sources.map((source) => `  - { source: ${source}, hash: "${hashWriteKey(keyOf(source))}", ${limits} }`).join('\n')}
webhooks:
  hub: { provider: github, secret: ${secret}, user_id: /sender/id, events: { push: page_viewed }, limits: { events_per_second: 1, burst: 1 } }
`;

describe('vendors', () => {
  const schemas = vendorSchemas();
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({
      env: { HEADGATE_AUTH: 'keys', HEADGATE_SCHEMAS_DIR: schemas.folder },
      yaml,
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    schemas[Symbol.dispose]();
  });

  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${gate.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const said = JSON.parse(await answer.text()) as Record<string, unknown>;
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), said };
  };

  test.concurrent.for(vendors.map((vendor, index) => ({ ...vendor, source: `vendor-${index}` })))(
    '$name: all of a request, or 429',
    async ({ path, type, body, status, says, source }, { expect }) => {
      const key = keyOf(source);
      const send = (count: number) =>
        post(path, body(count, key), {
          authorization: `Bearer ${key}`,
          ...(type !== undefined && { 'content-type': type }),
        });
      expect((await send(burst)).status).toBe(status);
      const refused = await send(burst - 1);
      expect(refused).toMatchObject({ status: 429, said: says });
      expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(1);
      expect(Number(refused.retryAfter)).toBeLessThanOrEqual(burst - 1);
      await new Promise((resolve) => setTimeout(resolve, Number(refused.retryAfter) * 1000));
      expect((await send(burst - 1)).status).toBe(status);
    },
  );

  test('a batch larger than the burst is taken once nothing else was sent for long enough', async () => {
    const body = { batch: many(burst + 3, segment) };
    const headers = { authorization: `Bearer ${keyOf('single')}` };
    expect((await post('/v1/segment/batch', body, headers)).status).toBe(200);
    const next = await post('/v1/segment/track', segment(), headers);
    expect(next).toMatchObject({ status: 429, said: { ...problem, message: next.said['detail'] } });
    expect(Number(next.retryAfter)).toBe(4);
  });

  test('PostHog’s newer endpoint has a result for each event', async () => {
    const headers = { authorization: `Bearer ${keyOf('v1')}` };
    const events = many(burst + 1, posthog);
    const answer = await post('/i/v1/analytics/events', { batch: events }, headers);
    expect(answer).toMatchObject({ status: 200, retryAfter: '1' });
    const results = answer.said['results'] as Record<string, { result: string }>;
    expect(events.map(({ uuid }) => results[uuid]!.result)).toEqual([
      // The sample schema of the page has a property that these do not have.
      ...many(burst, () => 'warning'),
      'retry',
    ]);
  });

  test('Mixpanel: the gate waits for SDKs that send nothing again, for a moment', async () => {
    const event = () => ({
      event: 'Page Viewed',
      properties: { token: keyOf('mixpanel'), distinct_id: 'u1', $insert_id: randomUUID() },
    });
    expect((await post('/track?verbose=1', many(burst, event))).status).toBe(200);
    const startedAt = performance.now();
    expect((await post('/track?verbose=1', [event()])).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThan(500);
    const large = many(burst, event);
    const both = await Promise.all([
      post('/track?verbose=1', large),
      post('/track?verbose=1', many(burst, event)),
    ]);
    const statuses = both.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 429]);
    const refused = both.find(({ status }) => status === 429)!;
    expect(refused.said).toMatchObject({ code: 429, status: 0 });
    expect(refused.said['error']).toContain('limit_reached: The source "mixpanel"');
    expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(1);
  });

  test('a webhook', async () => {
    const send = () => {
      const body = { sender: { id: 7 }, at: randomUUID() };
      const text = JSON.stringify(body);
      return post('/v1/webhooks/hub', body, {
        'x-github-event': 'push',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`,
      });
    };
    const answers = await Promise.all(many(4, send));
    expect(answers.map(({ status }) => status)).toContain(202);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(refused[0]).toMatchObject({ retryAfter: '1', said: problem });
  });

  test('what is refused is not in quarantine, and not in the log', async () => {
    const headers = { authorization: `Bearer ${keyOf('fresh')}` };
    // Leaves a debt of some seconds.
    await post('/v1/segment/batch', { batch: many(burst * 4, segment) }, headers);
    const before = [await gate.last('EVENTS'), await gate.last('REJECTED')];
    const answers = [
      await post('/v1/track', order({ user_id: '' }), headers),
      await post('/v1/track', order(), headers),
    ];
    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
    expect([await gate.last('EVENTS'), await gate.last('REJECTED')]).toEqual(before);
  });
});
