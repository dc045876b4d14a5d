import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { startRelay, type Relay } from '../sdks/relay.ts';
import { vendorSchemas } from '../vendors/schemas.ts';
import { differences, type Difference } from './differences.ts';
import type { SentMessage } from './sent-messages.ts';
import { vendorCases, type VendorCase } from './vendors.ts';

/*
 * What a vendor's SDK sends to the gate, and what the vendor's destination sends from there: the same,
 * but for the differences on the page of the destination. The SDK sends through a relay that records
 * what it sent; sent to the vendor itself, it sends the same fields.
 */

const gateKey = 'hg_round_trip_0123456789';

interface RoundTrip {
  /** What the SDK sends when the vendor itself is at its address. */
  readonly direct: readonly SentMessage[];
  readonly sent: readonly SentMessage[];
  readonly arrived: readonly SentMessage[];
}

describe.each(vendorCases)('$type', (vendor) => {
  let schemas: ReturnType<typeof vendorSchemas>;
  let farSide: RealHttpServer;
  let service: RealService;
  let relay: Relay;
  let trip: RoundTrip;

  beforeAll(async () => {
    schemas = vendorSchemas();
    farSide = await startHttpServer(({ url }, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(vendor.answer(url));
    });
    const url = `http://127.0.0.1:${farSide.port}`;
    service = await startRealService({
      env: { HEADGATE_AUTH: 'keys', HEADGATE_SCHEMAS_DIR: schemas.folder },
      yaml: `keys:
  - { source: shop, hash: "${hashWriteKey(gateKey)}" }
destinations:
  vendor:
    type: ${vendor.type}
    allow_private_addresses: true
    ${vendor.settings(url)}
`,
    });
    relay = await startRelay(service.url, 'none', 'Segment');
    trip = await roundTrip(vendor, farSide, url, relay);
  }, 60_000);

  afterAll(async () => {
    await relay?.close();
    await service?.[Symbol.asyncDispose]();
    await farSide?.close();
    schemas?.[Symbol.dispose]();
  });

  test('the SDK sends the gate what it sends the vendor', () => {
    const shapes = (messages: readonly SentMessage[]) => messages.map(({ body }) => fieldsOf(body));
    expect(shapes(trip.sent)).toEqual(shapes(trip.direct));
    expect(trip.sent.length).toBeGreaterThan(7);
  });

  test('every call arrives, once and as it was sent', () => {
    expect(trip.arrived).toHaveLength(trip.sent.length);
    const wrong = differencesOf(vendor, trip).filter(({ allowed }) => allowed === undefined);
    expect(wrong.map(({ allowed: _allowed, ...difference }) => difference)).toEqual([]);
  });

  test('every difference that is allowed is there', () => {
    const used = new Set(differencesOf(vendor, trip).map(({ allowed }) => allowed));
    expect(vendor.allowed.map(({ field }) => field).filter((field) => !used.has(field))).toEqual(
      [],
    );
  });
});

async function roundTrip(
  { call, messages }: VendorCase,
  farSide: RealHttpServer,
  url: string,
  relay: Relay,
): Promise<RoundTrip> {
  await call({ url, key: gateKey, isGate: false });
  const direct = farSide.received.splice(0).flatMap(messages);
  await call({ url: relay.url, key: gateKey, isGate: true });
  const sent = relay.passed.flatMap(messages);
  const arrived = (): SentMessage[] => farSide.received.flatMap(messages);
  await vi.waitFor(() => expect(arrived().length).toBeGreaterThanOrEqual(sent.length), 20_000);
  return { direct, sent, arrived: inOrderOf(sent, arrived()) };
}

/** A destination sends the messages of each endpoint by themselves: here in the order of the calls. */
function inOrderOf(sent: readonly SentMessage[], arrived: readonly SentMessage[]): SentMessage[] {
  const left = [...arrived];
  const ordered = sent.flatMap((message) => {
    const counts = left.map((each) => differences(message.body, each.body).length);
    const nearest = counts.indexOf(Math.min(...counts));
    return left.splice(nearest, 1);
  });
  return [...ordered, ...left];
}

function differencesOf(
  vendor: VendorCase,
  { sent, arrived }: RoundTrip,
): (Difference & { readonly allowed: string | undefined })[] {
  return sent.flatMap((message, index) => {
    const other = arrived[index]!;
    const found = [
      ...differences(message.path, other.path, 'path'),
      ...differences(message.body, other.body),
    ];
    return found.map((difference) => {
      const allowed = vendor.allowed.find(({ isAllowed }) => isAllowed(difference, message, other));
      return { ...difference, allowed: allowed?.field };
    });
  });
}

/** The names of all fields, however deep. */
function fieldsOf(body: SentMessage['body']): string[] {
  return differences({}, body).flatMap(({ field, arrived }) =>
    typeof arrived === 'object' && arrived !== null && !Array.isArray(arrived)
      ? fieldsOf(arrived as SentMessage['body'])
          .map((name) => `${field}.${name}`)
          .concat(field)
      : [field],
  );
}
