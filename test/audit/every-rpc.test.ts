import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AuditService } from '../../gen/headgate/v1/audit_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import { auditedActions, auditedRpcs, rpcName } from '../../src/operators/audit/audited-rpcs.ts';
import { adminToken } from '../admin-token.ts';
import { makeSound } from '../dead-letters/dead-rig.ts';
import { order } from '../endpoints/sample-events.ts';
import { operatorsServices } from '../operators/operators-services.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { connect, readEntries, readStreamText, sendEvent } from './audit-rig.ts';
import { consoleCases } from './console-cases.ts';
import { fail, keyAndRedeliveryCases, silent, type Case } from './key-and-redelivery-cases.ts';

/* Every RPC of the operators' port on a real service, with what it leaves in the audit log. */

let real: RealService;
/** The ids of dead letters that no case has used yet. */
let dead: string[];
/** Keys of rejected events, by their numbers, from 1. */
const keys = Array.from({ length: 12 }, () => randomUUID());
const payload = 'pear-payload';
const secretText = 'sesame-in-an-edit';
const person = 'ada@example.com';
/** Write keys that the cases make. */
const secrets: string[] = [];

beforeAll(async () => {
  real = await startRealService({ env: { HEADGATE_SCHEMAS_SOURCE: 'registry' } });
  for (const key of keys) {
    await sendEvent(
      real,
      order({ idempotency_key: key, user_id: 'null', properties: { payload } }),
    );
  }
  await sendEvent(real, order({}));
  await makeSound(real.service.log, 6);
  const { deadLetters: made } = await deadLetters().listDeadLetters({});
  dead = made.map(({ id }) => id);
}, 60_000);
afterAll(() => real[Symbol.asyncDispose]());

const rejectedIds = (number: number) => ({
  rejected: number,
  idempotencyKey: keys[number - 1]!,
  eventId: eventIdOf('default', keys[number - 1]!),
});

const registry = () => connect(real, SchemaRegistryService);
const rejected = () => connect(real, RejectedService);
const deadLetters = () => connect(real, DeadLetterService);
const taxonomy = readFileSync('schemas/taxonomy.yaml', 'utf8');

async function firstOfTail(): Promise<void> {
  const stop = new AbortController();
  const shown = connect(real, TailService).tail({ eventName: 'order_*' }, { signal: stop.signal });
  for await (const { what } of shown) {
    if (what.case === 'started') await sendEvent(real, order({}));
    if (what.case === 'event') break;
  }
  stop.abort();
}

