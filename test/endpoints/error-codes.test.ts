import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { errorCodes, type ErrorCode } from '../../src/errors.ts';
import {
  expectEventFailure,
  expectFailure,
  expectHttpProblem,
  violationsOf,
} from './expectations.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order, orderWithout, type Sample } from './sample-events.ts';
import { schemasWith } from './schemas-folder.ts';
import { isNdjson, knock, wireEndpoints, type Knock, type WireEndpoint } from './wire-endpoints.ts';

/*
 * Every code of src/errors.ts at every endpoint. The last test checks that the tables are complete.
 */

const key = 'hg_orders-only';
const authorization = { authorization: `Bearer ${key}` };
const limits = { batchEventsMax: 3, eventBytesMax: 2048, requestBytesMax: 8192 };

interface EventCase {
  readonly code: ErrorCode;
  readonly event: () => Sample;
  /** The path of the first violation in JSON; with a number if protocol buffers have no name. */
  readonly violation?: readonly [path: string, rule: string];
  readonly number?: number;
}

const eventCases: readonly EventCase[] = [
  { code: 'missing_identity', event: () => orderWithout('user_id') },
  {
    code: 'missing_identity',
    event: () => order({ user_id: 'null' }),
    violation: ['/user_id', 'placeholder'],
  },
  { code: 'invalid_event_name', event: () => order({ event_name: 'order_Completed' }) },
  {
    code: 'unplanned_event',
    event: () => order({ event_name: 'order_paid' }),
    violation: ['/event_name', 'unplanned_event'],
  },
  {
    code: 'quarantined',
    event: () => order({ event_name: 'order_viewed' }),
    violation: ['/properties/total', 'type'],
  },
  { code: 'missing_idempotency_key', event: () => orderWithout('idempotency_key') },
  { code: 'invalid_idempotency_key', event: () => order({ idempotency_key: 'not-a-uuid' }) },
  {
    code: 'schema_violation',
    event: () => order({ properties: { order_id: 'A', total: -1, currency: 'EUR' } }),
    violation: ['/properties/total', 'minimum'],
  },
  { code: 'unknown_schema_version', event: () => order({ schema_version: 9 }) },
  {
    code: 'invalid_field',
    event: () => ({ ...orderWithout('properties'), properties_json: '[1]' }),
    violation: ['/properties_json', 'json'],
  },
  {
    code: 'reserved_field',
    event: () => order({ timestamp: '2026-03-01T12:00:00Z' }),
    violation: ['/timestamp', 'reserved'],
    number: 10,
  },
  {
    code: 'unknown_field',
    event: () => order({ colour: 'red' }),
    violation: ['/colour', 'unknown'],
    number: 99,
  },
  {
    code: 'event_too_large',
    event: () => order({ context: { page: 'x'.repeat(limits.eventBytesMax) } }),
    violation: ['', 'bytes'],
  },
  {
    code: 'event_not_allowed',
    event: () => order({ event_name: 'invoice_paid' }),
    violation: ['/event_name', 'not_allowed'],
  },
];

interface RequestCase {
  readonly code: ErrorCode;
  readonly request: (door: WireEndpoint) => Knock | undefined;
  /** The endpoints that refuse with plain HTTP, before a protocol applies. */
  readonly asHttp?: boolean;
}

const batchOnly = (door: WireEndpoint, knocked: Knock): Knock | undefined =>
  door.rpc === 'BatchTrack' ? knocked : undefined;

/** A truncated body. In NDJSON, a truncated line is a rejected event instead. */
function cutShort(door: WireEndpoint): Knock | undefined {
  if (isNdjson(door)) return undefined;
  const whole = door.frame(door.encode([order()]));
  return { body: whole.subarray(0, whole.length - 3) };
}

const requestCases: readonly RequestCase[] = [
  {
    code: 'unauthenticated',
    request: () => ({ events: [order()], headers: { authorization: 'Bearer hg_unknown' } }),
  },
  { code: 'malformed_request', request: cutShort },
  { code: 'empty_batch', request: (door) => batchOnly(door, { events: [] }) },
  {
    code: 'too_many_events',
    request: (door) => batchOnly(door, { events: [order(), order(), order(), order()] }),
  },
  {
    code: 'request_too_large',
    request: () => ({ events: [order({ context: { page: 'x'.repeat(limits.requestBytesMax) } })] }),
  },
  {
    code: 'unsupported_media_type',
    request: () => ({ events: [order()], headers: { 'content-type': 'text/plain' } }),
    asHttp: true,
  },
  {
    code: 'unsupported_encoding',
    request: (door) => ({
      body: door.frame(door.encode([order()]), true),
      headers: { [door.encodingHeader]: 'lzma' },
    }),
  },
  {
    code: 'not_found',
    request: (door) => ({ events: [order()], path: `${door.path}s` }),
    asHttp: true,
  },
  {
    code: 'method_not_allowed',
    request: () => ({ events: [order()], method: 'PUT' }),
    asHttp: true,
  },
];

