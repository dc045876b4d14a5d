import type { DescMethod } from '@bufbuild/protobuf';

import { AuditService } from '../../../gen/headgate/v1/audit_service_pb.ts';
import {
  DeadLetterService,
  type ReplayedDeadLetter,
} from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { CatalogService } from '../../../gen/headgate/v1/catalog_service_pb.ts';
import { DestinationService } from '../../../gen/headgate/v1/destination_service_pb.ts';
import { DoctorService } from '../../../gen/headgate/v1/doctor_service_pb.ts';
import { EventLogService } from '../../../gen/headgate/v1/event_log_service_pb.ts';
import { EventResult_Status as Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import { EventService } from '../../../gen/headgate/v1/event_service_pb.ts';
import { KeyService } from '../../../gen/headgate/v1/key_service_pb.ts';
import { OperatorService } from '../../../gen/headgate/v1/operator_service_pb.ts';
import {
  RejectedService,
  type RejectedFilter,
  type ReplayResult,
} from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { RedeliveryService } from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { SignalService } from '../../../gen/headgate/v1/signal_service_pb.ts';
import { TailService } from '../../../gen/headgate/v1/tail_service_pb.ts';
import type { AuditedIds } from '../../audit/audit-part.ts';
import { rejectedIds } from './event-ids.ts';
import { recorded, timeRange, type AuditedRpc, type RecordedRequest } from './audited-rpc.ts';
import { keyActs, shownKeyId } from './key-acts.ts';

/*
 * Every RPC of the operators' port is in one of two tables: recorded as an act or as a view of events,
 * or harmless. An RPC in neither is refused.
 */

const deadLetters = DeadLetterService.method;
const rejected = RejectedService.method;
const schemas = SchemaRegistryService.method;
const redeliveries = RedeliveryService.method;

/** RPCs that neither change anything nor show events: counts, names, contracts, states. */
const harmless: readonly DescMethod[] = [
  schemas.listSchemas,
  schemas.getSchema,
  rejected.countRejected,
  deadLetters.countDeadLetters,
  DestinationService.method.listDestinations,
  DestinationService.method.getDestination,
  redeliveries.countRedelivery,
  redeliveries.listRedeliveries,
  KeyService.method.listKeys,
  CatalogService.method.listEvents,
  DoctorService.method.getFindings,
  OperatorService.method.listOperators,
  SignalService.method.getHourlyCounts,
];

const views: readonly AuditedRpc[] = [
  recorded('view', TailService.method.tail, {
    request: ({ eventName, source, user, status }) => ({
      target: {
        event_name: eventName,
        source,
        status: statusNames[status] ?? '',
        ...ofPerson(user),
      },
    }),
    answer: ({ what }) => (what.case === 'event' ? { counts: { shown: 1 } } : {}),
  }),
  recorded('view', rejected.listRejected, {
    request: ({ filter, withEvents }) => ({
      target: { ...filterOf(filter), ...(withEvents && { with_events: 'true' }) },
    }),
    answer: (answer) => ({ counts: { shown: answer.rejected.length } }),
  }),
  recorded('view', rejected.getRejected, {
    request: ({ sequence }) => ({ events: [numberOf(sequence)] }),
    lookUp: ({ sequence }, lookups) => lookups.rejected(Number(sequence)),
    answer: () => ({ counts: { shown: 1 } }),
  }),
  recorded('view', EventLogService.method.readEvents, {
    request: ({ eventName, anyName, source, ...range }) => ({
      target: {
        event_name: eventName,
        source,
        ...(anyName && { any_name: 'true' }),
        ...timeRange(range),
      },
    }),
    answer: ({ events }) => ({ counts: { shown: events.length } }),
  }),
  recorded('view', schemas.trySchema, {
    request: ({ eventName, version, schemaJson, source, since }) => ({
      target: {
        event_name: eventName,
        version: version || '',
        source,
        ...timeRange({ since }),
        ...(schemaJson !== '' && { own_schema: 'true' }),
      },
    }),
    answer: ({ stored, rejected }) => ({ counts: { read: Number(stored + rejected) } }),
  }),
  recorded('view', schemas.inferSchema, {
    request: ({ eventName, source, since }) => ({
      target: { event_name: eventName, source, ...timeRange({ since }) },
    }),
    answer: ({ stored, rejected }) => ({ counts: { read: Number(stored + rejected) } }),
  }),
  recorded('view', EventService.method.locate, {
    request: ({ id, user, property, source, eventName, ...range }) => ({
      target: {
        event_name: eventName,
        source,
        ...timeRange(range),
        ...ofPerson(user),
        // The value may be an address or a name.
        ...(property !== '' && { by_property: 'true' }),
      },
      events: id === '' ? [] : [{ searched: id }],
    }),
    answer: ({ events }) => ({ counts: { shown: events.length } }),
  }),
  recorded('view', deadLetters.listDeadLetters, {
    request: ({ destination, eventName, reason, user, ...range }) => ({
      target: {
        destination,
        event_name: eventName,
        reason,
        ...timeRange(range),
        ...ofPerson(user),
      },
    }),
    answer: (answer) => ({ counts: { shown: answer.deadLetters.length } }),
  }),
  recorded('view', deadLetters.getDeadLetter, {
    request: ({ id }) => deadLetterOf(id),
    lookUp: ({ id }, lookups) => lookups.deadLetter(id),
    answer: () => ({ counts: { shown: 1 } }),
  }),
  recorded('view', AuditService.method.listAudit, {
    request: ({ operator, action, destination, event, key, redelivery, ...range }) => ({
      target: {
        operator,
        action,
        destination,
        key: key && shownKeyId(key),
        redelivery,
        ...timeRange(range),
      },
      events: event === '' ? [] : [{ searched: event }],
    }),
    answer: ({ entries }) => ({ counts: { shown: entries.length } }),
  }),
];

const acts: readonly AuditedRpc[] = [
  ...keyActs,
  recorded('act', rejected.replayRejected, {
    request: ({ sequence, filter, dryRun, edits, replacementJson }) => ({
      target: {
        ...(sequence === 0n && filterOf(filter)),
        edits: edits.map(({ path }) => path).join(' '),
        ...(replacementJson !== '' && { replaced: 'true' }),
      },
      events: numbersOf([sequence]),
      dryRun,
    }),
    lookUp: ({ sequence }, lookups) =>
      sequence === 0n ? undefined : lookups.rejected(Number(sequence)),
    answer: ({ results }) => ({ counts: countStatuses(results), events: results.map(replayedIds) }),
  }),
  recorded('act', rejected.discardRejected, {
    request: ({ sequence, filter, dryRun, why }) => ({
      target: sequence === 0n ? filterOf(filter) : {},
      events: numbersOf([sequence]),
      dryRun,
      why,
    }),
    lookUp: ({ sequence }, lookups) =>
      sequence === 0n ? undefined : lookups.rejected(Number(sequence)),
    answer: ({ sequences }) => ({
      counts: { discarded: sequences.length },
      events: numbersOf(sequences),
    }),
  }),
  recorded('act', deadLetters.fixDeadLetter, {
    request: ({ id, eventJson, edits }) => {
      const { target, ...named } = deadLetterOf(id);
      const paths = edits.map(({ path }) => path).join(' ');
      return {
        ...named,
        target: { ...target, edits: paths, ...(eventJson !== '' && { replaced: 'true' }) },
      };
    },
    lookUp: ({ id }, lookups) => lookups.deadLetter(id),
    answer: () => ({ counts: { fixed: 1 } }),
  }),
  recorded('act', deadLetters.replayDeadLetter, {
    request: ({ id }) => deadLetterOf(id),
    lookUp: ({ id }, lookups) => lookups.deadLetter(id),
    answer: () => ({ counts: { replayed: 1 } }),
  }),
  recorded('act', deadLetters.replayDeadLetters, {
    request: ({ destination, eventName, reason, user, ...range }) => ({
      target: {
        destination,
        event_name: eventName,
        reason,
        ...timeRange(range),
        ...ofPerson(user),
      },
    }),
    answer: ({ results }) => ({ counts: countReplays(results) }),
  }),
  recorded('act', deadLetters.discardDeadLetter, {
    request: ({ id, why }) => ({ ...deadLetterOf(id), why }),
    lookUp: ({ id }, lookups) => lookups.deadLetter(id),
    answer: () => ({ counts: { discarded: 1 } }),
  }),
  recorded('act', DestinationService.method.pauseDestination, {
    request: ({ name, why }) => ({ target: { destination: name }, why }),
    answer: () => ({ counts: { paused: 1 } }),
  }),
  recorded('act', DestinationService.method.resumeDestination, {
    request: ({ name }) => ({ target: { destination: name } }),
    answer: ({ resumed }) => ({ counts: { resumed: resumed ? 1 : 0 } }),
  }),
  recorded('act', DestinationService.method.removeDestination, {
    request: ({ name }) => ({ target: { destination: name } }),
    answer: ({ waiting }) => ({ counts: { given_up: Number(waiting) } }),
  }),
  recorded('act', redeliveries.startRedelivery, {
    request: ({ selection, rate }) => ({
      target: {
        destination: selection?.destination ?? '',
        event_name: selection?.eventName ?? '',
        source: selection?.source ?? '',
        ...timeRange({ since: selection?.since, until: selection?.until }),
        ...ofPerson(selection?.user ?? ''),
        ...(selection?.missing && { missing: 'true' }),
        ...(rate > 0 && { rate }),
      },
    }),
    answer: ({ redelivery }) => ({
      target: { redelivery: redelivery?.id ?? '' },
      counts: { started: 1 },
    }),
  }),
  recorded('act', redeliveries.pauseRedelivery, {
    request: ({ id }) => ({ target: { redelivery: id } }),
    answer: () => ({ counts: { paused: 1 } }),
  }),
  recorded('act', redeliveries.resumeRedelivery, {
    request: ({ id }) => ({ target: { redelivery: id } }),
    answer: () => ({ counts: { resumed: 1 } }),
  }),
  recorded('act', redeliveries.cancelRedelivery, {
    request: ({ id }) => ({ target: { redelivery: id } }),
    answer: () => ({ counts: { cancelled: 1 } }),
  }),
  recorded('act', schemas.registerSchema, {
    request: ({ eventName, version, activate, entry, validateOnly }) => ({
      target: {
        event_name: eventName,
        version: version || '',
        ...(activate && { activate: 'true' }),
        ...(entry !== '' && { with_entry: 'true' }),
      },
      dryRun: validateOnly,
    }),
    answer: ({ created }) => ({ counts: { registered: created ? 1 : 0 } }),
  }),
  recorded('act', schemas.pushTaxonomy, {
    request: ({ validateOnly }) => ({ dryRun: validateOnly }),
    answer: ({ changed }) => ({ counts: { changed: changed.length } }),
  }),
  recorded('act', schemas.activateSchema, {
    request: ({ eventName, version }) => ({ target: { event_name: eventName, version } }),
    answer: () => ({ counts: { activated: 1 } }),
  }),
  recorded('act', schemas.deprecateSchema, {
    request: ({ eventName, version }) => ({ target: { event_name: eventName, version } }),
    answer: () => ({ counts: { deprecated: 1 } }),
  }),
];

/** By the full name of the RPC: how it is recorded, or `harmless`. */
export const auditedRpcs: ReadonlyMap<string, AuditedRpc | 'harmless'> = new Map<
  string,
  AuditedRpc | 'harmless'
>([
  ...harmless.map((method) => [rpcName(method), 'harmless'] as const),
  ...[...views, ...acts].map((rpc) => [rpcName(rpc.method), rpc] as const),
]);

/** The names of the RPCs that are recorded: a closed set, for metrics. */
export const auditedActions: readonly string[] = [...views, ...acts].map(
  ({ method }) => method.name,
);

/** `headgate.v1.TailService/Tail`. */
export function rpcName({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

function filterOf(filter: RejectedFilter | undefined): Record<string, string> {
  if (filter === undefined) return {};
  const { source, eventName, code, user, withReplayed, withDiscarded } = filter;
  return {
    source,
    event_name: eventName,
    code,
    ...timeRange(filter),
    ...ofPerson(user),
    ...(withReplayed && { with_replayed: 'true' }),
    ...(withDiscarded && { with_discarded: 'true' }),
  };
}

/** Who a person is must not outlive the events. */
function ofPerson(user: string): Record<string, string> {
  return user === '' ? {} : { of_a_person: 'true' };
}

/** 0 stands for a filter. */
function numbersOf(sequences: readonly bigint[]): AuditedIds[] {
  return sequences.filter((one) => one !== 0n).map(numberOf);
}

/** A number that no stream reaches is kept as it was typed: as a double it would be another one. */
function numberOf(sequence: bigint): AuditedIds {
  const rejected = Number(sequence);
  return Number.isSafeInteger(rejected) ? { rejected } : { searched: String(sequence) };
}

/** The id of a dead letter begins with its destination. */
function deadLetterOf(id: string): RecordedRequest {
  const [, destination = ''] = /^([^:]+):/.exec(id) ?? [];
  return { target: { destination }, events: [{ deadLetter: id }] };
}

function replayedIds({ sequence, source, idempotencyKey }: ReplayResult): AuditedIds {
  return rejectedIds(Number(sequence), source, idempotencyKey);
}

const statusNames: Readonly<Record<number, string>> = {
  [Status.ACCEPTED]: 'accepted',
  [Status.DUPLICATE]: 'duplicate',
  [Status.REJECTED]: 'rejected',
  [Status.RETRY]: 'retry',
};

function countStatuses(results: readonly ReplayResult[]): Record<string, number> {
  return countNames(results.map(({ status }) => statusNames[status] ?? 'retry'));
}

function countReplays(results: readonly ReplayedDeadLetter[]): Record<string, number> {
  return countNames(results.map(({ code }) => code || 'replayed'));
}

function countNames(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
