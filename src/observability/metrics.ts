import { collectDefaultMetrics, Registry } from 'prom-client';

import { errorCodes, errorEntry, grpcCodeNames } from '../errors.ts';
import { eventStatuses, warningCodes } from '../event/verdict.ts';
import { createCanaryMetrics } from './canary-metrics.ts';
import { createNatsIntakeMetrics } from './intake/nats-intake.ts';
import { createReloadMetrics } from './reload-metrics.ts';
import { createGauges } from './gauges.ts';
import { createCounter, createGauge, createHistogram } from './metric-families.ts';

/** The values of labels that are known at the start. Any other value is counted as `_other`. */
export interface LabelValues {
  readonly sources: readonly string[];
  readonly eventNames: readonly string[];
  readonly destinations: readonly string[];
  /** Sources that send by webhook. */
  readonly webhooks?: readonly string[];
  /** Sources whose events are taken from streams of NATS. */
  readonly natsSources?: readonly string[];
  /** The RPCs that the audit log records. */
  readonly auditedActions?: readonly string[];
}

export const otherLabel = '_other';

export const rpcs = ['Track', 'BatchTrack', 'Forward', 'GetContracts', otherLabel] as const;
/** The protocols of the vendors' endpoints. */
export const vendorProtocols = ['segment', 'posthog', 'mixpanel', 'cloudevents'] as const;
export const protocols = [
  'grpc',
  'grpc_web',
  'connect',
  'rest',
  'webhook',
  ...vendorProtocols,
  otherLabel,
] as const;
export const webhookOutcomes = [
  'mapped',
  'unmapped',
  'invalid_signature',
  'stale',
  'malformed',
] as const;
/**
 * Budgets of callers that can be used up: gate/intake/callers.ts, http/connections/connections.ts,
 * gate/rpc/open-streams.ts.
 */
export const callerLimits = [
  'connections',
  'control_frames',
  'keyed_memory',
  'keyless_memory',
  'keyless_scan',
  'keyless_turn',
  'open_streams',
] as const;
/** The limits of a source: gate/limits/allowance.ts. */
export const sourceLimitNames = ['events_per_second', 'bytes_per_day'] as const;
export const transformOutcomes = ['changed', 'unchanged', 'filtered', 'failed'] as const;
export type TransformOutcome = (typeof transformOutcomes)[number];

export const deliveryOutcomes = ['delivered', 'retried', 'dead', 'filtered'] as const;

export type Rpc = (typeof rpcs)[number];
export type VendorProtocol = (typeof vendorProtocols)[number];
export type Protocol = (typeof protocols)[number];
export type WebhookOutcome = (typeof webhookOutcomes)[number];
export type CallerLimit = (typeof callerLimits)[number];
export type SourceLimitName = (typeof sourceLimitNames)[number];

/** Why the admin port refuses a request: its token is missing or not known, or has another role. */
export const operatorRefusals = ['no_token', 'wrong_token', 'role'] as const;
export type OperatorRefusal = (typeof operatorRefusals)[number];
export type DeliveryOutcome = (typeof deliveryOutcomes)[number];

/**
 * In seconds. An acknowledgement needs a sync, 0.2 to 20 ms; a request may wait for its timeout.
 */
const answerBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Seconds from accepted to delivered: milliseconds in normal operation, hours after an outage. */
const deliveryBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400,
];

/**
 * How many sources, and pairs of a source and an event, have series of their own; the rest is
 * `_other`. A pair has 22 series: 110,000 in all are a page of 12 MB, and 30 ms of CPU per scrape
 * (metric-text.ts).
 */
export const labelledSourcesMax = 200;
export const labelledPairsMax = 5_000;

/**
 * How many unplanned names have series of their own: the first that were accepted, at most half of all
 * names, so that contracts which come later find room. The rest is `_other`.
 */
export const labelledUnplannedMax = 200;

export type Metrics = ReturnType<typeof createMetrics>;

