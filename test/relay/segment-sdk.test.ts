import { Analytics } from '@segment/analytics-node';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventIdOf } from '../../src/event/event-id.ts';
import { isJsonObject } from '../../src/event/json/json.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import { readLog } from '../destinations/headgate-far-side.ts';
import type { RealService } from '../real-service.ts';
import { callSegment } from '../round-trip/sdk-calls.ts';
import { vendorSchemas } from '../vendors/schemas.ts';
import { startFar, startRelayHere, type FarGate } from './far.ts';

/* Segment's own SDK for Node behind a relay, while the far gate is away. */

const directKey = 'hg_key-without-a-relay';
const source = 'shop-fra';
let schemas: ReturnType<typeof vendorSchemas>;
let far: FarGate;
let relay: RealService;

beforeAll(async () => {
  schemas = vendorSchemas();
  far = await startFar({ HEADGATE_SCHEMAS_DIR: schemas.folder }, { 'web-direct': directKey });
  relay = await startRelayHere(far.network.port);
});
afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  await far?.close();
  schemas?.[Symbol.dispose]();
});

const storedOf = async (wanted: string): Promise<StoredEvent[]> =>
  (await readLog(far.gate)).map(({ event }) => event).filter((event) => event.source === wanted);

const orderOf = ({ properties }: StoredEvent): string => String(properties?.['order_id']);

/** What an SDK's call is, without ids and times that differ in each run. Members in one order. */
function formOf({
  source: _source,
  eventId: _id,
  correlationId: _c,
  ...event
}: StoredEvent): string {
  const now = Date.now();
  return JSON.stringify(event, (_name, value: unknown) => {
    if (isJsonObject(value)) {
      return Object.fromEntries(
        Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)),
      );
    }
    if (typeof value !== 'string') return value;
    if (/^node-next-|^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) return 'an id';
    const isRecent = /^\d{4}-\d\d-\d\dT/.test(value) && now - Date.parse(value) < 600_000;
    return isRecent ? 'now' : value;
  });
}

test('loses nothing while the far gate is away, and each call arrives once, in its form', async () => {
  await far.network.close();
  const key = 'what-an-sdk-has';
  // Throws if the SDK reports a call that it could not send.
  await callSegment({ url: relay.url, key, isGate: true });
  const analytics = new Analytics({
    writeKey: key,
    host: relay.url,
    path: '/v1/segment/batch',
    flushAt: 20,
  });
  const errors: unknown[] = [];
  analytics.on('error', (error) => errors.push(error));
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  for (const number of numbers) {
    const properties = { order_id: `B-${number}`, total: number, currency: 'EUR' };
    analytics.track({ userId: 'u1', event: 'Order Completed', properties });
  }
  await analytics.closeAndFlush();
  expect(errors).toEqual([]);
  expect(await storedOf(source)).toEqual([]);

  await far.network.listen();
  await callSegment({ url: far.gate.url, key: directKey, isGate: true });
  const direct = await storedOf('web-direct');
  const count = direct.length + numbers.length;
  expect(direct.length).toBeGreaterThan(7);
  await expect.poll(async () => (await storedOf(source)).length, { timeout: 15_000 }).toBe(count);
  const relayed = await storedOf(source);
  const orders = relayed.map(orderOf).filter((id) => id.startsWith('B-'));
  expect(new Set(orders)).toEqual(new Set(numbers.map((number) => `B-${number}`)));
  const others = relayed.filter((event) => !orderOf(event).startsWith('B-'));
  // The first of them was the probe of the outage, and has another place.
  expect(others.map(formOf).toSorted()).toEqual(direct.map(formOf).toSorted());
  // In the warehouse, each once and under its own id. One message id is the same in both ways.
  const directIds = new Set(direct.map(({ eventId }) => eventId));
  const rowsOf = (event: StoredEvent): string[] =>
    (far.rows().get(event.idempotencyKey) ?? []).filter((id) => !directIds.has(id));
  await expect
    .poll(() => relayed.map(rowsOf), { timeout: 15_000 })
    .toEqual(relayed.map((event) => [eventIdOf(source, event.idempotencyKey)]));
});
