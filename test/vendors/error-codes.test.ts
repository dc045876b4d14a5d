import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { errorCodes, errorEntry, type ErrorCode } from '../../src/errors.ts';
import { vendorRoutes } from '../../src/gate/route-request.ts';
import { segmentAliases } from '../../src/gate/vendors/segment-endpoint.ts';
import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/*
 * Every code of src/errors.ts that a caller of a vendor endpoint can cause, at each of them. The other
 * codes have the same cause at every endpoint; test/endpoints covers them.
 */

const limits = { batchEventsMax: 3, requestBytesMax: 700_000 };

type Call = Record<string, unknown>;

/** The fields of an order, for any endpoint. Undefined fields are omitted. */
interface Said {
  readonly name?: string | undefined;
  readonly user?: string | undefined;
  readonly id?: string | undefined;
  readonly properties?: unknown;
  readonly more?: Call;
}

interface Form {
  readonly path: string;
  /** Whether a request has one event, so that its verdict is the answer. */
  readonly single: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** The system's name of an order event; CloudEvents uses another type. */
  readonly order: string;
  readonly say: (said: Said) => Call;
  readonly wrap: (calls: readonly unknown[]) => unknown;
  /** Statuses of a request whose only event is rejected. */
  readonly rejectedStatus: (code: ErrorCode) => number;
  readonly codeOf: (body: never) => string;
}

const json = { 'content-type': 'application/json' };
const asEntry = (code: ErrorCode): number => errorEntry(code).http;
const firstResult = (body: { results: { error: { code: string } }[] }): string =>
  body.results[0]!.error.code;
const problemCode = (body: { code: string }): string => body.code;

const segmentCall = ({ name, user, id, properties, more }: Said): Call => ({
  type: 'track',
  event: name,
  userId: user,
  messageId: id,
  properties,
  ...more,
});

const posthogCall = ({ name, user, id, properties, more }: Said): Call => ({
  event: name,
  distinct_id: user,
  uuid: id,
  properties,
  ...more,
});

const cloudEvent = ({ name, user, id, properties, more }: Said): Call => ({
  specversion: '1.0',
  type: name,
  source: '/shop',
  id,
  subject: user,
  data: properties,
  ...more,
});

const mixpanelCall = ({ name, user, id, properties, more }: Said): Call => ({
  event: name,
  properties:
    typeof properties === 'object' && !Array.isArray(properties)
      ? { ...properties, distinct_id: user, $insert_id: id }
      : properties,
  ...more,
});

const forms: readonly Form[] = [
  {
    path: '/v1/segment/track',
    single: true,
    headers: json,
    order: 'Order Completed',
    say: segmentCall,
    wrap: ([first]) => first,
    rejectedStatus: asEntry,
    codeOf: problemCode,
  },
  {
    path: '/v1/segment/batch',
    single: false,
    headers: json,
    order: 'Order Completed',
    say: segmentCall,
    wrap: (batch) => ({ batch }),
    rejectedStatus: () => 200,
    codeOf: firstResult,
  },
  {
    path: '/batch/',
    single: false,
    headers: json,
    order: 'Order Completed',
    say: posthogCall,
    wrap: (batch) => ({ batch }),
    rejectedStatus: () => 200,
    codeOf: firstResult,
  },
  {
    path: '/capture/',
    single: true,
    headers: json,
    order: 'Order Completed',
    say: posthogCall,
    wrap: ([first]) => first,
    rejectedStatus: () => 200,
    codeOf: firstResult,
  },
  {
    path: '/i/v1/analytics/events',
    single: false,
    headers: json,
    order: 'Order Completed',
    say: posthogCall,
    wrap: (batch) => ({ batch }),
    rejectedStatus: () => 200,
    codeOf: (body: { results: Record<string, { details: string }> }) =>
      Object.values(body.results)[0]!.details.split(':', 1)[0]!,
  },
  {
    path: '/import',
    single: false,
    headers: json,
    order: 'Order Completed',
    say: mixpanelCall,
    wrap: (batch) => batch,
    rejectedStatus: () => 400,
    codeOf: (body: { failed_records: { code: string }[] }) => body.failed_records[0]!.code,
  },
  {
    path: '/v1/cloudevents',
    single: true,
    headers: { 'content-type': 'application/cloudevents+json' },
    order: 'com.example.order.completed',
    say: cloudEvent,
    wrap: ([first]) => first,
    rejectedStatus: asEntry,
    codeOf: problemCode,
  },
  {
    path: '/v1/cloudevents',
    single: false,
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    order: 'com.example.order.completed',
    say: cloudEvent,
    wrap: (batch) => batch,
    rejectedStatus: () => 422,
    codeOf: firstResult,
  },
];

const validOrder = (form: Form): Said => ({
  name: form.order,
  user: 'u1',
  id: randomUUID(),
  properties: { order_id: 'A1', total: 1, currency: 'EUR' },
});

interface EventCase {
  readonly code: ErrorCode;
  readonly change: Said;
  /** The path of the only endpoints at which this is an error. */
  readonly only?: string;
}

