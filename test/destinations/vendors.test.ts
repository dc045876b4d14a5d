import { describe, expect, onTestFinished, test } from 'vitest';
import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import { createMixpanelDestination } from '../../src/destinations/mixpanel/mixpanel.ts';
import { createPosthogDestination } from '../../src/destinations/posthog/posthog.ts';
import { createRudderstackDestination } from '../../src/destinations/rudderstack/rudderstack.ts';
import { createSegmentDestination } from '../../src/destinations/segment/segment.ts';
import { StartError } from '../../src/errors.ts';
import { deliverAll, deliveryOf, deliveryOfEvent, never, storedEvent } from './deliveries.ts';
import { startHttpFarSide, type HttpFarSide, type StandIn } from './http-far-side.ts';
import { mixpanelSecret, mixpanelStandIn } from './mixpanel-far-side.ts';
import { posthogKey, posthogStandIn } from './posthog-far-side.ts';
import { segmentKey, segmentStandIn } from './segment-far-side.ts';

type Create = (name: string, settings: DestinationSettings) => Destination;

interface VendorCase {
  readonly create: Create;
  readonly standIn: () => StandIn;
  /** As `headgate.yaml` names it, and its value. */
  readonly key: readonly [setting: string, value: string];
}

const vendors: Readonly<Record<string, VendorCase>> = {
  segment: {
    create: createSegmentDestination,
    standIn: segmentStandIn,
    key: ['write_key', segmentKey],
  },
  rudderstack: {
    create: createRudderstackDestination,
    standIn: segmentStandIn,
    key: ['write_key', segmentKey],
  },
  posthog: {
    create: createPosthogDestination,
    standIn: posthogStandIn,
    key: ['project_key', posthogKey],
  },
  mixpanel: {
    create: createMixpanelDestination,
    standIn: mixpanelStandIn,
    key: ['secret', mixpanelSecret],
  },
};

async function open(
  create: Create,
  standIn: StandIn,
  more: DestinationSettings = {},
): Promise<{ farSide: HttpFarSide; destination: Destination }> {
  const farSide = await startHttpFarSide(standIn);
  const destination = create('vendor', { ...farSide.settings, ...more });
  onTestFinished(async () => {
    await destination.close();
    await farSide.close();
  });
  return { farSide, destination };
}

const deliveries = (length: number) => Array.from({ length }, () => deliveryOfEvent());

