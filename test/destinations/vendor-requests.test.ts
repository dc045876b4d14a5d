import type { ServerResponse } from 'node:http';

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { createMixpanelDestination } from '../../src/destinations/mixpanel/mixpanel.ts';
import { createPosthogDestination } from '../../src/destinations/posthog/posthog.ts';
import { createRudderstackDestination } from '../../src/destinations/rudderstack/rudderstack.ts';
import { createSegmentDestination } from '../../src/destinations/segment/segment.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { deliveryOfEvent, never } from './deliveries.ts';
import { startHttpServer, type RealHttpServer, type Responder } from './http-server.ts';

const settings = {
  write_key: 'key-0123456789',
  project_key: 'key-0123456789',
  secret: 'key-0123456789',
  time: 'occurred',
  timeout: 1000,
  allow_private_addresses: true,
  concurrency: 4,
};

async function open(
  create: (name: string, settings: DestinationSettings) => Destination,
  more: DestinationSettings = {},
): Promise<{ destination: Destination; server: RealHttpServer; sent: () => Sent[] }> {
  const server = await startHttpServer((_request, response) => void response.end('{"status":1}'));
  const host = `http://127.0.0.1:${server.port}`;
  const destination = create('vendor', { ...settings, host, ...more });
  onTestFinished(async () => {
    await destination.close();
    await server.close();
  });
  const sent = (): Sent[] =>
    server.received.map(({ url, body }) => ({ url, body: JSON.parse(body.toString()) as never }));
  return { destination, server, sent };
}

interface Sent {
  readonly url: string;
  readonly body: Record<string, unknown> & { readonly batch: Record<string, unknown>[] };
}

const timestamp = '2026-03-01T12:00:00.000Z';
const eventTime = '2026-02-27T12:00:00.000Z';
const happened = { timestamp, eventTime, occurredAt: eventTime };

describe('the time that a vendor is told', () => {
  const timeOf: readonly (readonly [
    string,
    (name: string, settings: DestinationSettings) => Destination,
    (sent: Sent) => unknown,
  ])[] = [
    ['segment', createSegmentDestination, ({ body }) => body.batch[0]!['timestamp']],
    ['rudderstack', createRudderstackDestination, ({ body }) => body.batch[0]!['timestamp']],
    ['posthog', createPosthogDestination, ({ body }) => body.batch[0]!['timestamp']],
    [
      'mixpanel',
      createMixpanelDestination,
      ({ body }) => {
        const [event] = body as unknown as { properties: { time: number } }[];
        return new Date(event!.properties.time).toISOString();
      },
    ],
  ];

  test.each(timeOf)(
    '%s: when it happened, or when it was received',
    async (_name, create, read) => {
      for (const [time, expected] of [
        ['occurred', eventTime],
        ['received', timestamp],
      ] as const) {
        const { destination, sent } = await open(create, { time });
        await destination.deliver([deliveryOfEvent(happened)], never);
        expect(sent().map(read)).toEqual([expected]);
      }
    },
  );

  test.each(timeOf)('%s: the same on every attempt', async (_name, create, read) => {
    const { destination, sent, server } = await open(create);
    const take = server.respond;
    const delivery = deliveryOfEvent({ timestamp, occurredAt: eventTime, sentAt: timestamp });
    server.respond = (_request, response) => void response.writeHead(503).end();
    await destination.deliver([delivery], never);
    server.respond = take;
    await destination.deliver([{ ...delivery, attempt: 2 }], never);
    expect(sent().map(read)).toEqual([eventTime, eventTime]);
  });
});

test('RudderStack gets the times of the producer beside it', async () => {
  const { destination, sent } = await open(createRudderstackDestination);
  await destination.deliver([deliveryOfEvent({ ...happened, sentAt: timestamp })], never);
  expect(sent()[0]!.body.batch[0]).toMatchObject({
    timestamp: eventTime,
    originalTimestamp: eventTime,
    sentAt: timestamp,
  });
});

