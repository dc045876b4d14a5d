import { describe, expect, test } from 'vitest';

import { compileProgram, transformEvent, type TransformResult } from './transform-event.ts';
import type { TransformProgram } from './transform-program.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const event = (more: object = {}, eventId = 'e1'): Uint8Array =>
  encoder.encode(
    JSON.stringify({
      eventId,
      eventName: 'order_completed',
      source: 'shop',
      timestamp: '2026-01-02T03:04:05.678Z',
      userId: 'u1',
      idempotencyKey: 'k1',
      properties: { total: 12.5, email: 'a@example.com' },
      ...more,
    }),
  );

const read = (result: TransformResult): Record<string, unknown> | string => {
  if (result.kind === 'changed') return JSON.parse(decoder.decode(result.payload)) as never;
  return result.kind === 'failed' ? result.reason : result.kind;
};

async function apply(program: TransformProgram, ...payloads: Uint8Array[]) {
  const run = await compileProgram(program);
  const results: TransformResult[] = [];
  for (const payload of payloads) results.push(await transformEvent(run, payload));
  return results.map(read);
}

const expression = (text: string): TransformProgram => ({ kind: 'jsonata', text });
const script = (text: string): TransformProgram => ({ kind: 'script', text });

test.each([
  ['track', { system: 'segment', call: 'track', messageId: 'm-1' }],
  ['identify', undefined],
])('an event that came as a %s call and gets another name is sent under it', async (call, left) => {
  const vendorCall = { system: 'segment', call, eventName: 'Order Completed', messageId: 'm-1' };
  const [result] = await apply(
    expression('$merge([$, { "event_name": "sale" }])'),
    event({ vendorCall }),
  );
  expect(result).toMatchObject({ eventName: 'sale' });
  expect((result as Record<string, unknown>)['vendorCall']).toEqual(left);
});

/** The same in both languages. */
const programs: readonly (readonly [what: string, jsonata: string, script: string])[] = [
  [
    'changes an event',
    '$merge([$, { "event_name": "sale", "properties": { "value": properties.total } }])',
    'export default (event) => ({ ...event, event_name: "sale", properties: { value: event.properties.total } })',
  ],
  [
    'needs to give only what it changes',
    '{ "event_name": "sale", "properties": { "value": properties.total }, "user_id": user_id }',
    'export default ({ properties, user_id }) => ({ event_name: "sale", properties: { value: properties.total }, user_id })',
  ],
];

describe.each(programs)('a transform that %s', (_what, jsonata, text) => {
  test.each([expression(jsonata), script(text)])('$kind', async (program) => {
    expect(await apply(program, event())).toEqual([
      {
        eventId: 'e1',
        eventName: 'sale',
        source: 'shop',
        timestamp: '2026-01-02T03:04:05.678Z',
        userId: 'u1',
        idempotencyKey: 'k1',
        properties: { value: 12.5 },
      },
    ]);
  });
});

test.each([
  expression('properties.total > 100 ? $ : null'),
  script('export default (event) => event.properties.total > 100 ? event : null'),
])('$kind: null filters an event, and an event that stays is unchanged', async (program) => {
  const results = await apply(program, event(), event({ properties: { total: 101 } }));
  expect(results).toEqual(['filtered', 'unchanged']);
});

test.each([
  expression('$merge([$, { "properties": $merge([properties, { "seen": true }]) }])'),
  script('export default (e) => { e.properties.seen = true; return e; }'),
])('$kind: keeps the digits of numbers that it leaves where they were', async (program) => {
  const payload = encoder.encode(
    '{"eventId":"e1","eventName":"x","source":"s","timestamp":"t","idempotencyKey":"k",' +
      '"properties":{"id":9007199254740993123,"list":[1.10,0.1234567890123456789]}}',
  );
  const result = await transformEvent(await compileProgram(program), payload);
  expect(decoder.decode((result as { payload: Uint8Array }).payload)).toContain(
    '"properties":{"id":9007199254740993123,"list":[1.10,0.1234567890123456789],"seen":true}',
  );
});

describe('a result that is no event fails, and says why', () => {
  test.each([
    [expression('properties.nothing'), 'no result'],
    [expression('"text"'), 'a string'],
    [expression('[1, 2]'), 'a list'],
    [expression('$merge([$, { "event_id": "other" }])'), 'changed event_id, which is fixed'],
    [expression('$merge([$, { "timestamp": "2020-01-01T00:00:00Z" }])'), 'changed timestamp'],
    [expression('{ "propertees": {} }'), '"propertees", which no event has'],
    [expression('{ "event_name": "" }'), 'event_name must be'],
    [expression('{ "event_name": $pad("x", 201) }'), 'event_name must be'],
    [expression('{ "properties": 7 }'), 'properties must be an object'],
    [expression('{ "user_id": 7 }'), 'user_id must be a text'],
    [expression('$error("stop")'), 'stop'],
    [expression('{ "user_id": $string($now()) }'), '$now is not available'],
    [expression('{ "user_id": $string($random()) }'), '$random is not available'],
    [script('export default () => undefined'), 'no result'],
    [script('export default async (e) => e'), 'is async'],
    [script('export default () => { throw new TypeError("bad") }'), 'TypeError: bad'],
    [script('export default (e) => ({ user_id: String(Date.now()) })'), 'is not available'],
    [script('export default (e) => ({ user_id: new Date().toISOString() })'), 'is not available'],
    [script('export default (e) => ({ user_id: Date() })'), 'is not available'],
    [script('export default (e) => ({ user_id: String(Math.random()) })'), 'is not available'],
    [script('export default (e) => ({ user_id: process.env.HOME })'), 'process'],
    [
      script(
        'export default (e) => { const held = []; for (;;) held.push(new Uint8Array(10e6)); }',
      ),
      'memory',
    ],
    [script('export default function f(e) { return f(e); }'), 'stack'],
  ])('%o', async (program, reason) => {
    expect(await apply(program, event())).toEqual([expect.stringContaining(reason)]);
  });

  test('an event name of 200 characters is allowed', async () => {
    const [result] = await apply(expression('{ "event_name": $pad("x", 200, "x") }'), event());
    expect(result).toMatchObject({ eventName: 'x'.repeat(200) });
  });

  test('a payload that is no event fails alone', async () => {
    const broken = encoder.encode('{"eventId":');
    const results = await apply(expression('null'), event(), broken, event());
    expect(results).toEqual(['filtered', expect.any(String), 'filtered']);
  });
});

test('nothing is left of another event', async () => {
  const program = script('let seen = 0; export default (e) => ({ user_id: String((seen += 1)) })');
  const results = await apply(program, event({}, 'e1'), event({}, 'e2'));
  expect(results).toMatchObject([{ userId: '1' }, { userId: '1' }]);
});
