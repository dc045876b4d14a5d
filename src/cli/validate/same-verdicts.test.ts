import { randomUUID } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Verdict } from '../../event/verdict.ts';
import {
  acceptedVerdicts,
  createAcceptEvents,
  type AcceptEvents,
} from '../../gate/accept/accept-events.ts';
import { createAllowances } from '../../gate/limits/allowances.ts';
import { createLocalLimiter } from '../../gate/limits/source-limiter.ts';
import { createAdmission } from '../../gate/intake/admission.ts';
import {
  restBatchEndpoint,
  restTrackEndpoint,
  restValidateEndpoint,
} from '../../gate/rest/rest-endpoints.ts';
import type { Endpoint, EndpointCall } from '../../gate/serve-request.ts';
import type { Signals } from '../../observability/signals.ts';
import { createValidation, loadRegistry } from '../../validation/validation.ts';
import { openValidate, type ValidateLocally } from './decide-locally.ts';
import { validateFile } from './validate-file.ts';

/*
 * `headgate validate`, `POST /v1/validate` and the accepting endpoints give the same verdict on the same
 * event, byte for byte of its error and warnings. Each is called as it reads its input.
 */

const eventBytesMax = 256 * 1024;

/** Beside the example's events: one with personal data, and one whose unknown properties are dropped. */
const added = {
  address_created: {
    entry: 'active: 1',
    schema: {
      type: 'object',
      required: ['email'],
      properties: { email: { type: 'string', 'x-pii': 'hash' }, city: { type: 'string' } },
    },
  },
  cart_viewed: {
    entry: 'active: 1, mode: { additional_property: strip }',
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: { total: { type: 'number' } },
    },
  },
};

function writeSchemas(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-verdicts-'));
  cpSync('schemas', folder, { recursive: true });
  for (const [name, { entry, schema }] of Object.entries(added)) {
    const line = `  ${name}: { owner: checkout, description: A test., ${entry} }\n`;
    appendFileSync(path.join(folder, 'taxonomy.yaml'), `\n${line}`);
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, '1.json'), JSON.stringify(schema));
  }
  return folder;
}

let folder = '';
let validateLocally: ValidateLocally;
let accept: AcceptEvents;
let stored: string[] = [];

beforeAll(async () => {
  folder = writeSchemas();
  validateLocally = await openValidate(folder, { enforcement: 'on', eventBytesMax: 256 * 1024 });
  const hashKey = 'another key, whose hashes are as long';
  const registry = await loadRegistry(folder);
  const { validate, nameSent, redactRejected } = createValidation(registry, { hashKey });
  accept = createAcceptEvents({
    validate,
    nameSent,
    redactRejected,
    arrivalHeaders: () => '',
    store: ({ payload }, callback) => {
      stored.push(payload);
      callback({ sequence: stored.length, duplicate: false }, undefined);
    },
    reject: (_event, callback) => callback(undefined),
    readStored: () => Promise.resolve(undefined),
    limiter: createLocalLimiter(createAllowances()),
    admission: createAdmission({ inFlightEventsMax: 1000, waitMs: 1000 }),
    signals: { eventPublished: () => {}, eventValidated: () => {} } as unknown as Signals,
    eventBytesMax,
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: EndpointCall = {
  rpc: 'Track',
  door: 'rest',
  codec: 'json',
  contentType: 'application/json',
};

async function verdictsOf(endpoint: Endpoint, body: string): Promise<Verdict[]> {
  const producer = { source: 'default', maySend: () => true, isCanary: false };
  const trace = { traceparent: '', tracestate: '' };
  const arrival = { producer, correlationId: randomUUID(), ...trace, ...call };
  return acceptedVerdicts(accept, endpoint.decode(call, Buffer.from(body), 1000), arrival);
}

async function fileVerdicts(text: string): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const file = (async function* () {
    yield Buffer.from(text);
  })();
  await validateFile(file, validateLocally, (verdict) => void verdicts.push(verdict));
  return verdicts;
}

/** What a caller sees of a verdict, without the time and the sequence. */
function seen(verdicts: readonly Verdict[]): unknown {
  return verdicts.map(({ timestampMs: _time, sequence: _sequence, ...others }) => others);
}

const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('order_completed', 'page_viewed', 'user_signed_up') },
  { weight: 4, arbitrary: fc.constantFrom('address_created', 'cart_viewed') },
  { weight: 2, arbitrary: fc.constantFrom('order_complete', 'Order Completed', 'cart_paid', '') },
  { weight: 1, arbitrary: fc.anything() },
);

const key = fc.oneof(
  { weight: 8, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: fc.constantFrom('', 'k-1', null, 7) },
);

/** `\ud800` alone is JSON and no text; `\\ud800` is a text of six characters. */
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('u-1', 'EUR', '\ud800', '\\ud800', '\u0000', 'ß\u{1f600}'),
);