/** The test that covers each code instead, or why no request can cause it. */
const elsewhere: Partial<Record<ErrorCode, string>> = {
  not_stored: 'not-stored.test.ts',
  overloaded: 'not-stored.test.ts',
  limit_reached: 'test/limits',
  deadline_exceeded: 'not-stored.test.ts',
  request_timeout: 'slow-callers.test.ts',
  shutting_down: 'stop.test.ts',
  cross_site_request: 'browsers.test.ts',
  relay_not_allowed: 'test/destinations/headgate.test.ts',
  source_not_relayed: 'test/destinations/headgate.test.ts',
  operator_not_allowed: "belongs to the operators' port: test/operators/roles.test.ts",
  dead_letter_not_found: "belongs to the operators' port: test/dead-letters",
  dead_letter_busy: 'the same: test/dead-letters/fix.test.ts',
  dead_letter_changed: 'the same: test/dead-letters/fix.test.ts',
  invalid_signature: 'webhooks.test.ts',
  stale_webhook: 'webhooks.test.ts',
  unmapped_webhook: 'webhooks.test.ts',
  rejected_not_found: "belongs to the operators' port: test/quarantine",
  rejected_settled: "belongs to the operators' port: test/quarantine",
  rejected_busy: 'the same: test/quarantine/claims.test.ts',
  invalid_edit: "belongs to the operators' port: test/quarantine",
  replay_too_wide: "belongs to the operators' port: test/quarantine",
  schema_not_found: "belongs to the operators' port: test/registry",
  schema_refused: "belongs to the operators' port: test/registry",
  registry_read_only: "belongs to the operators' port: test/registry",
  registry_conflict: "belongs to the operators' port: test/registry",
  key_not_found: "belongs to the operators' port: test/keys",
  key_refused: "belongs to the operators' port: test/keys",
  invalid_request: "belongs to the operators' port: test/dead-letters",
  destination_not_found: "belongs to the operators' port: test/delivery",
  destination_in_use: "belongs to the operators' port: test/delivery",
  destination_no_answer: "belongs to the operators' port: test/redelivery",
  redelivery_not_found: "belongs to the operators' port: test/redelivery",
  redelivery_running: "belongs to the operators' port: test/redelivery",
  redelivery_ended: "belongs to the operators' port: test/redelivery",
  too_many_searches: "belongs to the operators' port: src/operators/events/search-turns.test.ts",
  too_many_subscribers: "belongs to the operators' port: test/tail",
  log_unavailable: "belongs to the operators' port: test/operators",
  audit_full: "belongs to the operators' port: test/audit",
  internal: 'stands for what nobody thought of: there is no request that is known to cause it',
};

describe('error codes', () => {
  let gate: OpenGate;
  const schemas = schemasWith({
    order_viewed: {
      entry: 'active: 1, mode: { wrong_type: quarantine }',
      versions: [{ type: 'object', properties: { total: { type: 'string' } } }],
    },
  });

  beforeAll(async () => {
    gate = await openGate({
      env: {
        HEADGATE_AUTH: 'keys',
        HEADGATE_SCHEMAS_DIR: schemas.folder,
        HEADGATE_LIMITS_BATCH_EVENTS_MAX: String(limits.batchEventsMax),
        HEADGATE_LIMITS_EVENT_BYTES_MAX: String(limits.eventBytesMax),
        HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(limits.requestBytesMax),
      },
      yaml: `keys:\n  - { source: checkout, hash: "${hashWriteKey(key)}", events: ["*order*"] }\n`,
    });
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    schemas[Symbol.dispose]();
  });

  const ask = (door: WireEndpoint, knocked: Knock, correlationId: string) =>
    knock(gate.port, door, {
      ...knocked,
      headers: { 'x-correlation-id': correlationId, ...authorization, ...knocked.headers },
    });

  describe.for(wireEndpoints)('$name', (door) => {
    test.for(eventCases)('an event: $code', async ({ code, event, violation, number }) => {
      const answer = await ask(door, { events: [event()] }, `case/${code}`);
      expectEventFailure(answer, door, code);
      expect(answer.correlationId).toBe(`case/${code}`);
      const [first] = violationsOf(answer);
      if (violation === undefined) expect(first).toBeUndefined();
      else {
        const isProto = door.codec === 'proto';
        const path = isProto && number !== undefined ? `/${number}` : violation[0];
        expect([first?.path, first?.code]).toEqual([path, violation[1]]);
        expect(first?.message).not.toBe('');
      }
    });

    test.for(requestCases)(
      'a request: $code',
      async ({ code, request, asHttp = false }, { skip }) => {
        const knocked = request(door);
        if (knocked === undefined) return skip('cannot be said by this door');
        const answer = await ask(door, knocked, `case/${code}`);
        if (asHttp) expectHttpProblem(answer, code);
        else expectFailure(answer, door, code);
        expect(answer.correlationId).toBe(`case/${code}`);
        expect(answer.violations).toEqual([]);
        return undefined;
      },
    );

    test('makes a correlation id if it is missing or invalid', async () => {
      const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
      for (const headers of [
        {},
        { 'x-correlation-id': 'two words' },
        { 'x-correlation-id': 'x'.repeat(129) },
        { 'x-correlation-id': 'caf\u00e9' },
      ] as Record<string, string>[]) {
        const events = [order()];
        const answer = await knock(gate.port, door, {
          events,
          headers: { ...headers, ...authorization },
        });
        expect(answer.results[0]?.status, answer.raw).toBe('accepted');
        expect(answer.correlationId).toMatch(uuid);
        const refused = await knock(gate.port, door, { events, headers });
        expect(refused.code).toBe('unauthenticated');
        expect(refused.correlationId).toMatch(uuid);
      }
    });
  });

  test('covers every code of the table, or gives a reason', () => {
    const shown = [...eventCases, ...requestCases].map(({ code }) => code);
    expect([...new Set([...shown, ...Object.keys(elsewhere)])].sort()).toEqual(
      [...errorCodes].sort(),
    );
    expect(shown.filter((code) => code in elsewhere)).toEqual([]);
  });
});