describe.each(Object.entries(vendors))('%s', (_name, { create, standIn, key: [setting, key] }) => {
  test("a key that is not accepted is the destination's fault, says what to fix, and is not shown", async () => {
    const wrong = 'wrong-key-0123456789';
    const { destination, farSide } = await open(create, standIn(), { [setting]: wrong });
    const outcomes = await deliverAll(destination, deliveries(3));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        kind: 'retry',
        fault: 'destination',
        status: '401',
        reason: expect.stringContaining(`fix destinations.vendor.${setting}`),
      });
    }
    expect(farSide.server.received).toHaveLength(1);
    expect(JSON.stringify(outcomes)).not.toContain(wrong);
  });

  test('the key is blanked where the far side echoes it, in the form it was sent in, too', async () => {
    const { destination, farSide } = await open(create, standIn());
    farSide.server.respond = ({ headers, body }, response) =>
      void response.writeHead(500).end(`${headers.authorization} ${key} ${body.subarray(0, 60)}`);
    const text = JSON.stringify(await deliverAll(destination, deliveries(1)));
    expect(text).toContain('answered 500');
    expect(text).not.toContain(key);
    const sent = farSide.server.received[0]?.headers.authorization?.split(' ')[1] ?? key;
    expect(text).not.toContain(sent);
  });

  test.each([402, 403, 404, 408, 429, 500, 502, 503, 504, 302])(
    "%i is the destination's fault, and one request tells it",
    async (status) => {
      const { destination, farSide } = await open(create, standIn());
      farSide.server.respond = (_request, response) => void response.writeHead(status).end();
      const outcomes = await destination.deliver(deliveries(10), never);
      for (const outcome of outcomes) {
        const fault = { kind: 'retry', fault: 'destination', status: String(status) };
        expect(outcome).toMatchObject(fault);
      }
      expect(outcomes).toHaveLength(10);
      expect(farSide.server.received).toHaveLength(1);
    },
  );

  test.each([400, 413])(
    '%i without a word of which event: cut until one is alone',
    async (status) => {
      const { destination, farSide } = await open(create, standIn());
      const batch = deliveries(9);
      const bad = batch[4]!.event().eventId;
      const take = farSide.server.respond;
      farSide.server.respond = (request, response) => {
        if (request.body.includes(bad)) response.writeHead(status).end('no');
        else take(request, response);
      };
      const outcomes = await destination.deliver(batch, never);
      expect(outcomes.map(({ kind }) => kind)).toEqual(
        batch.map((_delivery, index) => (index === 4 ? 'dead' : 'delivered')),
      );
      expect(outcomes[4]).toMatchObject({ kind: 'dead', status: String(status) });
      expect((await farSide.counted()).length).toBe(8);
      expect(farSide.server.received.length).toBeLessThan(2 * batch.length);
    },
  );

  test('a private address is refused unless allowed', async () => {
    const { destination, farSide } = await open(create, standIn(), {
      allow_private_addresses: false,
    });
    expect(await deliverAll(destination, deliveries(1))).toMatchObject([
      { kind: 'retry', fault: 'destination', reason: expect.stringMatching(/^address_refused: /) },
    ]);
    expect(farSide.server.received).toEqual([]);
  });

  test('numbers go out as they were written', async () => {
    const { destination, farSide } = await open(create, standIn());
    const exact = '{"order_id":12345678901234567890,"total":12.10,"a\\n":1e3}';
    const holder = JSON.stringify({ ...storedEvent(), properties: 0 });
    const payload = holder.replace('"properties":0', `"properties":${exact}`);
    expect(await deliverAll(destination, [deliveryOf(payload)])).toEqual([{ kind: 'delivered' }]);
    expect(farSide.server.received[0]?.body.toString()).toContain(exact.slice(1, -1));
  });

  test('an event without a person is dead, and nothing is sent of it', async () => {
    const { destination, farSide } = await open(create, standIn());
    const { userId: _userId, ...nobody } = storedEvent();
    const delivery = deliveryOfEvent();
    const outcomes = await destination.deliver([{ ...delivery, event: () => nobody }], never);
    expect(outcomes).toMatchObject([{ kind: 'dead', reason: expect.stringContaining('userId') }]);
    expect(farSide.server.received).toEqual([]);
  });
});

describe('segment', () => {
  test('gets track calls with everything that is frozen, and no sentAt', async () => {
    const standIn = segmentStandIn();
    const { destination, farSide } = await open(createSegmentDestination, standIn);
    const event = storedEvent({ anonymousId: 'a-1', context: { ip: '192.0.2.7' } });
    await deliverAll(destination, [deliveryOfEvent(event)]);
    expect(JSON.parse(farSide.server.received[0]!.body.toString())).toEqual({
      batch: [
        {
          type: 'track',
          messageId: event.eventId,
          event: 'order_completed',
          userId: 'user-1',
          anonymousId: 'a-1',
          timestamp: event.timestamp,
          properties: event.properties,
          context: { ip: '192.0.2.7' },
        },
      ],
    });
  });

  test('a batch above the limit of a request becomes several', async () => {
    const standIn = segmentStandIn();
    const { destination, farSide } = await open(createSegmentDestination, standIn);
    const large = Array.from({ length: 40 }, () =>
      deliveryOfEvent({ properties: { text: 'x'.repeat(30_000) } }),
    );
    const outcomes = await destination.deliver(large, never);
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true);
    expect(standIn.counted()).toHaveLength(40);
    expect(farSide.server.received.length).toBe(3);
  });

  test.each([
    [0, 'delivered'],
    [1, 'dead'],
  ])('an event of 32 KiB and %i bytes is %s', async (more, kind) => {
    const { destination } = await open(createSegmentDestination, segmentStandIn());
    const event = storedEvent({ properties: { text: '' } });
    const empty = { type: 'track', messageId: event.eventId, event: event.eventName };
    const rest = { userId: event.userId, timestamp: event.timestamp, properties: event.properties };
    // The comma that follows an event counts, too.
    const bytes = Buffer.byteLength(JSON.stringify({ ...empty, ...rest })) + 1;
    const text = 'x'.repeat(32 * 1024 - bytes + more);
    const outcomes = await deliverAll(destination, [
      deliveryOfEvent({ ...event, properties: { text } }),
    ]);
    expect(outcomes).toMatchObject([{ kind }]);
  });

  test('X-RateLimit-Reset sets the delay, too', async () => {
    const { destination, farSide } = await open(createSegmentDestination, segmentStandIn());
    farSide.server.respond = (_request, response) =>
      void response.writeHead(429, { 'x-ratelimit-reset': '31' }).end();
    const outcomes = await deliverAll(destination, deliveries(1));
    expect(outcomes).toMatchObject([{ kind: 'retry', notBeforeMs: 31_000 }]);
  });
});