describe("PostHog's way for the past", () => {
  const hourMs = 3_600_000;
  const ago = (ms: number) => ({
    timestamp,
    eventTime: new Date(Date.parse(timestamp) - ms).toISOString(),
  });

  test.each([
    ['48 hours ago', ago(48 * hourMs), false],
    ['a millisecond more', ago(48 * hourMs + 1), true],
    ['an import', { ...ago(0), historical: true }, true],
  ])('%s: %s', async (_what, event, isPast) => {
    const { destination, sent } = await open(createPosthogDestination);
    await destination.deliver([deliveryOfEvent(event)], never);
    expect(sent().map(({ body }) => body['historical_migration'])).toEqual([isPast || undefined]);
  });

  test('has requests of its own', async () => {
    const { destination, sent } = await open(createPosthogDestination);
    const batch = [ago(0), ago(60 * hourMs), ago(0), ago(70 * hourMs)].map(deliveryOfEvent);
    expect(await destination.deliver(batch, never)).toEqual(
      batch.map(() => ({ kind: 'delivered' })),
    );
    const ids = batch.map((delivery) => delivery.event().eventId);
    expect(
      sent().map(({ body }) => [
        body['historical_migration'],
        body.batch.map((event) => ids.indexOf(String(event['uuid']))),
      ]),
    ).toEqual([
      [undefined, [0, 2]],
      [true, [1, 3]],
    ]);
  });

  test('is not taken for an old event that is told as received', async () => {
    const { destination, sent } = await open(createPosthogDestination, { time: 'received' });
    await destination.deliver([deliveryOfEvent(ago(60 * hourMs))], never);
    expect(sent()[0]!.body['historical_migration']).toBeUndefined();
  });
});

describe("Mixpanel's updates", () => {
  const update = (name: string) =>
    deliveryOfEvent({
      vendorCall: { system: 'mixpanel', call: 'identify' },
      properties: { name },
    });
  const updates = (count: number) => Array.from({ length: count }, (_each, at) => update(`n${at}`));

  test.each([
    [50, 1],
    [51, 2],
  ])('%i are %i requests', async (count, requests) => {
    const { destination, sent } = await open(createMixpanelDestination);
    const outcomes = await destination.deliver(updates(count), never);
    expect(outcomes).toHaveLength(count);
    expect(sent().map(({ url }) => url)).toEqual(
      Array.from({ length: requests }, () => '/engage?verbose=1'),
    );
  });

  test('go to their endpoints, and events to theirs', async () => {
    const { destination, sent } = await open(createMixpanelDestination);
    const of = (call: 'group_identify' | 'alias') =>
      deliveryOfEvent({
        vendorCall: { system: 'mixpanel', call },
        properties: { previous_id: 'a' },
      });
    await destination.deliver(
      [update('a'), deliveryOfEvent(), of('group_identify'), of('alias'), update('b')],
      never,
    );
    expect(sent().map(({ url, body }) => [url, (body as unknown as unknown[]).length])).toEqual([
      ['/engage?verbose=1', 2],
      ['/import?strict=1', 1],
      ['/groups?verbose=1', 1],
      ['/track?verbose=1', 1],
    ]);
  });

  test('with a service account they need the token of the project', async () => {
    const account = { service_account: 'gate.0123', project_id: '42' };
    const without = await open(createMixpanelDestination, account);
    await without.destination.deliver([update('a')], never);
    expect(without.sent()[0]!.url).toBe('/import?strict=1&project_id=42');
    const beside = await open(createMixpanelDestination, { ...account, token: 'project-token' });
    await beside.destination.deliver([update('a')], never);
    const [sent] = beside.sent();
    expect(sent!.url).toBe('/engage?verbose=1');
    expect(sent!.body).toMatchObject([{ $token: 'project-token' }]);
  });

  test('an answer of 200 that refuses is a refusal, and the others arrive', async () => {
    const { destination, server } = await open(createMixpanelDestination);
    server.respond = ({ body }, response) => {
      const isBad = body.includes('"n2"');
      response.end(JSON.stringify({ status: isBad ? 0 : 1, error: isBad ? 'data, bad' : null }));
    };
    expect(await destination.deliver(updates(4), never)).toEqual([
      { kind: 'delivered' },
      { kind: 'delivered' },
      { kind: 'dead', status: '200', reason: 'answered 200, but refused: data, bad' },
      { kind: 'delivered' },
    ]);
  });

  test('an answer that names an event by the id of its SDK is about that event', async () => {
    const { destination, server } = await open(createMixpanelDestination);
    const own = deliveryOfEvent({
      vendorCall: { system: 'mixpanel', call: 'track', messageId: 'my-own-id' },
    });
    server.respond = (_request, response) => {
      const failed = { $insert_id: 'my-own-id', field: 'properties.time', message: 'wrong' };
      response.writeHead(400).end(JSON.stringify({ code: 400, failed_records: [failed] }));
    };
    expect(await destination.deliver([deliveryOfEvent(), own], never)).toMatchObject([
      { kind: 'delivered' },
      { kind: 'dead' },
    ]);
  });
});