const eventCases: readonly EventCase[] = [
  { code: 'missing_identity', change: { user: undefined } },
  { code: 'missing_identity', change: { user: 'undefined' } },
  { code: 'invalid_event_name', change: { name: 'Signed' } },
  { code: 'unplanned_event', change: { name: 'cart_completed' } },
  // At the other endpoints an event without an id gets a key: missing-ids.test.ts.
  { code: 'invalid_field', change: { id: undefined }, only: '/v1/cloudevents' },
  { code: 'schema_violation', change: { properties: { order_id: 'A1' } } },
  { code: 'invalid_field', change: { properties: [1] } },
];

describe('error codes at the vendor endpoints', () => {
  let vendorGate: VendorGate;

  beforeAll(async () => {
    vendorGate = await openVendorGate({
      HEADGATE_LIMITS_BATCH_EVENTS_MAX: String(limits.batchEventsMax),
      HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(limits.requestBytesMax),
    });
  });

  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  interface Asked {
    readonly body: unknown;
    readonly headers?: Readonly<Record<string, string>>;
    readonly method?: string;
    readonly key?: string;
  }

  async function ask(form: Form, { body, headers = {}, method = 'POST', key = shopKey }: Asked) {
    const sent =
      typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const answer = await fetch(`${vendorGate.gate.url}${form.path}`, {
      method,
      headers: {
        ...form.headers,
        authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}`,
        'x-correlation-id': 'c/vendor',
        ...headers,
      },
      body: sent as never,
    });
    expect(answer.headers.get('x-correlation-id')).toBe('c/vendor');
    return {
      status: answer.status,
      body: (await answer.json()) as never,
      retryAfter: answer.headers.get('retry-after'),
    };
  }

  test('covers every vendor endpoint', () => {
    const paths = new Set(forms.map(({ path }) => path));
    const same = new Set([
      '/batch',
      '/capture',
      '/track',
      // The same endpoint as /import, whose events have fixed names: mixpanel.test.ts.
      '/engage',
      '/groups',
      ...segmentAliases.map(([path]) => path),
      ...['identify', 'page', 'screen', 'group', 'alias'].map((name) => `/v1/segment/${name}`),
    ]);
    expect([...vendorRoutes.keys()].filter((path) => !paths.has(path) && !same.has(path))).toEqual(
      [],
    );
  });

  describe.for(forms)('$path, one event: $single', (form) => {
    test.for(eventCases)(
      'an event: $code',
      async ({ code, change, only = form.path }, { skip }) => {
        if (only !== form.path) return skip('cannot be said at this door');
        const before = (await vendorGate.rejected()).length;
        const said = { ...validOrder(form), ...change };
        const name =
          change.name !== undefined && form.path === '/v1/cloudevents'
            ? `x.y.${change.name}`
            : said.name;
        const answer = await ask(form, { body: form.wrap([form.say({ ...said, name })]) });
        expect(form.codeOf(answer.body)).toBe(code);
        expect(answer.status).toBe(form.rejectedStatus(code));
        expect(answer.retryAfter).toBeNull();
        const kept = (await vendorGate.rejected()).slice(before);
        expect(kept.map((rejected) => rejected.code)).toEqual([code]);
        return undefined;
      },
    );

    test('an event nested too deep is rejected alone, and kept up to the limit', async () => {
      const before = (await vendorGate.rejected()).length;
      const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
      const text = JSON.stringify(
        form.wrap([form.say({ ...validOrder(form), more: { deep: 'DEEP' } })]),
      );
      const answer = await ask(form, { body: text.replace('"DEEP"', deep) });
      // A single call may have at most Segment's 32 KiB.
      const isTooLarge = form.path === '/v1/segment/track';
      const code = isTooLarge ? 'request_too_large' : 'invalid_field';
      expect(JSON.stringify(answer.body)).toContain(code);
      expect(answer.status).toBe(isTooLarge ? 413 : form.rejectedStatus('invalid_field'));
      expect(await vendorGate.rejected()).toHaveLength(before + (isTooLarge ? 0 : 1));
    });

    const order = () => form.wrap([form.say(validOrder(form))]);
    const requestCases: readonly (readonly [ErrorCode, () => Asked | undefined])[] = [
      ['unauthenticated', () => ({ body: order(), key: 'hg_nobody' })],
      ['malformed_request', () => ({ body: JSON.stringify(order()).slice(0, -2) })],
      ['malformed_request', () => ({ body: '7' })],
      ['malformed_request', () => ({ body: Buffer.from(`{"a":"\u00e9"}`, 'latin1') })],
      ['empty_batch', () => (form.single ? undefined : { body: form.wrap([]) })],
      [
        'too_many_events',
        () => {
          const many = Array.from({ length: limits.batchEventsMax + 1 }, () =>
            form.say(validOrder(form)),
          );
          return form.single ? undefined : { body: form.wrap(many) };
        },
      ],
      ['request_too_large', () => ({ body: ' '.repeat(limits.requestBytesMax + 1) })],
      [
        'request_too_large',
        () => ({
          body: gzipSync(Buffer.alloc(limits.requestBytesMax + 1, 32)),
          headers: { 'content-encoding': 'gzip' },
        }),
      ],
      [
        'unsupported_media_type',
        () => ({ body: order(), headers: { 'content-type': 'image/png' } }),
      ],
      ['unsupported_encoding', () => ({ body: order(), headers: { 'content-encoding': 'lzma' } })],
      ['method_not_allowed', () => ({ body: order(), method: 'PUT' })],
    ];

    test.for(requestCases)('a request: %s', async ([code, made], { skip }) => {
      const asked = made();
      if (asked === undefined) return skip('cannot be said at this door');
      const answer = await ask(form, asked);
      expect(answer.status).toBe(errorEntry(code).http);
      expect(JSON.stringify(answer.body)).toContain(code);
      return undefined;
    });
  });

  test('uses only codes of the error table', () => {
    for (const { code } of eventCases) expect(errorCodes).toContain(code);
  });

  test('accepts a key in the body, and does not store it', async () => {
    const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    const { url } = vendorGate.gate;
    const segment = segmentCall({ ...validOrder(forms[0]!), more: { writeKey: shopKey } });
    const bodies: readonly (readonly [path: string, body: unknown])[] = [
      ['/v1/segment/track', segment],
      ['/v1/segment/batch', { writeKey: shopKey, batch: [segment] }],
      ['/batch/', { api_key: shopKey, batch: [posthogCall(validOrder(forms[2]!))] }],
      [
        '/capture/',
        { api_key: shopKey, ...posthogCall({ ...validOrder(forms[2]!), properties: {} }) },
      ],
      ['/import', [mixpanelCall({ ...validOrder(forms[5]!), properties: { token: shopKey } })]],
    ];
    const statuses: (readonly [string, number, number])[] = [];
    for (const [path, body] of bodies) {
      const answer = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify(body),
      });
      const without = JSON.stringify(body).replaceAll(shopKey, '');
      const refused = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: json,
        body: without,
      });
      statuses.push([path, answer.status, refused.status]);
    }
    expect(statuses).toEqual(bodies.map(([path]) => [path, path === '/import' ? 400 : 200, 401]));
    const stored = (await vendorGate.stored()).slice(before[0]);
    const rejected = (await vendorGate.rejected()).slice(before[1]);
    // The second Segment event has the id of the first.
    expect([stored.length, rejected.length]).toEqual([2, 2]);
    expect(JSON.stringify([stored, rejected])).not.toContain(shopKey);
  });

  test("Segment's own limits, exceeded by one byte", async () => {
    const track = forms[0]!;
    const batch = forms[1]!;
    const padded = (bytes: number, wrap: (call: Call) => unknown, make = validOrder(track)) => {
      const bare = JSON.stringify(wrap(segmentCall({ ...make, more: { pad: '' } })));
      return wrap(segmentCall({ ...make, more: { pad: 'x'.repeat(bytes - bare.length) } }));
    };
    const whole = await ask(track, { body: padded(32 * 1024, (call) => call) });
    expect(whole.status).toBe(200);
    const larger = await ask(track, { body: padded(32 * 1024 + 1, (call) => call) });
    expect([larger.status, (larger.body as { code: string }).code]).toEqual([
      413,
      'request_too_large',
    ]);
    const event = padded(32 * 1024 + 1, (call) => call) as Call;
    const mixed = await ask(batch, { body: { batch: [event, segmentCall(validOrder(batch))] } });
    expect(mixed.body).toMatchObject({ success: false, accepted: 1, rejected: 1 });
    expect(batch.codeOf(mixed.body)).toBe('event_too_large');
    const request = JSON.stringify({ batch: [segmentCall(validOrder(batch))] });
    const full = await ask(batch, { body: request.padEnd(500 * 1024) });
    expect(full.status).toBe(200);
    const over = await ask(batch, { body: request.padEnd(500 * 1024 + 1) });
    expect((over.body as { code: string }).code).toBe('request_too_large');
  });

  test('refuses other methods, and lists the allowed ones', async () => {
    const allowed = async (path: string) =>
      (await fetch(`${vendorGate.gate.url}${path}`, { method: 'DELETE' })).headers.get('allow');
    expect([await allowed('/track'), await allowed('/batch/')]).toEqual(['POST, GET', 'POST']);
  });

  test('an unknown type of Segment call', async () => {
    const call = segmentCall({ ...validOrder(forms[1]!), more: { type: 'merge' } });
    const answer = await ask(forms[1]!, { body: { batch: [call] } });
    expect(forms[1]!.codeOf(answer.body)).toBe('invalid_field');
  });

  test('refuses events with two tokens in one request', async () => {
    const event = (token: string) =>
      mixpanelCall({ ...validOrder(forms[5]!), properties: { token } });
    const answer = await ask(forms[5]!, { body: [event('a'), event('b')] });
    expect(answer.body).toMatchObject({
      code: 400,
      error: expect.stringContaining('malformed_request'),
    });
  });
});