describe('posthog', () => {
  test('gets events with everything that is frozen, and the address of the person alone', async () => {
    const standIn = posthogStandIn();
    const { destination, farSide } = await open(createPosthogDestination, standIn);
    const event = storedEvent({ context: { ip: '192.0.2.7' } });
    const other = storedEvent({ anonymousId: 'a-1' });
    const { userId: _userId, ...anonymous } = other;
    await deliverAll(destination, [
      deliveryOfEvent(event),
      { ...deliveryOfEvent(), event: () => anonymous },
    ]);
    expect(JSON.parse(farSide.server.received[0]!.body.toString())).toEqual({
      api_key: posthogKey,
      batch: [
        {
          uuid: event.eventId,
          event: 'order_completed',
          distinct_id: 'user-1',
          timestamp: event.timestamp,
          properties: { ...event.properties, $lib: 'headgate', $ip: '192.0.2.7' },
        },
        {
          uuid: other.eventId,
          event: 'order_completed',
          distinct_id: 'a-1',
          timestamp: other.timestamp,
          properties: { ...other.properties, $lib: 'headgate', $geoip_disable: true },
        },
      ],
    });
  });

  test('over its quota it answers 200 and drops: nothing counts as delivered', async () => {
    const standIn = posthogStandIn();
    const { destination } = await open(createPosthogDestination, standIn);
    standIn.isOverQuota = true;
    expect(await deliverAll(destination, deliveries(1))).toMatchObject([
      { kind: 'retry', fault: 'destination', reason: expect.stringContaining('quota') },
    ]);
    standIn.isOverQuota = false;
    expect(await deliverAll(destination, deliveries(1))).toEqual([{ kind: 'delivered' }]);
  });

  test('413 on many is no reason to give any up', async () => {
    const standIn = posthogStandIn();
    const { destination } = await open(createPosthogDestination, standIn);
    const large = Array.from({ length: 30 }, () =>
      deliveryOfEvent({ properties: { text: 'x'.repeat(60_000) } }),
    );
    const outcomes = await destination.deliver(large, never);
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true);
    expect(standIn.counted()).toHaveLength(30);
  });
});