/** By the full name of the RPC: calls that succeed and calls that are refused. */
const cases: Readonly<Record<string, readonly Case[]>> = {
  'headgate.v1.SchemaRegistryService/ListSchemas': [silent(() => registry().listSchemas({}))],
  'headgate.v1.SchemaRegistryService/GetSchema': [
    silent(() => registry().getSchema({ eventName: 'order_completed' })),
  ],
  'headgate.v1.RejectedService/CountRejected': [silent(() => rejected().countRejected({}))],
  'headgate.v1.DeadLetterService/CountDeadLetters': [
    silent(() => deadLetters().countDeadLetters({})),
  ],
  'headgate.v1.DestinationService/ListDestinations': [
    silent(() => connect(real, DestinationService).listDestinations({})),
  ],
  ...consoleCases(() => real),
  ...keyAndRedeliveryCases(() => real, { person, secretText, secrets }),
  'headgate.v1.TailService/Tail': [
    {
      call: firstOfTail,
      entry: { kind: 'view', target: { event_name: 'order_*' }, counts: { shown: 1 } },
    },
  ],
  'headgate.v1.RejectedService/ListRejected': [
    {
      call: () => rejected().listRejected({ filter: { source: 'default' }, withEvents: true }),
      entry: {
        kind: 'view',
        target: { source: 'default', with_events: 'true' },
        counts: { shown: 12 },
        events: [],
        eventCount: 0,
      },
    },
  ],
  'headgate.v1.RejectedService/GetRejected': [
    {
      call: () => rejected().getRejected({ sequence: 2n }),
      entry: { kind: 'view', events: [rejectedIds(2)], counts: { shown: 1 } },
    },
    {
      call: () => rejected().getRejected({ sequence: 999n }),
      entry: fail('rejected_not_found', { events: [{ rejected: 999 }] }),
    },
  ],
  'headgate.v1.EventLogService/ReadEvents': [
    {
      call: () => connect(real, EventLogService).readEvents({ eventName: 'order_completed' }),
      entry: { kind: 'view', target: { event_name: 'order_completed' } },
    },
    {
      call: () => connect(real, EventLogService).readEvents({ anyName: true }),
      entry: { kind: 'view', target: { any_name: 'true' } },
    },
    {
      call: () => connect(real, EventLogService).readEvents({}),
      entry: fail('invalid_request'),
    },
    {
      call: () => connect(real, EventLogService).readEvents({ anyName: true, eventName: 'a' }),
      entry: fail('invalid_request', { target: { event_name: 'a', any_name: 'true' } }),
    },
  ],
  'headgate.v1.EventService/Locate': [
    {
      call: () => connect(real, EventService).locate({ id: keys[0]! }),
      entry: { kind: 'view', events: [{ searched: keys[0]! }], counts: { shown: 1 } },
    },
    {
      call: () => connect(real, EventService).locate({ property: 'email=ada@example.com' }),
      entry: { kind: 'view', target: { by_property: 'true' }, events: [], counts: { shown: 0 } },
    },
  ],
  'headgate.v1.DeadLetterService/ListDeadLetters': [
    {
      call: () => deadLetters().listDeadLetters({ destination: 'crm' }),
      entry: { kind: 'view', target: { destination: 'crm' }, events: [] },
    },
  ],
  'headgate.v1.DeadLetterService/GetDeadLetter': [
    {
      call: () => deadLetters().getDeadLetter({ id: dead[0]! }),
      entry: { kind: 'view', target: { destination: 'crm' }, counts: { shown: 1 } },
    },
  ],
  'headgate.v1.AuditService/ListAudit': [
    {
      call: () => connect(real, AuditService).listAudit({ operator: 'admin' }),
      entry: { kind: 'view', target: { operator: 'admin' } },
    },
  ],
  'headgate.v1.RejectedService/ReplayRejected': [
    {
      call: () =>
        rejected().replayRejected({
          sequence: 1n,
          edits: [{ path: '/user_id', valueJson: `"${secretText}"` }],
        }),
      entry: {
        kind: 'act',
        target: { edits: '/user_id' },
        events: [rejectedIds(1)],
        eventCount: 1,
        dryRun: false,
      },
    },
    {
      call: () => rejected().replayRejected({ filter: { source: 'default' }, dryRun: true }),
      entry: { kind: 'act', dryRun: true, counts: { rejected: 12 }, eventCount: 12 },
    },
    {
      call: () => rejected().replayRejected({ sequence: 999n }),
      entry: fail('rejected_not_found', { kind: 'act' }),
    },
  ],
  'headgate.v1.RejectedService/DiscardRejected': [
    {
      call: () => rejected().discardRejected({ sequence: 3n, why: 'made by a test' }),
      entry: { kind: 'act', why: 'made by a test', events: [rejectedIds(3)] },
    },
    {
      call: () =>
        rejected().discardRejected({ filter: { source: 'default' }, why: 'old', pageSize: 2 }),
      entry: {
        kind: 'act',
        counts: { discarded: 2 },
        events: [rejectedIds(1), rejectedIds(2)],
        more: true,
      },
    },
    {
      call: () => rejected().discardRejected({ sequence: 3n, why: 'again' }),
      entry: fail('rejected_settled', { events: [rejectedIds(3)] }),
    },
    { call: () => rejected().discardRejected({ sequence: 3n }), entry: fail('invalid_request') },
  ],
  'headgate.v1.DeadLetterService/FixDeadLetter': [
    {
      call: () =>
        deadLetters().fixDeadLetter({
          id: dead[1]!,
          edits: [{ path: '/user_id', valueJson: `"${secretText}"` }],
        }),
      entry: {
        kind: 'act',
        target: { destination: 'crm', edits: '/user_id' },
        counts: { fixed: 1 },
      },
    },
    {
      call: () => deadLetters().fixDeadLetter({ id: 'crm:999', eventJson: `{"a":"${payload}"}` }),
      entry: fail('dead_letter_not_found', { target: { destination: 'crm', replaced: 'true' } }),
    },
  ],
  'headgate.v1.DeadLetterService/ReplayDeadLetter': [
    {
      call: () => deadLetters().replayDeadLetter({ id: dead[2]! }),
      entry: { kind: 'act', target: { destination: 'crm' }, counts: { replayed: 1 } },
    },
    {
      call: () => deadLetters().replayDeadLetter({ id: 'crm:999' }),
      entry: fail('dead_letter_not_found', { events: [{ deadLetter: 'crm:999' }] }),
    },
  ],
  'headgate.v1.DeadLetterService/DiscardDeadLetter': [
    {
      call: () => deadLetters().discardDeadLetter({ id: dead[3]!, why: 'a test of ours' }),
      entry: { kind: 'act', why: 'a test of ours', counts: { discarded: 1 } },
    },
  ],
  'headgate.v1.DeadLetterService/ReplayDeadLetters': [
    {
      call: () => deadLetters().replayDeadLetters({ destination: 'crm', pageSize: 101 }),
      entry: fail('invalid_request', { kind: 'act', target: { destination: 'crm' } }),
    },
    {
      call: () => deadLetters().replayDeadLetters({ destination: 'crm', pageSize: 100 }),
      entry: {
        kind: 'act',
        target: { destination: 'crm' },
        counts: { replayed: 5 },
        eventCount: 5,
        more: false,
      },
    },
  ],
  'headgate.v1.DestinationService/RemoveDestination': [
    {
      call: () => connect(real, DestinationService).removeDestination({ name: 'gone' }),
      entry: fail('destination_not_found', { kind: 'act', target: { destination: 'gone' } }),
    },
  ],
  'headgate.v1.SchemaRegistryService/RegisterSchema': [
    {
      call: () =>
        registry().registerSchema({
          eventName: 'order_completed',
          schemaJson: '{"type":"object"}',
          validateOnly: true,
        }),
      entry: { kind: 'act', dryRun: true, target: { event_name: 'order_completed' } },
    },
  ],
  'headgate.v1.SchemaRegistryService/PushTaxonomy': [
    {
      call: () => registry().pushTaxonomy({ taxonomy }),
      entry: { kind: 'act', counts: { changed: 0 }, outcome: 'ok' },
    },
  ],
  'headgate.v1.SchemaRegistryService/ActivateSchema': [
    {
      call: () => registry().activateSchema({ eventName: 'order_completed', version: 99 }),
      entry: fail('schema_not_found', { target: { event_name: 'order_completed', version: '99' } }),
    },
  ],
  'headgate.v1.SchemaRegistryService/DeprecateSchema': [
    {
      call: () => registry().deprecateSchema({ eventName: 'order_completed', version: 1 }),
      entry: { kind: 'act', target: { event_name: 'order_completed', version: '1' } },
    },
  ],
};