/** Creates all metrics, with each series at 0: an absent series would hide the first events. */
export function createMetrics(labels: LabelValues) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const sources = [...labels.sources.slice(0, labelledSourcesMax), otherLabel];
  const knownSources = new Set(sources);
  const eventNamesMax = (): number => Math.floor(labelledPairsMax / knownSources.size);
  const eventNames = [otherLabel, ...labels.eventNames].slice(0, eventNamesMax());
  const unlabelled = {
    sources: new Set(labels.sources.slice(labelledSourcesMax)),
    eventNames: labels.eventNames.length + 1 - eventNames.length,
  };
  const { destinations } = labels;

  const counters = createCounters(registry);
  const countEvents = createCountEvents(counters);
  countEvents(knownSources, eventNames);
  for (const code of errorCodes) {
    if (errorEntry(code).scope === 'request') counters.adminErrors.series(code);
  }
  for (const rpc of rpcs) {
    for (const protocol of protocols) {
      for (const code of grpcCodeNames) counters.requests.series(rpc, protocol, code);
    }
  }
  for (const destination of destinations) {
    startDestination(counters, destination);
  }
  for (const source of labels.webhooks ?? []) {
    for (const outcome of webhookOutcomes) counters.webhooks.series(source, outcome);
  }
  for (const limit of callerLimits) counters.callersLimited.series(limit);
  counters.unhandledRejections.series();
  for (const outcome of eventStatuses) counters.relayedEvents.series(otherLabel, outcome);
  counters.relayContracts.series(otherLabel);
  startOperators(counters, labels.auditedActions ?? []);
  const histograms = createHistograms(registry, destinations);
  const gauges = createGauges(registry, eventNames, destinations, sources);
  /** Adds events that are registered later. The set grows with the registry, which is bounded. */
  const addEventNames = (names: readonly string[]): void => {
    const missing = names.filter((name) => !gauges.lastEvent.has(name));
    const added = missing.slice(0, Math.max(0, eventNamesMax() - gauges.lastEvent.size));
    unlabelled.eventNames = missing.length - added.length;
    countEvents(knownSources, added);
    for (const name of added) gauges.lastEvent.set(name, 0);
  };
  const unplanned = createUnplannedNames({ knownSources, gauges, countEvents, eventNamesMax });
  const sourcesAdded = { knownSources, unlabelled: unlabelled.sources, gauges, countEvents };
  exposeUnlabelled(registry, unlabelled);
  return {
    registry,
    ...counters,
    ...histograms,
    gauges,
    canary: createCanaryMetrics(registry),
    reload: createReloadMetrics(registry),
    natsIntake: createNatsIntakeMetrics(registry, labels.natsSources ?? []),
    knownSources: knownSources as ReadonlySet<string>,
    addEventNames,
    ...unplanned,
    addSources: createAddSources(sourcesAdded),
  };
}

/** Starts the series of events by source and name, and those of each source. */
function createCountEvents(counters: Counters) {
  return (ofSources: Iterable<string>, names: Iterable<string>): void => {
    for (const source of ofSources) {
      for (const limit of sourceLimitNames) counters.sourceLimited.series(source, limit);
      for (const eventName of names) {
        for (const outcome of eventStatuses) counters.events.series(source, eventName, outcome);
        for (const code of errorCodes) {
          if (errorEntry(code).scope === 'event' && code !== 'not_stored') {
            counters.validationFailures.series(source, eventName, code);
          }
        }
        for (const code of warningCodes) counters.warnings.series(source, eventName, code);
      }
    }
  };
}

interface UnplannedParts extends Omit<SourceParts, 'unlabelled'> {
  readonly eventNamesMax: () => number;
}

/** Series for names that no contract has. */
function createUnplannedNames({
  knownSources,
  gauges,
  countEvents,
  eventNamesMax,
}: UnplannedParts) {
  const names = new Set<string>();
  let isOn = false;
  return {
    unplannedNames: names as ReadonlySet<string>,
    /** Whether unplanned names get series: where the contracts let them in. */
    labelUnplanned: (on: boolean): void => {
      isOn = on;
    },
    /** Gives an unplanned name series of its own; false if it gets none. */
    addUnplannedName: (name: string): boolean => {
      // Names that begin with _ are ours, such as _other.
      if (!isOn || name.startsWith('_')) return false;
      const namesMax = Math.min(labelledUnplannedMax, Math.floor(eventNamesMax() / 2));
      if (names.size >= namesMax || gauges.lastEvent.size >= eventNamesMax()) return false;
      names.add(name);
      countEvents(knownSources, [name]);
      gauges.lastEvent.set(name, 0);
      return true;
    },
  };
}