const leaf = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(null, true, [], {}, [{ sku: 'a', quantity: 1 }]),
);

const properties = fc.oneof(
  fc.record({ order_id: fc.constant('A'), total: fc.nat(), currency: fc.constant('EUR') }),
  fc.record(
    { order_id: text, total: leaf, currency: text, items: leaf, colour: leaf },
    { requiredKeys: [] },
  ),
  fc.record({ method: fc.constantFrom('email', 'x') }),
  fc.record({ email: text, city: text }, { requiredKeys: [] }),
  leaf,
);

/** Around the limit of an event as stored. */
const large = fc.integer({ min: eventBytesMax - 600, max: eventBytesMax }).map((length) => ({
  page: 'x'.repeat(length),
}));

const context = fc.oneof(
  { weight: 10, arbitrary: fc.dictionary(text, leaf, { maxKeys: 3 }) },
  { weight: 2, arbitrary: large },
  { weight: 1, arbitrary: leaf },
);

const time = fc.constantFrom('2026-03-01T12:00:00Z', '2026-02-31T12:00:00Z', 'now', 5);

/** Most events have no fault of form, so that they reach the contract. */
const sound = fc.record(
  {
    event_name: name,
    user_id: fc.constantFrom('u-1', 'u-2', ''),
    idempotency_key: key,
    properties,
    context,
    schema_version: fc.constantFrom(0, 0, 1, 2, 9),
  },
  { requiredKeys: ['event_name', 'user_id', 'idempotency_key', 'properties'] },
);
const odd = fc.record(
  {
    user_id: text,
    anonymous_id: text,
    occurred_at: time,
    schema_version: fc.constantFrom('1', -1),
    sequence: fc.constant(1),
    colour: leaf,
  },
  { requiredKeys: [] },
);
const event = fc.oneof(
  { weight: 4, arbitrary: sound },
  {
    weight: 1,
    arbitrary: fc.tuple(sound, odd).map(([one, other]) => ({ ...one, ...other })),
  },
);

/** Some numbers as no double can say them, which `JSON.stringify` cannot write. */
function jsonOf(value: unknown, number: string): string {
  return (JSON.stringify(value) ?? 'null').replaceAll(
    /"total":-?\d+(?=[,}])/g,
    `"total":${number}`,
  );
}

const number = fc.constantFrom('5', '5.0', '12345678901234567890', '1e999', '-0');

test('one event: a file, /v1/validate and /v1/track agree', async () => {
  const codes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(event, number, async (value, total) => {
      const body = jsonOf(value, total);
      const before = stored.length;
      const inFile = await fileVerdicts(`${body}\n`);
      const validated = await verdictsOf(restValidateEndpoint, body);
      // Neither of the two stores anything.
      expect(stored).toHaveLength(before);
      const accepted = await verdictsOf(restTrackEndpoint, body);
      expect(seen(inFile)).toEqual(seen(accepted));
      expect(seen(validated)).toEqual(seen(accepted));
      const [{ status, error, warnings }] = accepted as [Verdict];
      expect(stored.length - before).toBe(status === 'accepted' ? 1 : 0);
      for (const { code } of [error ?? { code: status }, ...warnings]) codes.add(code);
    }),
    { numRuns: 1500 },
  );
  // The cases are worth it: they meet what `decideEvent` itself decides, and the kinds of contract.
  expect([...codes]).toEqual(
    expect.arrayContaining([
      'accepted',
      'event_too_large',
      'invalid_field',
      'missing_idempotency_key',
      'properties_stripped',
      'schema_violation',
      'unknown_schema_version',
      'unplanned_event',
    ]),
  );
  stored = [];
});

test('a batch: a file, /v1/validate and /v1/batch agree', async () => {
  const batchContext = fc.dictionary(fc.constantFrom('page', 'ip', 'app'), leaf, { maxKeys: 2 });
  const batch = fc.record(
    {
      events: fc.array(event, { minLength: 1, maxLength: 4 }),
      context: batchContext,
      sent_at: fc.constant('2026-03-01T12:00:00.000Z'),
    },
    { requiredKeys: ['events'] },
  );
  await fc.assert(
    fc.asyncProperty(batch, number, async (value, total) => {
      const body = jsonOf(value, total);
      const accepted = seen(await verdictsOf(restBatchEndpoint, body));
      expect(seen(await fileVerdicts(body))).toEqual(accepted);
      expect(seen(await verdictsOf(restValidateEndpoint, body))).toEqual(accepted);
    }),
    { numRuns: 400 },
  );
  stored = [];
});