test('the tables classify every RPC of the contract, each by a name of its own', async () => {
  const methods = (await operatorsServices()).flatMap((one) => one.methods);
  expect([...auditedRpcs.keys()].toSorted()).toEqual(methods.map(rpcName).toSorted());
  expect(new Set(auditedActions).size).toBe(auditedActions.length);
});

test('the cases are of every RPC that the table classifies', () => {
  expect(Object.keys(cases).toSorted()).toEqual([...auditedRpcs.keys()].toSorted());
  const silent = Object.keys(cases).filter((rpc) => cases[rpc]![0]!.entry === undefined);
  const harmless = [...auditedRpcs].filter(([, rpc]) => rpc === 'harmless').map(([rpc]) => rpc);
  expect(silent.toSorted()).toEqual(harmless.toSorted());
});

/** `ok`, or the code of the error with which the call was answered. */
async function answerOf(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => 'ok',
    (error: unknown) => Code[ConnectError.from(error).code],
  );
}

const entriesAfter = async (count: number): Promise<AuditRecord[]> =>
  (await readEntries(real.service.log)).slice(count);

function wantedEntries(rpc: string, { entry }: Case, answer: string): readonly unknown[] {
  if (entry === undefined) return [];
  const wanted = {
    operator: 'admin',
    role: 'admin',
    address: '127.0.0.1',
    action: rpc.split('/')[1],
    correlationId: expect.stringMatching(/./) as string,
    endedMs: expect.any(Number) as number,
    requests: 1,
    outcome: expect.stringMatching(answer === 'ok' ? /^ok$/ : /^(?!ok$|unknown$)/) as string,
    ...entry,
  };
  return [expect.objectContaining(wanted)];
}

describe('an RPC', () => {
  const each = Object.entries(cases).flatMap(([rpc, list]) =>
    list.map((one, index) => [rpc, index, one] as const),
  );
  test.each(each)('%s, case %i, leaves exactly one entry, or none', async (rpc, _index, one) => {
    const before = (await readEntries(real.service.log)).length;
    const answer = await answerOf(one.call);
    expect(answer).not.toBe('Internal');

    // The end of a stream is recorded after its caller has left.
    await expect
      .poll(() => entriesAfter(before), { timeout: 10_000 })
      .toEqual(wantedEntries(rpc, one, answer));
  });
});

test('no payload and no secret is in the stream', async () => {
  const text = await readStreamText(real.service.log);
  expect(text.length).toBeGreaterThan(5_000);
  expect(secrets.map((secret) => secret.length > 20)).toEqual([true, true, true, true]);
  for (const hidden of [
    ...secrets,
    payload,
    secretText,
    person,
    adminToken,
    'Bearer',
    '"order_id"',
    'A-1',
    'u-1',
  ]) {
    expect(text).not.toContain(hidden);
  }
});
