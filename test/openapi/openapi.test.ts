import { createHmac, randomUUID } from 'node:crypto';

import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { errorCodes, errorEntry } from '../../src/errors.ts';
import { vendorRoutes } from '../../src/gate/route-request.ts';
import { segmentAliases } from '../../src/gate/vendors/segment-endpoint.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { vendorSchemas } from '../vendors/schemas.ts';
import { createChecker, type Document, type RealAnswer } from './described-answers.ts';

const key = 'hg_described_0123456789';
/** A key that may not send any event of these tests. */
const narrowKey = 'hg_narrow_0123456789';
const requestBytesMax = 600_000;

const secret = 'the-secret-of-the-hub';

/** How a test sends an order to an operation. `change` overrides fields of the order. */
interface Asking {
  readonly contentType: string;
  readonly body: (events: readonly Order[]) => unknown;
  /** Accepts a single event only. */
  readonly single?: true;
}

interface Order {
  readonly user: string;
}

const json = 'application/json';
const validOrder: Order = { user: 'u1' };
const broken: Order = { user: 'null' };
const properties = { order_id: 'A', total: 1, currency: 'EUR' };

const own = ({ user }: Order) => ({
  event_name: 'order_completed',
  user_id: user,
  idempotency_key: randomUUID(),
  properties,
});
const segment = ({ user }: Order) => ({
  type: 'track',
  event: 'Order Completed',
  userId: user,
  messageId: randomUUID(),
  properties,
});
const posthog = ({ user }: Order) => ({
  event: 'Order Completed',
  distinct_id: user,
  uuid: randomUUID(),
  properties,
});
const mixpanel = ({ user }: Order) => ({
  event: 'Order Completed',
  properties: { ...properties, distinct_id: user, $insert_id: randomUUID() },
});
const mixpanelPerson = ({ user }: Order) => ({ $distinct_id: user, $set: { plan: 'team' } });
const mixpanelGroup = ({ user }: Order) => ({
  $group_key: 'company',
  $group_id: user,
  ...(user !== 'null' && { $set: { seats: 3 } }),
});
const cloudEvent = ({ user }: Order) => ({
  specversion: '1.0',
  type: 'com.example.order.completed',
  source: '/s',
  id: randomUUID(),
  subject: user,
  data: properties,
});

const segmentSingle = (name: string): [string, Asking] => [
  `segment_${name}`,
  { contentType: json, single: true, body: ([first]) => segment(first!) },
];

const asking: Readonly<Record<string, Asking>> = {
  track: { contentType: json, single: true, body: ([first]) => own(first!) },
  batch: { contentType: json, body: (events) => ({ events: events.map(own) }) },
  validate: { contentType: json, body: (events) => ({ events: events.map(own) }) },
  ...Object.fromEntries(
    ['track', 'identify', 'page', 'screen', 'group', 'alias'].map(segmentSingle),
  ),
  segment_batch: { contentType: json, body: (events) => ({ batch: events.map(segment) }) },
  posthog_batch: { contentType: json, body: (events) => ({ batch: events.map(posthog) }) },
  posthog_capture: { contentType: json, single: true, body: ([first]) => posthog(first!) },
  posthog_events: { contentType: json, body: (events) => ({ batch: events.map(posthog) }) },
  mixpanel_track: { contentType: json, body: (events) => events.map(mixpanel) },
  mixpanel_engage: { contentType: json, body: (events) => events.map(mixpanelPerson) },
  mixpanel_groups: { contentType: json, body: (events) => events.map(mixpanelGroup) },
  mixpanel_import: { contentType: json, body: (events) => events.map(mixpanel) },
  cloudevents: {
    contentType: 'application/cloudevents-batch+json',
    body: (events) => events.map(cloudEvent),
  },
};

/** Statuses that no request here can cause, and the tests that cover them. */
const elsewhere: Readonly<Record<string, string>> = {
  408: 'test/endpoints/slow-callers.test.ts',
  429: 'test/limits',
  500: 'stands for what nobody thought of',
};

