import { randomUUID } from 'node:crypto';

import { fromJsonString } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { StoredEventSchema } from '../../gen/headgate/v1/stored_event_pb.ts';
import { openGate, type Kept, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';
import { send } from './wire.ts';
import { isNdjson, knock, wireEndpoints, type WireEndpoint } from './wire-endpoints.ts';

const endpointNamed = (name: string): WireEndpoint =>
  wireEndpoints.find((door) => door.name === name)!;
const batchEndpoints = wireEndpoints.filter((door) => door.rpc === 'BatchTrack');
const restTrack = endpointNamed('REST track HTTP/1.1');
const restBatch = endpointNamed('REST batch HTTP/1.1');
const grpcTrack = endpointNamed('gRPC Track');

let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate();
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
});

const keyOf = (event: Sample): string => String(event['idempotency_key']);
const storedOf = (kept: Kept): Record<string, never> => JSON.parse(kept.bytes.toString('utf8'));

/** The stored messages of these events, each also read by protobuf-es. */
async function storedUnder(after: number, events: readonly Sample[]): Promise<Kept[]> {
  const wanted = new Set(events.map((event) => keyOf(event).toLowerCase()));
  const kept = await gate.events(after);
  for (const { bytes } of kept) fromJsonString(StoredEventSchema, bytes.toString('utf8'));
  return kept.filter((each) => wanted.has(String(storedOf(each)['idempotencyKey']).toLowerCase()));
}

async function storedBy(door: WireEndpoint, event: Sample): Promise<Record<string, never>> {
  const after = await gate.last('EVENTS');
  const answer = await knock(gate.port, door, { events: [event] });
  expect(answer.results[0]?.status, answer.raw).toBe('accepted');
  const [kept] = await storedUnder(after, [event]);
  return storedOf(kept!);
}