describe('mixpanel', () => {
  test('gets events with everything that is frozen', async () => {
    const standIn = mixpanelStandIn();
    const { destination, farSide } = await open(createMixpanelDestination, standIn);
    const event = storedEvent({
      anonymousId: 'a-1',
      context: { ip: '192.0.2.7' },
      properties: { total: 3, time: 'noon', distinct_id: 'of the producer' },
    });
    await deliverAll(destination, [deliveryOfEvent(event)]);
    expect(JSON.parse(farSide.server.received[0]!.body.toString())).toEqual([
      {
        event: 'order_completed',
        properties: {
          total: 3,
          time: Date.parse(event.timestamp),
          distinct_id: 'user-1',
          $insert_id: event.eventId,
          $user_id: 'user-1',
          $device_id: 'a-1',
          ip: '192.0.2.7',
        },
      },
    ]);
  });

  test("a project's token alone is a user without a password", async () => {
    const settings = { service_account: null, project_id: null };
    const { destination, farSide } = await open(
      createMixpanelDestination,
      mixpanelStandIn(),
      settings,
    );
    await deliverAll(destination, deliveries(1));
    const [request] = farSide.server.received;
    expect(request?.url).toBe('/import?strict=1');
    const token = Buffer.from(`${mixpanelSecret}:`).toString('base64');
    expect(request?.headers.authorization).toBe(`Basic ${token}`);
  });

  test('the failed records of a 400 are dead by one request, the others delivered', async () => {
    const { destination, farSide } = await open(createMixpanelDestination, mixpanelStandIn());
    const batch = [...deliveries(3), deliveryOfEvent({ userId: 'null' }), ...deliveries(3)];
    const outcomes = await destination.deliver(batch, never);
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      batch.map((_delivery, index) => (index === 3 ? 'dead' : 'delivered')),
    );
    expect(farSide.server.received).toHaveLength(1);
  });

  const record = (more: object) => ({ field: 'properties.time', message: 'is\nwrong', ...more });
  test.each([
    ['by index', (ids: string[]) => record({ index: 1, $insert_id: ids[1] })],
    ['by index alone', () => record({ index: 1 })],
    ['by insert_id', (ids: string[]) => record({ insert_id: ids[1] })],
    [
      "by its id where the index is another's",
      (ids: string[]) => record({ index: 0, $insert_id: ids[1] }),
    ],
  ])('finds a failed record %s', async (_how, failedRecord) => {
    const { destination, farSide } = await open(createMixpanelDestination, mixpanelStandIn());
    const batch = deliveries(3);
    const failed = failedRecord(batch.map((delivery) => delivery.event().eventId));
    farSide.server.respond = (_request, response) =>
      void response.writeHead(400).end(JSON.stringify({ code: 400, failed_records: [failed] }));
    expect(await destination.deliver(batch, never)).toEqual([
      { kind: 'delivered' },
      { kind: 'dead', status: '400', reason: 'answered 400: properties.time: is wrong' },
      { kind: 'delivered' },
    ]);
  });

  test.each([
    ['no JSON', '<html>'],
    ['no list', '{"failed_records":{}}'],
    ['an empty list', '{"failed_records":[]}'],
    ['a record that was not sent', '{"failed_records":[{"index":7}]}'],
    ['a record of nothing', '{"failed_records":[{}]}'],
    ['no record', '{"failed_records":[null]}'],
  ])('of a 400 with %s no event is thought delivered', async (_what, text) => {
    const { destination, farSide } = await open(createMixpanelDestination, mixpanelStandIn());
    farSide.server.respond = (_request, response) => void response.writeHead(400).end(text);
    const outcomes = await destination.deliver(deliveries(3), never);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['dead', 'dead', 'dead']);
  });

  test('the secret is blanked in the word about a failed record, too', async () => {
    const { destination, farSide } = await open(createMixpanelDestination, mixpanelStandIn());
    const failed = { index: 0, field: 'properties.token', message: `bad ${mixpanelSecret}` };
    farSide.server.respond = (_request, response) =>
      void response.writeHead(400).end(JSON.stringify({ code: 400, failed_records: [failed] }));
    expect(await deliverAll(destination, deliveries(1))).toMatchObject([
      { kind: 'dead', reason: 'answered 400: properties.token: bad ***' },
    ]);
  });

  test('a service account without a project is refused at the start', () => {
    const settings = { ...mixpanelStandIn().settings(1), project_id: null };
    expect(() => createMixpanelDestination('mix', settings)).toThrow(StartError);
    expect(() => createMixpanelDestination('mix', settings)).toThrow(
      /destinations\.mix\.project_id/,
    );
  });
});