describe('/openapi.json', () => {
  let gate: OpenGate;
  let document: Document;
  let outage: Map<string, RealAnswer>;
  const schemas = vendorSchemas();

  beforeAll(async () => {
    gate = await openGate({
      env: {
        HEADGATE_AUTH: 'keys',
        HEADGATE_SCHEMAS_DIR: schemas.folder,
        HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(requestBytesMax),
        HEADGATE_NATS_PUBLISH_TIMEOUT: '3s',
      },
      yaml: `keys:
  - { source: shop, hash: "${hashWriteKey(key)}" }
  - { source: narrow, hash: "${hashWriteKey(narrowKey)}", events: ["cart_*"] }
webhooks:
  hub: { provider: github, secret: ${secret}, user_id: /user, events: { push: order_completed } }
`,
    });
    const served = await fetch(`${gate.url}/openapi.json`);
    document = (await served.json()) as Document;
    outage = await answersOfOutage();
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    schemas[Symbol.dispose]();
  });

  test('is OpenAPI 3.1, and states the current limits', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(document as never);
    expect([errors, valid, validator.version]).toEqual([undefined, true, '3.1']);
    expect(JSON.stringify(document)).toContain(`at most ${requestBytesMax} bytes`);
    const served = await ask('GET', '/openapi.json', {});
    expect(createChecker(document)(operationOf(document, 'openapi')[1], served)).toEqual([]);
    const head = await fetch(`${gate.url}/openapi.json`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('has exactly the endpoints that accept JSON', () => {
    const ownPaths = [
      '/v1/track',
      '/v1/batch',
      '/v1/validate',
      '/v1/webhooks/{source}',
      '/openapi.json',
    ];
    const aliases = ['/batch', '/capture', ...segmentAliases.map(([path]) => path)];
    const doors = [...vendorRoutes.keys()].filter((path) => !aliases.includes(path));
    expect(Object.keys(document.paths).toSorted()).toEqual([...ownPaths, ...doors].toSorted());
    for (const [path, { methods }] of vendorRoutes) {
      if (aliases.includes(path)) continue;
      const described = Object.keys(document.paths[path]!).map((method) => method.toUpperCase());
      expect(described.toSorted()).toEqual([...methods].toSorted());
    }
  });

  test('describes every verdict', () => {
    const text = JSON.stringify(document);
    const verdicts = errorCodes.filter((code) => errorEntry(code).scope === 'event');
    expect(verdicts.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  async function ask(
    method: string,
    path: string,
    init: Omit<RequestInit, 'method'>,
  ): Promise<RealAnswer> {
    const answer = await fetch(`${gate.url}${path}`, { method, ...init });
    const contentType = answer.headers.get('content-type') ?? '';
    const text = await answer.text();
    const body: unknown = contentType.endsWith('json') ? JSON.parse(text) : text;
    return { status: answer.status, contentType, headers: answer.headers, body };
  }

  /** The answer of each operation while the log is unavailable. */
  async function answersOfOutage(): Promise<Map<string, RealAnswer>> {
    const thaw = await gate.freezeServer();
    try {
      const answers = Object.entries(asking).map(async ([id, { contentType, body }]) => {
        const headers = { 'content-type': contentType, authorization: `Bearer ${key}` };
        const [path] = operationOf(document, id);
        return [
          id,
          await ask('POST', path, { headers, body: JSON.stringify(body([validOrder])) }),
        ] as const;
      });
      const hook = ask('POST', '/v1/webhooks/hub', webhook({ user: 'u1' }));
      return new Map([...(await Promise.all(answers)), ['webhook', await hook] as const]);
    } finally {
      thaw();
    }
  }

  test('describes the answers of: webhook', async () => {
    const [, operation] = operationOf(document, 'webhook');
    const sent = { ...properties, user: 'u1' };
    const path = '/v1/webhooks/hub';
    const answers = [
      outage.get('webhook')!,
      await ask('POST', path, webhook({ ...properties, user: 'u1' })),
      await ask('POST', path, webhook({ user: 'u1' })),
      await ask('POST', path, webhook(sent, { 'x-github-event': 'star' })),
      await ask('POST', path, webhook(sent, { 'x-hub-signature-256': 'sha256=00' })),
      await ask('POST', path, webhook(sent, { 'x-github-delivery': '' })),
      await ask('POST', path, webhook(sent, { 'content-type': 'text/plain' })),
      await ask('POST', path, webhook({ pad: 'x'.repeat(requestBytesMax) })),
      await ask('PUT', path, webhook(sent)),
      await ask('POST', '/v1/webhooks/nobody', webhook(sent)),
    ];
    const check = createChecker(document);
    expect(answers.flatMap((answer) => check(operation, answer))).toEqual([]);
    expect(answers[3]!.body).toMatchObject({ status: 'unmapped' });
    const seen = new Set(answers.map(({ status }) => String(status)));
    const unseen = Object.keys(operation.responses).filter((status) => !seen.has(status));
    expect(unseen.filter((status) => !(status in elsewhere))).toEqual([]);
  });

  async function answersOf(path: string, asked: Asking): Promise<RealAnswer[]> {
    const { contentType, single } = asked;
    const headers = { 'content-type': contentType, authorization: `Bearer ${key}` };
    const send = (body: unknown, more: Record<string, string> = {}, method = 'POST') =>
      ask(method, path, {
        headers: { ...headers, ...more },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    const stored = JSON.stringify(asked.body([validOrder]));
    const many = Array.from({ length: 1001 }, () => validOrder);
    const answers = [
      await send(stored),
      await send(stored),
      await send(asked.body([broken])),
      await send(asked.body([validOrder]), { authorization: `Bearer ${narrowKey}` }),
      await send('{'),
      await send(stored, { authorization: 'Bearer hg_nobody' }),
      await send(stored, {}, 'PUT'),
      await send(' '.repeat(requestBytesMax + 1)),
      await send(stored, { 'content-type': 'image/png' }),
      await send(stored, { 'content-encoding': 'lzma' }),
    ];
    if (single !== true) {
      answers.push(
        await send(asked.body([validOrder, broken])),
        await send(asked.body(many)),
        await send(asked.body([])),
      );
    }
    return answers;
  }

  test.for(Object.keys(asking))('describes the answers of: %s', async (id) => {
    const [path, operation] = operationOf(document, id);
    const check = createChecker(document);
    const answers = await answersOf(path, asking[id]!);
    answers.push(outage.get(id)!, ...(await moreAnswers(id, ask)));
    expect(answers.flatMap((answer) => check(operation, answer))).toEqual([]);
    const seen = new Set(answers.map(({ status }) => String(status)));
    const unseen = Object.keys(operation.responses).filter((status) => !seen.has(status));
    expect(unseen.filter((status) => !(status in elsewhere) && !isOthers(id, status))).toEqual([]);
  });
});

/** Only a busy or stopping gate answers so: with a refusal, or with a result for each event. */
function isOthers(id: string, status: string): boolean {
  return status === '503' && (id === 'validate' || id === 'posthog_events');
}

/** A webhook as GitHub signs it. */
function webhook(body: object, headers: Record<string, string> = {}): Omit<RequestInit, 'method'> {
  const text = JSON.stringify(body);
  return {
    body: text,
    headers: {
      'content-type': json,
      'x-github-event': 'push',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`,
      ...headers,
    },
  };
}

function operationOf(document: Document, id: string) {
  for (const [path, methods] of Object.entries(document.paths)) {
    const operation = Object.values(methods).find(({ operationId }) => operationId === id);
    if (operation !== undefined) return [path, operation] as const;
  }
  throw new Error(`no operation ${id}`);
}

type Ask = (method: string, path: string, init: Omit<RequestInit, 'method'>) => Promise<RealAnswer>;

/** The answers of an operation to other forms of its request. */
async function moreAnswers(id: string, ask: Ask): Promise<RealAnswer[]> {
  const authorization = `Bearer ${key}`;
  if (id === 'cloudevents') {
    const headers = { 'content-type': 'application/cloudevents+json' };
    const send = (order: Order, key: string) =>
      ask('POST', '/v1/cloudevents', {
        headers: { ...headers, authorization: `Bearer ${key}` },
        body: JSON.stringify(cloudEvent(order)),
      });
    return [
      await send(validOrder, key),
      await send(broken, key),
      await send(validOrder, narrowKey),
    ];
  }
  if (id === 'mixpanel_track') {
    const data = encodeURIComponent(
      Buffer.from(JSON.stringify(mixpanel(validOrder))).toString('base64'),
    );
    const headers = { authorization };
    return [
      await ask('GET', `/track?data=${data}&verbose=0`, { headers }),
      await ask('GET', `/track?data=${data}&verbose=1`, { headers }),
      await ask('GET', `/track`, { headers }),
    ];
  }
  return [];
}