interface SourceParts {
  readonly knownSources: Set<string>;
  readonly unlabelled: Set<string>;
  readonly gauges: ReturnType<typeof createGauges>;
  readonly countEvents: (sources: Iterable<string>, names: Iterable<string>) => void;
}

/** Adds sources of keys that are created later, within the limits of those of the start. */
function createAddSources({ knownSources, unlabelled, gauges, countEvents }: SourceParts) {
  return (names: readonly string[]): void => {
    for (const source of names) {
      if (knownSources.has(source)) continue;
      const pairs = (knownSources.size + 1) * gauges.lastEvent.size;
      if (knownSources.size > labelledSourcesMax || pairs > labelledPairsMax) {
        unlabelled.add(source);
        continue;
      }
      knownSources.add(source);
      countEvents([source], gauges.lastEvent.keys());
      gauges.quarantineBytes.set(source, 0);
      gauges.quarantineBytesMax.set(source, 0);
    }
  };
}

function exposeUnlabelled(
  registry: Registry,
  unlabelled: { readonly sources: ReadonlySet<string>; readonly eventNames: number },
): void {
  createGauge(
    registry,
    {
      name: 'headgate_unlabelled',
      help: 'Known sources and registered events that have no series of their own and are counted as _other.',
      labels: ['what'],
    },
    () => [
      { labels: ['source'], value: unlabelled.sources.size },
      { labels: ['event_name'], value: unlabelled.eventNames },
    ],
  );
}

function startDestination(counters: Counters, destination: string): void {
  for (const outcome of deliveryOutcomes) counters.deliveries.series(destination, outcome);
  for (const outcome of transformOutcomes) counters.transforms.series(destination, outcome);
  counters.destinationMissing.series(destination);
  counters.eventsRedelivered.series(destination);
}

function startOperators(counters: Counters, actions: readonly string[]): void {
  for (const reason of operatorRefusals) counters.operatorRefused.series(reason);
  for (const action of actions) counters.auditEntries.series(action);
  counters.auditFailures.series();
}

type Counters = ReturnType<typeof createCounters>;

const createCounters = (registry: Registry) => ({
  ...createIntakeCounters(registry),
  ...createOperatorCounters(registry),
  ...createDeliveryCounters(registry),
});

function createIntakeCounters(registry: Registry) {
  return {
    events: createCounter(registry, {
      name: 'headgate_events_total',
      help: 'Events by verdict.',
      labels: ['source', 'event_name', 'outcome'],
    }),
    validationFailures: createCounter(registry, {
      name: 'headgate_validation_failures_total',
      help: 'Rejected events by error code.',
      labels: ['source', 'event_name', 'code'],
    }),
    warnings: createCounter(registry, {
      name: 'headgate_warnings_total',
      help: 'Events that were stored with a warning, by warning code.',
      labels: ['source', 'event_name', 'code'],
    }),
    requests: createCounter(registry, {
      name: 'headgate_requests_total',
      help: 'Requests by the gRPC status code of the answer.',
      labels: ['rpc', 'protocol', 'code'],
    }),
    unhandledRejections: createCounter(registry, {
      name: 'headgate_unhandled_rejections_total',
      help: 'Failures that no code handled: each is a fault of Headgate or of a library. The process went on.',
      labels: [],
    }),
    callersLimited: createCounter(registry, {
      name: 'headgate_callers_limited_total',
      help: 'Requests and connections that were refused, ended or had to wait because a budget of callers was used up, by budget.',
      labels: ['limit'],
    }),
    sourceLimited: createCounter(registry, {
      name: 'headgate_source_limited_total',
      help: 'Requests that were refused, whole or in part, because their source had reached a limit of its own, by limit.',
      labels: ['source', 'limit'],
    }),
    relayedEvents: createCounter(registry, {
      name: 'headgate_relayed_events_total',
      help: 'Events that relays forwarded, by the source of the write key of the relay and by verdict.',
      labels: ['relay', 'outcome'],
    }),
    relayContracts: createCounter(registry, {
      name: 'headgate_relay_contracts_requests_total',
      help: 'Requests of relays for the contracts, by the source of the write key of the relay. A relay asks every 10 seconds.',
      labels: ['relay'],
    }),
    webhooks: createCounter(registry, {
      name: 'headgate_webhook_requests_total',
      help: 'Webhooks received, by result. A mapped one became an event.',
      labels: ['source', 'outcome'],
    }),
  };
}