describe('a 200', () => {
  const raw =
    (text: string): Responder =>
    (_request, response) =>
      void response.socket?.end(`HTTP/1.1 200 OK\r\n${text}`);
  const begun =
    (headers: Record<string, string>, then: (response: ServerResponse) => void): Responder =>
    (_request, response) => {
      response.writeHead(200, headers).write('{"status":1,"quota_');
      then(response);
    };
  const breakOff = (response: ServerResponse): void =>
    void setTimeout(() => response.destroy(), 20);
  const ofLength = { 'content-length': '60' };

  const cut: readonly (readonly [string, Responder, RegExp])[] = [
    ['breaks off before its length', begun(ofLength, breakOff), /connection was lost/],
    ['breaks off before its last chunk', begun({}, breakOff), /connection was lost/],
    [
      'ends before its length',
      raw('connection: close\r\ncontent-length: 60\r\n\r\n{"status":1}'),
      /connection was lost/,
    ],
    [
      'ends before its last chunk',
      raw('connection: close\r\ntransfer-encoding: chunked\r\n\r\nc\r\n{"status":1}\r\n'),
      /connection was lost/,
    ],
    ['is late', begun(ofLength, () => undefined), /no answer within 300 ms/],
    [
      'is too long',
      (_request, response) => void response.end(' '.repeat(1024 * 1024)),
      /the answer is too long/,
    ],
  ];
  const whole: readonly (readonly [string, Responder])[] = [
    ['has a length', raw('content-length: 12\r\n\r\n{"status":1}')],
    ['has chunks', raw('transfer-encoding: chunked\r\n\r\nc\r\n{"status":1}\r\n0\r\n\r\n')],
    ['ends with its connection', raw('connection: close\r\n\r\n{"status":1}')],
    ['is no JSON', raw('content-length: 5\r\n\r\n{"sta')],
    ['is empty', raw('content-length: 0\r\n\r\n')],
  ];
  const update = { vendorCall: { system: 'mixpanel', call: 'identify' } } as const;
  const read = [
    ['posthog', createPosthogDestination, {}],
    ['mixpanel', createMixpanelDestination, {}],
    ["mixpanel's updates", createMixpanelDestination, update],
  ] as const;

  describe.each(read)('of %s', (_name, create, event) => {
    test.each(cut)('whose body %s delivers nothing', async (_what, respond, why) => {
      const { destination, server } = await open(create, { timeout: 300 });
      server.respond = respond;
      const batch = [deliveryOfEvent(event), deliveryOfEvent(event)];
      const outcome = {
        kind: 'retry',
        fault: 'destination',
        status: '200',
        reason: expect.stringMatching(
          new RegExp(`^answered 200, but its body, which may .* is not whole: .*${why.source}`),
        ),
      };
      expect(await destination.deliver(batch, never)).toEqual([outcome, outcome]);
      expect(server.received).toHaveLength(1);
    });

    test.each(whole)('whose body %s delivers', async (_what, respond) => {
      const { destination, server } = await open(create);
      server.respond = respond;
      const outcomes = await destination.deliver([deliveryOfEvent(event)], never);
      expect(outcomes).toEqual([{ kind: 'delivered' }]);
    });
  });

  test.each([
    ['segment', createSegmentDestination],
    ['a webhook', createWebhookDestination],
  ])('of %s delivers however its body ends', async (_name, create) => {
    const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
    for (const [, respond] of cut) {
      const { destination, server } = await open(
        (name, given) => create(name, { ...given, url: String(given['host']), secret }),
        { timeout: 300 },
      );
      server.respond = respond;
      const outcomes = await destination.deliver([deliveryOfEvent()], never);
      expect(outcomes).toEqual([{ kind: 'delivered' }]);
    }
  });
});
