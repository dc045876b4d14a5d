import { createHmac, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Webhook } from 'standardwebhooks';

import { idempotencyKeyOf } from '../../src/event/event-id.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { asAdmin } from '../admin-token.ts';

/*
 * POST /v1/webhooks/<source> with each way of signing, while every other endpoint requires write keys.
 */

const standardSecret = `whsec_${Buffer.from('a standard secret of 32 bytes ...').toString('base64')}`;
const secrets = {
  stripe: 'whsec_as-it-is-written',
  github: "It's a Secret to Everybody",
  shopify: 'shopify-client-secret',
  hmac: 'any-other-secret',
};
const newSecret = 'the-one-that-comes-next';
const requestBytesMax = 8_192;

const yaml = `
keys:
  - { source: checkout, hash: "sha256:${'0'.repeat(64)}" }
webhooks:
  shop:
    provider: standard
    secret: ${standardSecret}
    user_id: [/data/customer, header:x-customer]
    occurred_at: /timestamp
    properties: /data/order
    events: { order.paid: order_completed, "order.*": page_viewed }
  billing:
    provider: stripe
    secret: [${secrets.stripe}, ${newSecret}]
    user_id: /data/object/customer
    occurred_at: /created
    events:
      invoice.paid: { event: order_completed, properties: { order_id: /data/object/id, total: /data/object/amount, currency: /data/object/currency } }
  hub: { provider: github, secret: "${secrets.github}", user_id: /sender/id, events: { issues.opened: page_viewed, push: page_viewed } }
  store: { provider: shopify, secret: ${secrets.shopify}, user_id: /customer/id, events: { orders/create: page_viewed } }
  other:
    provider: hmac
    secret: ${secrets.hmac}
    signature: { header: X-Sign, algorithm: sha512, encoding: base64, prefix: "v0:" }
    delivery_id: [header:x-id, /id]
    type: header:x-kind
    user_id: /user
    tolerance: 1m
    events: { "*": page_viewed }
`;

const order = { order_id: 'A-1', total: 12.5, currency: 'EUR' };