function createOperatorCounters(registry: Registry) {
  return {
    adminErrors: createCounter(registry, {
      name: 'headgate_admin_errors_total',
      help: "Operators' RPCs that were answered with an error, by code.",
      labels: ['code'],
    }),
    operatorRefused: createCounter(registry, {
      name: 'headgate_operator_refused_total',
      help: 'Requests to the admin port that were refused because of their token: none, one that is not known, or one whose role does not include the request.',
      labels: ['reason'],
    }),
    auditEntries: createCounter(registry, {
      name: 'headgate_audit_entries_total',
      help: "Operators' acts and views of events that were written to the audit log, by RPC.",
      labels: ['action'],
    }),
    auditFailures: createCounter(registry, {
      name: 'headgate_audit_failures_total',
      help: 'Entries of the audit log, or outcomes of one, that could not be written. Without an entry, the call was refused.',
      labels: [],
    }),
  };
}

function createDeliveryCounters(registry: Registry) {
  return {
    deliveries: createCounter(registry, {
      name: 'headgate_deliveries_total',
      help: 'Attempts to deliver an event to a destination, by result.',
      labels: ['destination', 'outcome'],
    }),
    transforms: createCounter(registry, {
      name: 'headgate_transforms_total',
      help: 'Events that passed the transform of a destination, by what it did. A failed one becomes a dead letter.',
      labels: ['destination', 'outcome'],
    }),
    destinationMissing: createCounter(registry, {
      name: 'headgate_destination_missing_total',
      help: 'Events that were settled without delivery, as the destination said when it was asked. They are delivered again.',
      labels: ['destination'],
    }),
    eventsRedelivered: createCounter(registry, {
      name: 'headgate_redelivered_events_total',
      help: 'Events that redeliveries have sent to a destination again.',
      labels: ['destination'],
    }),
  };
}

function createHistograms(registry: Registry, destinations: readonly string[]) {
  const requestDuration = createHistogram(registry, {
    name: 'headgate_request_duration_seconds',
    help: 'From the first byte of a request to its answer.',
    labels: ['rpc', 'protocol'],
    buckets: answerBuckets,
  });
  const publishDuration = createHistogram(registry, {
    name: 'headgate_publish_duration_seconds',
    help: 'From publishing an event to the log until it is stored as durably as configured.',
    labels: [],
    buckets: answerBuckets,
  });
  const relayLag = createHistogram(registry, {
    name: 'headgate_relay_lag_seconds',
    help: 'From a relay taking an event until this gate accepted it, by the source of the write key of the relay. Includes the difference of the two clocks.',
    labels: ['relay'],
    buckets: deliveryBuckets,
  });
  const deliveryLatency = createHistogram(registry, {
    name: 'headgate_delivery_latency_seconds',
    help: 'From an event being accepted until its destination has it.',
    labels: ['destination'],
    buckets: deliveryBuckets,
  });
  for (const rpc of rpcs) for (const protocol of protocols) requestDuration.series(rpc, protocol);
  publishDuration.series();
  relayLag.series(otherLabel);
  for (const destination of destinations) deliveryLatency.series(destination);
  return { requestDuration, publishDuration, relayLag, deliveryLatency };
}