describe('a batch', () => {
  test.for(batchEndpoints)('one verdict per event, in order: $name', async (door) => {
    const after = await gate.last('EVENTS');
    const repeated = order();
    const events = [
      order(),
      order({ event_name: 'order_paid' }),
      repeated,
      order({ user_id: '' }),
      repeated,
      order({ properties: { order_id: 'A' } }),
      order(),
    ];
    const answer = await knock(gate.port, door, { events });
    const bad = 'rejected';
    expect(answer.results.map(({ status }) => status)).toEqual([
      'accepted',
      bad,
      'accepted',
      bad,
      'duplicate',
      bad,
      'accepted',
    ]);
    expect(answer.results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(answer.results.map((result) => result.idempotency_key)).toEqual(events.map(keyOf));
    const codes = answer.results.map(({ error }) => error?.code);
    expect(codes.filter((code) => code !== undefined)).toEqual([
      'unplanned_event',
      'missing_identity',
      'schema_violation',
    ]);
    // The second copy refers to the first.
    expect(answer.results[4]!.sequence).toBe(answer.results[2]!.sequence);
    expect(answer.results[4]!.event_id).toBe(answer.results[2]!.event_id);
    expect(answer.results[4]!.timestamp).toBe(answer.results[2]!.timestamp);
    expect(answer.results[4]!.warnings).toEqual([]);
    if (door.family === 'rest') {
      expect(answer.http).toBe(207);
      expect(answer.counts).toEqual({ accepted: 3, duplicates: 1, rejected: 3, retry: 0 });
    } else expect(answer.grpc).toBe(0);
    const stored = await storedUnder(after, events);
    const good = [events[0]!, repeated, events[6]!];
    expect(stored.map((kept) => storedOf(kept)['idempotencyKey'])).toEqual(good.map(keyOf));
    expect(stored.map(({ sequence }) => sequence)).toEqual(
      [0, 2, 6].map((index) => answer.results[index]!.sequence),
    );
  });

  test.for(batchEndpoints.filter((door) => !isNdjson(door)))(
    'validate_only validates and stores nothing: $name',
    async (door) => {
      const before = [await gate.last('EVENTS'), await gate.last('REJECTED')];
      const events = [order(), order({ user_id: '' })];
      const fields = { validate_only: true };
      const answer = await knock(gate.port, door, { events, fields });
      expect(answer.results.map(({ status }) => status)).toEqual(['accepted', 'rejected']);
      expect(answer.results.map(({ sequence }) => sequence)).toEqual([0, 0]);
      expect([await gate.last('EVENTS'), await gate.last('REJECTED')]).toEqual(before);
      const really = await knock(gate.port, door, { events });
      expect(really.results[0]!.status).toBe('accepted');
    },
  );

  test.for(batchEndpoints.filter((door) => !isNdjson(door)))(
    "its context lies under each event's own, and sent_at is kept: $name",
    async (door) => {
      const after = await gate.last('EVENTS');
      const events = [order({ context: { page: '/a', ip: null } }), order()];
      const fields = {
        context: { page: '/', library: { name: 'x' }, ip: '::1' },
        sent_at: '2026-03-01T13:00:00.25+01:00',
      };
      const answer = await knock(gate.port, door, { events, fields });
      expect(answer.results.map(({ status }) => status)).toEqual(['accepted', 'accepted']);
      const stored = (await storedUnder(after, events)).map(storedOf);
      expect(stored.map(({ context }) => context)).toEqual([
        { page: '/a', library: { name: 'x' }, ip: null },
        fields.context,
      ]);
      expect(stored.map(({ sentAt }) => sentAt)).toEqual(Array(2).fill('2026-03-01T12:00:00.250Z'));
    },
  );
});

describe('a repeated event', () => {
  const pairs = wireEndpoints.map((door, index) => ({
    name: `${door.name}, then ${wireEndpoints[(index + 7) % wireEndpoints.length]!.name}`,
    first: door,
    second: wireEndpoints[(index + 7) % wireEndpoints.length]!,
  }));

  test.for(pairs)('is a duplicate at any endpoint: $name', async ({ first, second }) => {
    const event = order({
      context: { a: [1, { b: null }] },
      occurred_at: '2026-03-01T12:00:00.123Z',
    });
    const accepted = (await knock(gate.port, first, { events: [event] })).results[0]!;
    const last = await gate.last('EVENTS');
    const shouting = { ...event, idempotency_key: keyOf(event).toUpperCase() };
    const again = (await knock(gate.port, second, { events: [shouting] })).results[0]!;
    expect(again).toEqual({
      ...accepted,
      status: 'duplicate',
      idempotency_key: keyOf(shouting),
    });
    expect(await gate.last('EVENTS')).toBe(last);
  });

  test.for([
    ['properties', { properties: { order_id: 'B', total: 1, currency: 'EUR' } }],
    ['user', { user_id: 'somebody-else' }],
    ['name', { event_name: 'page_viewed', properties: { url: 'https://a.example/' } }],
    ['context', { context: { page: '/' } }],
    ['clock', { occurred_at: '2026-03-01T12:00:00Z' }],
  ] as const)(
    'with another %s is a duplicate, with a warning that its key was reused',
    async ([, fields]) => {
      const event = order();
      const first = (await knock(gate.port, restTrack, { events: [event] })).results[0]!;
      const answer = await knock(gate.port, grpcTrack, { events: [{ ...event, ...fields }] });
      expect(answer.results[0]!).toMatchObject({ status: 'duplicate', sequence: first.sequence });
      expect(answer.results[0]!.warnings.map(({ code }) => code)).toEqual([
        'idempotency_key_reused',
      ]);
    },
  );

  test('a rejected event leaves its key free', async () => {
    const bad = order({ user_id: '' });
    await knock(gate.port, restTrack, { events: [bad] });
    const mended = { ...bad, user_id: 'u' };
    const answer = await knock(gate.port, restTrack, { events: [mended] });
    expect(answer.results[0]!.status).toBe('accepted');
  });
});

describe('what is stored', () => {
  test.for(wireEndpoints)('is what was sent: $name', async (door) => {
    const properties = { order_id: '\u00e9\u{1f600}"\\\n', total: 0.1, currency: 'EUR' };
    const context = JSON.parse('{"__proto__":{"x":1},"constructor":"c","":0,"n":[null,true,-1.5]}');
    const event = order({
      anonymous_id: 'a"\u2028',
      properties,
      context,
      occurred_at: '2026-03-01T12:00:00.123456Z',
      schema_version: 2,
    });
    const stored = await storedBy(door, event);
    expect(stored).toMatchObject({
      eventName: 'order_completed',
      source: 'default',
      userId: event['user_id'],
      anonymousId: 'a"\u2028',
      idempotencyKey: keyOf(event),
      schemaVersion: 2,
      properties,
      occurredAt: '2026-03-01T12:00:00.123456Z',
    });
    expect(JSON.stringify(sorted(stored['context']))).toBe(JSON.stringify(sorted(context)));
    expect(stored).not.toHaveProperty('sentAt');
    expect(stored).not.toHaveProperty('warnings');
    expect(Math.abs(Date.now() - Date.parse(stored['timestamp']!))).toBeLessThan(10_000);
  });

  test.for(wireEndpoints)(
    'is the same for properties_json as for properties: $name',
    async (door) => {
      const { properties, ...rest } = order();
      const stored = await storedBy(door, {
        ...rest,
        properties_json: ` ${JSON.stringify(properties)} `,
      });
      expect(stored['properties']).toEqual(properties);
    },
  );

  const exact = '{"order_id":"A","total":12345678901234567890.10,"currency":"EUR"}';

  test.for(wireEndpoints)(
    'numbers beyond a double stay exact in properties_json: $name',
    async (door) => {
      const after = await gate.last('EVENTS');
      const { properties: _properties, ...rest } = order();
      const event = { ...rest, properties_json: exact };
      await knock(gate.port, door, { events: [event] });
      const [kept] = await storedUnder(after, [event]);
      expect(kept!.bytes.toString('utf8')).toContain(`"properties":${exact}`);
    },
  );

  test.for(wireEndpoints.filter((door) => /REST|NDJSON|Connect json/.test(door.name)))(
    'numbers beyond a double stay exact in JSON: $name',
    async (door) => {
      for (const number of ['12345678901234567890.10', '123456789012345.1234567890123', '1e-400']) {
        const after = await gate.last('EVENTS');
        const event = order({ properties: { order_id: 'A', total: 424242, currency: 'EUR' } });
        const body = door.encode([event]).toString('utf8').replace('424242', number);
        const answer = await knock(gate.port, door, { body: Buffer.from(body) });
        expect(answer.results[0]?.status, answer.raw).toBe('accepted');
        const [kept] = await storedUnder(after, [event]);
        expect(kept!.bytes.toString('utf8')).toContain(`"total":${number},`);
      }
    },
  );

  test('has its source in headers and subject, and its trace', async () => {
    const after = await gate.last('EVENTS');
    const event = order();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { traceparent, 'x-correlation-id': 'c-1' };
    const [result] = (await knock(gate.port, grpcTrack, { events: [event], headers })).results;
    const [kept] = await storedUnder(after, [event]);
    expect(kept!.subject).toBe('headgate.events.0.default.order_completed');
    expect(kept!.header('Nats-Msg-Id')).toBe(`default:${keyOf(event)}`);
    expect(kept!.header('traceparent')).toBe(traceparent);
    expect(kept!.header('Headgate-Correlation-Id')).toBe('c-1');
    expect(storedOf(kept!)).toMatchObject({
      correlationId: 'c-1',
      traceparent,
      eventId: result!.event_id,
      timestamp: result!.timestamp,
    });
    expect(kept!.sequence).toBe(result!.sequence);
  });

  test('an event whose mode is warn is stored with its violations', async () => {
    const after = await gate.last('EVENTS');
    const event = order({ event_name: 'page_viewed', properties: { title: 5 } });
    const [result] = (await knock(gate.port, restBatch, { events: [event] })).results;
    expect(result).toMatchObject({ status: 'accepted', warnings: [{ code: 'schema_violation' }] });
    const [kept] = await storedUnder(after, [event]);
    expect(storedOf(kept!)['warnings']).toEqual(result!.warnings);
  });
});

describe('invalid values are refused, not changed', () => {
  test.for([
    ['2026-02-31T00:00:00Z'],
    ['2026-04-31T00:00:00Z'],
    ['2026-01-01T24:00:00Z'],
    ['2026-13-01T00:00:00Z'],
    ['2026-01-01'],
    ['2026-01-01T00:00:00'],
    ['yesterday'],
    [''],
  ])('occurred_at %s', async ([text]) => {
    const answer = await knock(gate.port, restTrack, { events: [order({ occurred_at: text })] });
    expect([answer.http, answer.code]).toEqual([422, 'invalid_field']);
  });

  test('a number that no double holds, in the context', async () => {
    const body = JSON.stringify(order({ context: { n: 424242 } })).replace('424242', '1e999');
    const answer = await knock(gate.port, restTrack, { body: Buffer.from(body) });
    expect([answer.http, answer.code], answer.raw).toEqual([422, 'invalid_field']);
  });

  const mangled = (door: WireEndpoint): Buffer => {
    const body = door.encode([order({ user_id: 'u-XY' })]);
    const at = body.indexOf('u-XY');
    return door.frame(
      Buffer.concat([body.subarray(0, at), Buffer.from([0xff, 0xfe]), body.subarray(at + 2)]),
    );
  };

  test.for(wireEndpoints)('text that is not UTF-8: $name', async (door) => {
    const answer = await knock(gate.port, door, { body: mangled(door) });
    const code = answer.results[0]?.error?.code ?? answer.code;
    // Of a batch it is the fault of its event.
    expect(code, answer.raw).toBe(door.rpc === 'Track' ? 'malformed_request' : 'invalid_field');
  });

  test.for(wireEndpoints.filter((door) => door.rpc !== 'Track'))(
    'an event that is not UTF-8 leaves its neighbours: $name',
    async (door) => {
      const [events, rejected] = [await gate.last('EVENTS'), await gate.last('REJECTED')];
      const body = door.encode([order(), order({ user_id: 'u-XY' }), order()]);
      body.set([0xff, 0xfe], body.indexOf('u-XY'));
      const answer = await knock(gate.port, door, { body: door.frame(body) });
      const statuses = answer.results.map(({ status }) => status);
      expect(statuses, answer.raw).toEqual(['accepted', 'rejected', 'accepted']);
      expect(await gate.last('EVENTS')).toBe(events + 2);
      const [kept, ...others] = await gate.rejected(rejected);
      expect(others).toEqual([]);
      expect(kept!.header('Headgate-Error-Code')).toBe('invalid_field');
      expect(body.includes(kept!.bytes)).toBe(true);
      expect(kept!.bytes.includes(Buffer.from([0xff, 0xfe]))).toBe(true);
    },
  );

  test('half of a surrogate pair is kept as JSON writes it, or refused', async () => {
    const after = await gate.last('EVENTS');
    const event = order({ user_id: 'u-\ud800' });
    const answer = await knock(gate.port, restTrack, { events: [event] });
    if (answer.results[0]?.status === 'accepted') {
      expect(storedOf((await storedUnder(after, [event]))[0]!)['userId']).toBe('u-\ud800');
    } else expect(answer.code).toBe('invalid_field');
  });
});

test('no answer contains data of the event', async () => {
  const secret = `secret-${randomUUID()}`;
  const events = [
    order({ user_id: secret, context: { secret } }),
    order({ user_id: secret, properties: { order_id: secret, total: secret, currency: secret } }),
    order({ anonymous_id: secret, user_id: 'null', event_name: 'order_completed' }),
    order({ user_id: secret, occurred_at: secret }),
    order({ user_id: secret, schema_version: 77 }),
    { ...order({ user_id: secret }), properties: secret },
  ];
  for (const door of batchEndpoints.filter(({ contentType }) => /json/.test(contentType))) {
    const answer = await knock(gate.port, door, { events });
    expect(answer.results.length).toBe(events.length);
    expect(answer.raw).not.toContain(secret);
  }
  const broken = await send({
    port: gate.port,
    version: '1.1',
    path: '/v1/track',
    headers: { 'content-type': 'application/json' },
    body: `{"user_id":"${secret}", nonsense ${secret}`,
  });
  expect(broken.status).toBe(400);
  expect(broken.body.toString()).not.toContain(secret);
});

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('deep nesting', () => {
  const deep = (levels: number, inner = '1'): string =>
    `${'{"a":['.repeat(levels / 2)}${inner}${']}'.repeat(levels / 2)}`;
  const long = '12345678901234567890';
  const jsonBatches = wireEndpoints.filter((door) =>
    /REST batch|Connect json Batch/.test(door.name),
  );

  test.for([[34], [2000], [40_000], [400_000]] as const)(
    'of %i levels, in an event',
    async ([levels]) => {
      for (const inner of ['1', long]) {
        for (const field of ['context', 'properties', 'stray']) {
          const text = JSON.stringify(order({ [field]: 0 })).replace(
            `"${field}":0`,
            `"${field}":${deep(levels, inner)}`,
          );
          const answer = await knock(gate.port, restTrack, { body: Buffer.from(text) });
          expect([400, 422], answer.raw.slice(0, 300)).toContain(answer.http);
        }
        const propertiesJson = order({ properties_json: deep(levels, inner) });
        delete propertiesJson['properties'];
        const answer = await knock(gate.port, grpcTrack, { events: [propertiesJson] });
        expect(answer.code, answer.raw.slice(0, 300)).toBe('invalid_field');
      }
    },
  );

  test.for(jsonBatches)("in a batch's own context: $name", async (door) => {
    for (const context of [deep(34), deep(40_000), deep(40_000, long), '{"n":1e999}']) {
      const text = `{"events":[${JSON.stringify(order())}],"context":${context}}`;
      const answer = await knock(gate.port, door, { body: Buffer.from(text) });
      expect(answer.code, answer.raw.slice(0, 300)).toBe('malformed_request');
    }
  });

  test.for(batchEndpoints.filter((door) => !isNdjson(door)))(
    "34 levels in a batch's own context: $name",
    async (door) => {
      const fields = { context: JSON.parse(deep(34)) as Sample };
      const answer = await knock(gate.port, door, { events: [order()], fields });
      expect(answer.code, answer.raw.slice(0, 300)).toBe('malformed_request');
      const fitting = { context: JSON.parse(deep(32)) as Sample };
      const taken = await knock(gate.port, door, { events: [order()], fields: fitting });
      expect(taken.results[0]?.status, taken.raw.slice(0, 300)).toBe('accepted');
    },
  );

  test('in a line of NDJSON: that line alone', async () => {
    const lines = [JSON.stringify(order()), deep(40_000, long), JSON.stringify(order())];
    const door = wireEndpoints.find(isNdjson)!;
    const answer = await knock(gate.port, door, { body: Buffer.from(lines.join('\n')) });
    expect(answer.results.map(({ status }) => status)).toEqual([
      'accepted',
      'rejected',
      'accepted',
    ]);
  });
});