interface Sent {
  readonly source: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

const hmac = (algorithm: string, key: string | Buffer, text: string) =>
  createHmac(algorithm, key).update(text).digest();
const seconds = (ago = 0): number => Math.floor(Date.now() / 1000) - ago;

/** A good webhook of each source. `ago`: seconds since it was signed. */
const good = {
  shop: (value: object = standardBody(), ago = 0, id = randomUUID()): Sent => {
    const body = JSON.stringify(value);
    const at = new Date(seconds(ago) * 1000);
    const signature = new Webhook(standardSecret).sign(id, at, body);
    return {
      source: 'shop',
      body,
      headers: {
        'webhook-id': id,
        'webhook-timestamp': String(seconds(ago)),
        'webhook-signature': signature,
      },
    };
  },
  billing: (value: object = stripeBody(), ago = 0, secret = secrets.stripe): Sent => {
    const body = JSON.stringify(value);
    const signature = hmac('sha256', secret, `${seconds(ago)}.${body}`).toString('hex');
    return {
      source: 'billing',
      body,
      headers: {
        'stripe-signature': `t=${seconds(ago)},v0=aa,v1=${'0'.repeat(64)},v1=${signature}`,
      },
    };
  },
  hub: (value: object = { action: 'opened', sender: { id: 21031067 } }, event = 'issues'): Sent => {
    const body = JSON.stringify(value);
    return {
      source: 'hub',
      body,
      headers: {
        'x-github-event': event,
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': `sha256=${hmac('sha256', secrets.github, body).toString('hex')}`,
      },
    };
  },
  store: (value: object = { customer: { id: 7 } }): Sent => {
    const body = JSON.stringify(value);
    return {
      source: 'store',
      body,
      headers: {
        'x-shopify-topic': 'orders/create',
        'x-shopify-webhook-id': randomUUID(),
        'x-shopify-hmac-sha256': hmac('sha256', secrets.shopify, body).toString('base64'),
      },
    };
  },
  other: (body = JSON.stringify({ id: randomUUID(), user: 'u-1' })): Sent => ({
    source: 'other',
    body,
    headers: {
      'x-kind': 'anything',
      'x-sign': `v0:${hmac('sha512', secrets.hmac, body).toString('base64')}`,
    },
  }),
};
const signers = Object.entries(good).map(([source, sign]) => ({ source, sign: () => sign() }));

function standardBody(type = 'order.paid') {
  return { type, timestamp: '2026-03-01T12:00:00Z', data: { customer: 'c-7', order } };
}

function stripeBody() {
  const object = { id: 'in_1', customer: 'cus_9', amount: 1299, currency: 'EUR' };
  return {
    id: `evt_${randomUUID()}`,
    type: 'invoice.paid',
    created: 1_700_000_000,
    data: { object },
  };
}

describe('incoming webhooks', () => {
  let gate: OpenGate;

  beforeAll(async () => {
    gate = await openGate({
      yaml,
      env: {
        HEADGATE_AUTH: 'keys',
        HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(requestBytesMax),
      },
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
  });

  const answerTo = ({ source, body, headers }: Sent, more: Record<string, string> = {}) =>
    fetch(`${gate.url}/v1/webhooks/${source}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers, ...more },
    });
  const post = async (sent: Sent, more: Record<string, string> = {}) => {
    const response = await answerTo(sent, more);
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, ...answer } as Record<string, unknown>;
  };
  const newest = async (): Promise<Record<string, unknown>> => {
    const [kept] = await gate.events((await gate.last('EVENTS')) - 1);
    return JSON.parse(kept!.bytes.toString()) as Record<string, unknown>;
  };
  const counted = async (source: string, outcome: string): Promise<number> => {
    const text = await (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();
    const series = `headgate_webhook_requests_total{source="${source}",outcome="${outcome}"} `;
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(series))
        ?.slice(series.length),
    );
  };

  test.for(signers)('$source: stored once, however often it is sent', async ({ source, sign }) => {
    const sent = sign();
    const before = await gate.last('EVENTS');
    const mapped = await counted(source, 'mapped');
    const first = await post(sent);
    expect(first).toMatchObject({ status: 'accepted', sequence: before + 1 });
    expect(await newest()).toMatchObject({ source, eventId: first['event_id'] });
    expect(await post(sent)).toMatchObject({ status: 'duplicate', event_id: first['event_id'] });
    expect(await gate.last('EVENTS')).toBe(before + 1);
    expect(await counted(source, 'mapped')).toBe(mapped + 2);
  });

  test.for(signers)(
    '$source: a changed body, or none to sign, is 401',
    async ({ source, sign }) => {
      const sent = sign();
      const before = await gate.last('EVENTS');
      const refused = await counted(source, 'invalid_signature');
      expect(await post({ ...sent, body: `${sent.body} ` })).toMatchObject({
        status: 401,
        code: 'invalid_signature',
      });
      for (const name of Object.keys(sent.headers).filter((each) => /sign|hmac/.test(each))) {
        const { [name]: _signature, ...others } = sent.headers;
        expect(await post({ ...sent, headers: others })).toMatchObject({
          code: 'invalid_signature',
        });
        for (const junk of ['', 'x', 'sha256=zz', 't=1,v1=zz', 'v1,zz', 'v0:zz']) {
          expect(await post(sent, { [name]: junk })).toMatchObject({ code: 'invalid_signature' });
        }
      }
      expect(await counted(source, 'invalid_signature')).toBeGreaterThan(refused + 5);
      expect(await gate.last('EVENTS')).toBe(before);
    },
  );

  test.for([
    ['shop', good.shop],
    ['billing', good.billing],
  ] as const)('%s: stale after 5 minutes, and from the future', async ([source, sign]) => {
    const stale = await counted(source, 'stale');
    expect(await post(sign(undefined, 290))).toMatchObject({ status: 'accepted' });
    for (const ago of [310, -310]) {
      expect(await post(sign(undefined, ago))).toMatchObject({
        status: 401,
        code: 'stale_webhook',
      });
    }
    expect(await counted(source, 'stale')).toBe(stale + 2);
  });

  test('accepts the example of the GitHub docs', async () => {
    const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    const answer = await post({
      source: 'hub',
      body: 'Hello, World!',
      headers: { 'x-hub-signature-256': signature, 'x-github-event': 'ping' },
    });
    // The signature is valid, the body is not JSON.
    expect(answer).toMatchObject({ status: 400, code: 'malformed_request' });
  });

  test('the event is what the mapping says', async () => {
    await post(good.shop());
    expect(await newest()).toMatchObject({
      eventName: 'order_completed',
      userId: 'c-7',
      occurredAt: '2026-03-01T12:00:00.000Z',
      properties: order,
      context: { webhook: { provider: 'standard', type: 'order.paid' } },
    });
    const bill = stripeBody();
    await post(good.billing(bill));
    expect(await newest()).toMatchObject({
      userId: 'cus_9',
      idempotencyKey: idempotencyKeyOf('stripe', bill.id),
      occurredAt: '2023-11-14T22:13:20.000Z',
      properties: { order_id: 'in_1', total: 1299, currency: 'EUR' },
    });
    const sent = good.hub({ action: 'opened', sender: { id: 1 }, huge: 1 });
    const body = sent.body.replace('"huge":1', '"huge":12345678901234567890');
    const signature = `sha256=${hmac('sha256', secrets.github, body).toString('hex')}`;
    await post({ ...sent, body }, { 'x-hub-signature-256': signature });
    const [kept] = await gate.events((await gate.last('EVENTS')) - 1);
    expect(kept!.bytes.toString()).toContain('"huge":12345678901234567890');
    expect(await newest()).toMatchObject({
      userId: '1',
      idempotencyKey: sent.headers['x-github-delivery'],
      context: {
        webhook: { type: 'issues.opened', delivery_id: sent.headers['x-github-delivery'] },
      },
    });
  });

  test('accepts both secrets during a rotation, and no third', async () => {
    expect(await post(good.billing(stripeBody(), 0, newSecret))).toMatchObject({
      status: 'accepted',
    });
    expect(await post(good.billing(stripeBody(), 0, 'a-third-secret'))).toMatchObject({
      status: 401,
    });
  });

  test('accepts and counts an unmapped type, and does not store it', async () => {
    const before = await gate.last('EVENTS');
    const unmapped = await counted('hub', 'unmapped');
    const response = await fetch(`${gate.url}/v1/webhooks/hub`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...good.hub({ zen: 'x' }, 'ping').headers },
      body: good.hub({ zen: 'x' }, 'ping').body,
    });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ status: 'unmapped', code: 'unmapped_webhook' });
    expect(await post(good.shop(standardBody('order.refunded')))).not.toMatchObject({
      code: 'unmapped_webhook',
    });
    expect(await post(good.shop(standardBody('invoice.paid')))).toMatchObject({
      status: 'unmapped',
    });
    expect(await counted('hub', 'unmapped')).toBe(unmapped + 1);
    expect(await gate.last('EVENTS')).toBe(before + 1);
  });

  test('answers 202 with the verdict if the contract is broken, and keeps an event that can be replayed', async () => {
    const value = { ...standardBody(), data: { customer: 'c-7', order: { ...order, total: -1 } } };
    const sent = good.shop(value);
    const answer = await answerTo(sent);
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({
      status: 'rejected',
      error: { code: 'schema_violation' },
    });
    // Sent again, it is answered in the same way.
    expect((await answerTo(sent)).status).toBe(202);
    const [kept] = await gate.rejected((await gate.last('REJECTED')) - 1);
    expect(JSON.parse(kept!.bytes.toString())).toMatchObject({
      event_name: 'order_completed',
      user_id: 'c-7',
      idempotency_key: sent.headers['webhook-id'],
      properties: { total: -1 },
    });
    const late = good.shop({ ...standardBody(), timestamp: 'yesterday' });
    expect(await post(late)).toMatchObject({
      status: 'rejected',
      error: { code: 'invalid_field' },
    });
    expect(await post(good.hub({ action: 'opened' }))).toMatchObject({
      status: 'rejected',
      error: { code: 'missing_identity' },
    });
  });

  test('an id beyond 2^53 keeps its digits', async () => {
    const { body: template, ...store } = good.store({ id: 1, customer: { id: 2 } });
    for (const id of ['115310627314723954', '9007199254740993', '9007199254740994']) {
      const body = template
        .replace('"id":1', '"id": 820982911946154508')
        .replace('"id":2', `"id": ${id}`);
      const signature = hmac('sha256', secrets.shopify, body).toString('base64');
      const headers = {
        ...store.headers,
        'x-shopify-webhook-id': randomUUID(),
        'x-shopify-hmac-sha256': signature,
      };
      const answer = await answerTo({ ...store, body, headers });
      expect(answer.status).toBe(202);
      expect(await answer.json()).toMatchObject({ status: 'accepted' });
      expect(await newest()).toMatchObject({ userId: id });
      const [kept] = await gate.events((await gate.last('EVENTS')) - 1);
      expect(kept!.bytes.toString()).toContain('820982911946154508');
    }
    const body = '{"id": 820982911946154508, "user": "u"}';
    await post(good.other(body));
    expect(await newest()).toMatchObject({
      context: { webhook: { delivery_id: '820982911946154508' } },
    });
  });

  test('reports what is malformed, too large or in another format', async () => {
    expect(await post(good.other('{'))).toMatchObject({ status: 400, code: 'malformed_request' });
    expect(await post(good.other('[1]'))).toMatchObject({ code: 'malformed_request' });
    expect(await post(good.other('{"user":"u"}'))).toMatchObject({ code: 'malformed_request' });
    const idOf = (length: number) => JSON.stringify({ id: 'x'.repeat(length), user: 'u' });
    expect(await post(good.other(idOf(257)))).toMatchObject({ code: 'malformed_request' });
    expect(await post(good.other(idOf(256)))).toMatchObject({ status: 'accepted' });
    const large = (length: number): string => {
      const body = JSON.stringify({ id: randomUUID(), user: 'u', url: '' });
      return body.replace('""', `"${'x'.repeat(length - body.length)}"`);
    };
    expect(await post(good.other(large(requestBytesMax)))).toMatchObject({ status: 'accepted' });
    expect(await post(good.other(large(requestBytesMax + 1)))).toMatchObject({
      status: 413,
      code: 'request_too_large',
    });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await post(good.hub(), form)).toMatchObject({ code: 'unsupported_media_type' });
    expect(await post(good.other(), { 'content-encoding': 'gzip' })).toMatchObject({
      code: 'unsupported_encoding',
    });
  });

  test('several processes verify too, and count as one', async () => {
    await using several = await openGate({
      yaml,
      env: { HEADGATE_AUTH: 'keys', HEADGATE_PROCESSES: '2' },
    });
    const sent = good.hub();
    const send = () =>
      fetch(`${several.url}/v1/webhooks/hub`, {
        method: 'POST',
        body: sent.body,
        headers: { 'content-type': 'application/json', ...sent.headers },
      });
    for (const status of ['accepted', 'duplicate']) {
      expect(await (await send()).json()).toMatchObject({ status });
    }
    const series = 'headgate_webhook_requests_total{source="hub",outcome="mapped"} 2';
    await expect
      .poll(async () => (await fetch(`${several.real.adminUrl}/metrics`, asAdmin)).text(), {
        timeout: 20_000,
      })
      .toContain(series);
  });

  test('refuses other sources and methods, and other endpoints require keys', async () => {
    expect(await post({ ...good.hub(), source: 'nobody' })).toMatchObject({ status: 404 });
    const get = await fetch(`${gate.url}/v1/webhooks/hub`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const track = await fetch(`${gate.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(track.status).toBe(401);
  });
});
