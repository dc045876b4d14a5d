import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { withAdminToken } from '../admin-token.ts';
import { order } from '../endpoints/sample-events.ts';
import { openVendorGate, shopKey, type StoredJson, type VendorGate } from './vendor-gate.ts';

const second = 1000;
const hour = 3600 * second;
const year = 366 * 24 * hour;

/** A time with milliseconds, so many ms from now. */
const at = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** When an event happened, at a real gate, by what each protocol says about it. */
describe('event_time', () => {
  let vendorGate: VendorGate;
  beforeAll(async () => {
    vendorGate = await openVendorGate();
  });
  afterAll(async () => {
    await vendorGate[Symbol.asyncDispose]();
  });

  /** `statuses`: a refusal of a single event is 400 or 422 at some endpoints. */
  async function post(
    path: string,
    body: object,
    statuses: readonly number[] = [200, 202],
  ): Promise<StoredJson[]> {
    const before = (await vendorGate.stored()).length;
    const answer = await fetch(`${vendorGate.gate.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${shopKey}` },
      body: JSON.stringify(body),
    });
    expect([await answer.text(), answer.status]).toEqual([
      expect.any(String),
      expect.toBeOneOf([...statuses]),
    ]);
    return (await vendorGate.stored()).slice(before);
  }
  const timeOf = async (path: string, body: object): Promise<unknown> => {
    const [event] = await post(path, body);
    return event!['eventTime'];
  };
  /** How far a time is from now, in ms. */
  const ageOf = (time: unknown): number => Date.now() - Date.parse(String(time));

  test("is the producer's, with all of its digits, and else the gate's", async () => {
    const occurred_at = at(-3 * hour).replace('Z', '456Z');
    expect(await timeOf('/v1/track', order({ occurred_at }))).toBe(occurred_at);
    const [event] = await post('/v1/track', order());
    expect(event!['eventTime']).toBe(event!['timestamp']);
  });

  test.each([
    ['more than five minutes ahead', 5 * 60 * second + 5 * second],
    ['more than five years ago', -5 * year],
  ])('is not that of a clock that is %s', async (_what, ms) => {
    const [event] = await post('/v1/track', order({ occurred_at: at(ms) }));
    expect(event!['eventTime']).toBe(event!['timestamp']);
    expect(event!['occurredAt']).not.toBe(event!['timestamp']);
  });

  test('of a batch is corrected by sent_at, and not by what the request takes', async () => {
    const occurred_at = at(-2 * hour);
    const sent = (ms: number) => ({ events: [order({ occurred_at })], sent_at: at(ms) });
    expect(await timeOf('/v1/batch', sent(0))).toBe(occurred_at);
    const ahead = await timeOf('/v1/batch', sent(hour));
    expect(Date.parse(String(ahead))).toBe(Date.parse(occurred_at) - hour);
  });

  test('of an import may be any time, and stays as it is', async () => {
    const batch = {
      historical: true,
      sent_at: at(hour),
      events: [order({ occurred_at: at(-20 * year) })],
    };
    const [event] = await post('/v1/batch', batch);
    expect(event).toMatchObject({ eventTime: batch.events[0]!['occurred_at'], historical: true });
  });

  test('of an import by NDJSON may be any time, if the query says so', async () => {
    const occurred_at = at(-20 * year);
    const send = (query: string) =>
      fetch(`${vendorGate.gate.url}/v1/batch${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${shopKey}` },
        body: `${JSON.stringify(order({ occurred_at }))}\n`,
      });
    const before = (await vendorGate.stored()).length;
    for (const query of ['?historical=true', '?a=1&historical=true', '?historical=false', '']) {
      expect((await send(query)).status).toBe(202);
    }
    const stored = (await vendorGate.stored()).slice(before);
    expect(stored.map((event) => event['historical'] ?? false)).toEqual([true, true, false, false]);
    expect(stored[0]!['eventTime']).toBe(occurred_at);
    expect(stored[2]!['eventTime']).toBe(stored[2]!['timestamp']);
    const wrong = await send('?historical=yes');
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toContain('historical\\" in the query must be true or false');
  });

  describe('Segment', () => {
    const call = (fields: object) => ({
      type: 'track',
      event: 'Order Completed',
      userId: 'u1',
      messageId: crypto.randomUUID(),
      properties: order()['properties'],
      ...fields,
    });
    const send = (request: object, fields: object) =>
      timeOf('/v1/segment/batch', { ...request, batch: [call(fields)] });

    test('its request says when it was sent', async () => {
      const timestamp = at(-2 * hour);
      expect(Date.parse(String(await send({ sentAt: at(hour) }, { timestamp })))).toBe(
        Date.parse(timestamp) - hour,
      );
    });

    test("RudderStack's calls say when they were sent", async () => {
      const originalTimestamp = at(-2 * hour);
      const time = await send({}, { originalTimestamp, sentAt: at(hour) });
      expect(Date.parse(String(time))).toBe(Date.parse(originalTimestamp) - hour);
    });

    test('a timestamp beside the original one is corrected already', async () => {
      const timestamp = at(-24 * hour);
      const own = { timestamp, originalTimestamp: at(hour), sentAt: at(hour) };
      expect(await send({ sentAt: at(hour) }, own)).toBe(timestamp);
    });
  });

  describe('PostHog', () => {
    const event = (fields: object, properties: object = {}) => ({
      event: 'Order Completed',
      distinct_id: 'u1',
      uuid: crypto.randomUUID(),
      properties: { ...(order()['properties'] as object), ...properties },
      ...fields,
    });

    test('its request says when it was sent, if the event does not say to ignore it', async () => {
      const timestamp = at(-2 * hour);
      const send = (properties: object) =>
        timeOf('/batch/', { batch: [event({ timestamp }, properties)], sent_at: at(hour) });
      expect(Date.parse(String(await send({})))).toBe(Date.parse(timestamp) - hour);
      expect(await send({ $ignore_sent_at: true })).toBe(timestamp);
    });

    test('an offset says how long ago it was', async () => {
      const age = ageOf(await timeOf('/capture/', event({ offset: 90 * second })));
      expect(age).toBeGreaterThanOrEqual(90 * second);
      expect(age).toBeLessThan(100 * second);
    });

    test('a migration may be of any time', async () => {
      const timestamp = at(-7 * year);
      const batch = {
        historical_migration: true,
        batch: [event({ timestamp })],
        sent_at: at(hour),
      };
      const [stored] = await post('/batch/', batch);
      expect(stored).toMatchObject({ eventTime: timestamp, historical: true });
    });
  });

  test('Mixpanel: what is imported may be of any time, what is tracked not', async () => {
    const time = Math.floor(Date.now() / 1000) - (7 * year) / 1000;
    const event = () => ({
      event: 'Order Completed',
      properties: {
        distinct_id: 'u1',
        time,
        $insert_id: crypto.randomUUID(),
        ...(order()['properties'] as object),
      },
    });
    expect(await timeOf('/import', [event()])).toBe(new Date(time * 1000).toISOString());
    expect(ageOf(await timeOf('/track', [event()]))).toBeLessThan(10 * second);
  });

  describe('of a rejected event that is replayed', () => {
    const replay = async (): Promise<StoredJson> => {
      const quarantine = createClient(
        RejectedService,
        createConnectTransport({
          baseUrl: vendorGate.gate.real.adminUrl,
          httpVersion: '1.1',
          interceptors: [withAdminToken],
        }),
      );
      const before = (await vendorGate.stored()).length;
      const edits = [{ path: '/properties', valueJson: JSON.stringify(order()['properties']) }];
      const { results } = await quarantine.replayRejected({ edits });
      expect(results).toHaveLength(1);
      const stored = (await vendorGate.stored()).slice(before);
      expect(stored).toHaveLength(1);
      return stored[0]!;
    };

    /** A property that the contract refuses, until a replay replaces it. */
    const bad = { order_id: 1 };
    const good = order()['properties'] as object;
    const [now, early] = [at(0), at(-2 * hour)];
    const segment = (properties: object, fields: object) => ({
      type: 'track',
      event: 'Order Completed',
      userId: 'u1',
      messageId: crypto.randomUUID(),
      properties,
      ...fields,
    });
    const posthog = (properties: object, fields: object) => ({
      event: 'Order Completed',
      distinct_id: 'u1',
      uuid: crypto.randomUUID(),
      properties,
      ...fields,
    });
    const mixpanel = (properties: object, fields: object) => ({
      event: 'Order Completed',
      properties: { distinct_id: 'u1', $insert_id: crypto.randomUUID(), ...properties, ...fields },
    });
    const seconds = Math.floor(Date.now() / 1000);
    const ahead = at(hour);
    test.each<[string, string, (properties: object) => object]>([
      [
        'a batch with sent_at',
        '/v1/batch',
        (properties) => ({ sent_at: ahead, events: [order({ occurred_at: early, properties })] }),
      ],
      [
        "Segment's sentAt",
        '/v1/segment/batch',
        (properties) => ({ sentAt: ahead, batch: [segment(properties, { timestamp: early })] }),
      ],
      [
        "Segment's timestamp beside originalTimestamp",
        '/v1/segment/batch',
        (properties) => ({
          sentAt: ahead,
          batch: [segment(properties, { timestamp: early, originalTimestamp: now })],
        }),
      ],
      [
        "Segment's own call",
        '/v1/segment/track',
        (properties) => segment(properties, { timestamp: early, sentAt: ahead }),
      ],
      [
        "RudderStack's sentAt",
        '/v1/segment/batch',
        (properties) => ({
          batch: [segment(properties, { originalTimestamp: early, sentAt: ahead })],
        }),
      ],
      [
        "PostHog's sent_at",
        '/batch/',
        (properties) => ({ sent_at: ahead, batch: [posthog(properties, { timestamp: early })] }),
      ],
      [
        'PostHog, which ignores sent_at',
        '/batch/',
        (properties) => ({
          sent_at: ahead,
          batch: [posthog({ ...properties, $ignore_sent_at: true }, { timestamp: early })],
        }),
      ],
      [
        "PostHog's migration",
        '/batch/',
        (properties) => ({
          historical_migration: true,
          sent_at: ahead,
          batch: [posthog(properties, { timestamp: at(-7 * year) })],
        }),
      ],
      [
        "Mixpanel's import",
        '/import',
        (properties) => [mixpanel(properties, { time: seconds - (7 * year) / 1000 })],
      ],
      [
        "Mixpanel's track",
        '/track',
        (properties) => [mixpanel(properties, { time: seconds - 60 })],
      ],
    ])('is that of an event that was accepted at once: %s', async (_what, path, bodyOf) => {
      const accepted = await timeOf(path, bodyOf(good));
      expect(await post(path, bodyOf(bad), [200, 400, 422])).toEqual([]);
      const replayed = (await replay())['eventTime'];
      // Of a relative time, as seven years ago, the two are some ms apart.
      const apart = Date.parse(String(replayed)) - Date.parse(String(accepted));
      expect(Math.abs(apart)).toBeLessThan(2 * second);
    });

    test("is that of PostHog's offset before its first try", async () => {
      const sentMs = Date.now();
      const sent = { ...posthog(bad, { offset: 90 * second }) };
      expect(await post('/capture/', sent)).toEqual([]);
      const replayed = await replay();
      const eventMs = Date.parse(String(replayed['eventTime']));
      expect(eventMs).toBeGreaterThanOrEqual(sentMs - 90 * second);
      expect(eventMs).toBeLessThan(sentMs - 80 * second);
      expect(replayed['occurredAt']).toBe(replayed['eventTime']);
    });

    test('is what it was, corrected as it was, and the call stays what it was', async () => {
      const timestamp = at(-24 * hour);
      const call = {
        type: 'track',
        event: 'Order Completed',
        userId: 'u1',
        messageId: 'not-a-uuid',
        timestamp,
        properties: { order_id: 1 },
      };
      const stored = await post('/v1/segment/batch', { batch: [call], sentAt: at(hour) });
      expect(stored).toEqual([]);
      const replayed = await replay();
      expect(Date.parse(String(replayed['eventTime']))).toBe(Date.parse(timestamp) - hour);
      expect(replayed['vendorCall']).toEqual({
        system: 'segment',
        call: 'track',
        eventName: 'Order Completed',
        messageId: 'not-a-uuid',
        contextMember: 'segment',
      });
    });

    test('is that of its import', async () => {
      const time = Math.floor(Date.now() / 1000) - (7 * year) / 1000;
      const properties = { distinct_id: 'u1', time, $insert_id: crypto.randomUUID(), order_id: 1 };
      const answer = await fetch(`${vendorGate.gate.url}/import`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${shopKey}` },
        body: JSON.stringify([{ event: 'Order Completed', properties }]),
      });
      expect(answer.status).toBe(400);
      expect(await replay()).toMatchObject({
        eventTime: new Date(time * 1000).toISOString(),
        historical: true,
      });
    });
  });
});
