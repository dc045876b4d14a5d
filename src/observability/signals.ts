import type { ErrorCode } from '../errors.ts';
import { errorCodes, errorEntry, grpcCodeNames } from '../errors.ts';
import { canaryName } from '../event/canary.ts';
import { eventStatuses, warningCodes, type Verdict } from '../event/verdict.ts';
import { createCanarySignals } from './canary-metrics.ts';
import { createLineSampler, type LineSampler } from './line-sampler.ts';
import type { Logger } from './logger.ts';
import type { CounterSeries, HistogramSeries } from './metric-families.ts';
import {
  otherLabel,
  protocols,
  rpcs,
  type DeliveryOutcome,
  type Metrics,
  type Protocol,
  type Rpc,
  type WebhookOutcome,
} from './metrics.ts';

/** One call of a destination: one wide log line. */
export interface DeliveryCall {
  readonly destination: string;
  readonly stream: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly events: number;
  readonly delivered: number;
  /** Events that it could not take for reasons of its own. */
  readonly postponed: number;
  /** Events that it refused; each has a line of its own. */
  readonly refused: number;
  /** A single event, to see whether a parked destination is back. */
  readonly probe: boolean;
  readonly durationMs: number;
  /** Of the first event. */
  readonly correlationId: string;
  /** Of the first that was not delivered; empty where all were. */
  readonly status: string;
  readonly error: string;
}

/** A failed, or given up, attempt to deliver one event: one wide log line. */
export interface ReportedAttempt {
  readonly destination: string;
  readonly stream: string;
  readonly sequence: number;
  readonly eventId: string;
  readonly eventName: string;
  readonly correlationId: string;
  readonly attempt: number;
  readonly durationMs: number;
  readonly status: string;
  readonly error: string;
  /** When it is tried again; undefined when it is not. */
  readonly retryInMs: number | undefined;
}

/** Counts what is no status code of gRPC: a metric must not throw where an answer is on its way. */
const grpcUnknown = 2;

/** Of one kind: enough to see what happens, and few enough to be read. */
const linesPerSecondMax = 20;

/** What an operator reads while `enforcement` is `warn`. */
export const suspendedText =
  'enforcement is warn: no event is refused for its contract; violations are stored as warnings';

/** Everything that Headgate reports about itself, one function a fact: metric and log line. */
export type Signals = ReturnType<typeof createSignals>;

export function createSignals(metrics: Metrics, logger: Logger) {
  const verdicts = createVerdictCounters(metrics);
  const requestSeries = createRequestSeries(metrics);
  const publishDuration = metrics.publishDuration.series();
  const sampler = createLineSampler({
    linesPerSecondMax,
    onLeftOut: (kind, leftOut) => logger.warn({ kind, leftOut }, 'log lines left out'),
  });
  return {
    /** Per event on the hot path: no log line, no allocation. */
    eventValidated: (source: string, eventName: string, verdict: Verdict): void => {
      // Our own heartbeat is in nobody's counts.
      if (source !== canaryName) verdicts(source, eventName, verdict);
    },
    /** Once, at the start: contracts that are not enforced must not be forgotten. */
    enforcementSet: (suspended: boolean): void => {
      metrics.gauges.enforcementSuspended = suspended ? 1 : 0;
      if (suspended) logger.warn({ enforcement: 'warn' }, suspendedText);
    },
    eventPublished: (seconds: number): void => publishDuration.observe(seconds),
    requestAnswered: (rpc: Rpc, protocol: Protocol, grpcCode: number, seconds: number): void => {
      const series = requestSeries(rpc, protocol);
      (series.codes[grpcCode] ?? series.codes[grpcUnknown]!).value += 1;
      series.duration.observe(seconds);
    },
    requestFailed: (code: ErrorCode, correlationId: string, error: Error): void => {
      const level = errorEntry(code).logLevel;
      if (!logger.isLevelEnabled(level) || !sampler.admit(code)) return;
      logger[level](
        { code, correlationId, ...(code === 'internal' ? { err: error } : {}) },
        error.message,
      );
    },
    webhookReceived: (source: string, outcome: WebhookOutcome): void => {
      metrics.webhooks.series(source, outcome).value += 1;
    },
    rejectedEventNotKept: (correlationId: string, reason: string): void => {
      if (!sampler.admit('rejected event not kept')) return;
      logger.error({ correlationId, reason }, 'a rejected event could not be kept; told to retry');
    },
    ...createDeliverySignals(metrics, logger, sampler),
    ...createRegistrySignals(metrics, logger),
    streamSize: (stream: string, bytes: number, bytesMax: number): void => {
      metrics.gauges.streamBytes.set(stream, bytes);
      metrics.gauges.streamBytesMax.set(stream, bytesMax);
    },
    ...createCanarySignals(metrics.canary, logger),
    connectionChanged: (connection: string, status: string): void =>
      logger.warn({ connection, status }, 'NATS connection'),
    serverRestarted: (reason: string): void =>
      logger.error({ reason }, 'nats-server is started again'),
    /** Something of ours went wrong in the background; it is tried again. */
    trouble: (where: string, error: unknown): void => {
      // One kind, whichever event it was about.
      if (!sampler.admit(where.replaceAll(/\d+/g, '#'))) return;
      logger.error(
        { where, err: error instanceof Error ? error : new Error(String(error)) },
        where,
      );
    },
    note: (fields: Record<string, unknown>, text: string): void => logger.info(fields, text),
  };
}

/** What becomes of events on their way to destinations. */
function createDeliverySignals(metrics: Metrics, logger: Logger, sampler: LineSampler) {
  return {
    eventsDelivered: (destination: string, count: number): void => {
      metrics.deliveries.series(destination, 'delivered').value += count;
    },
    deliveryLatency: (destination: string, seconds: number): void =>
      metrics.deliveryLatency.series(destination).observe(seconds),
    eventsFiltered: (destination: string, count: number): void => {
      metrics.deliveries.series(destination, 'filtered').value += count;
    },
    deliveryFailed: (
      outcome: Extract<DeliveryOutcome, 'retried' | 'dead'>,
      attempt: ReportedAttempt,
    ): void => {
      metrics.deliveries.series(attempt.destination, outcome).value += 1;
      if (!sampler.admit(`delivery failed: ${attempt.destination}`)) return;
      logger.warn({ ...attempt, outcome }, 'delivery failed');
    },
    /** `describe` is asked only where the line is written: calls are many, and mostly go well. */
    destinationCalled: (destination: string, well: boolean, describe: () => DeliveryCall): void => {
      const level = well ? 'debug' : 'warn';
      if (!logger.isLevelEnabled(level) || !sampler.admit(`${level} call: ${destination}`)) return;
      logger[level]({ ...describe() }, well ? 'delivered' : 'destination did not take all');
    },
    /** It was the destination's fault: one log line a call (`destinationCalled`), none here. */
    deliveryPostponed: (destination: string): void => {
      metrics.deliveries.series(destination, 'retried').value += 1;
    },
    destinationPending: (destination: string, count: number): void => {
      metrics.gauges.destinationPending.set(destination, count);
    },
    destinationParked: (destination: string, parked: boolean, reason: string): void => {
      metrics.gauges.destinationParked.set(destination, parked ? 1 : 0);
      if (!parked) metrics.gauges.destinationDisabled.set(destination, 0);
      logger.warn(
        parked ? { destination, parked, reason } : { destination, parked },
        parked ? 'destination parked' : 'destination back',
      );
    },
    /** Of a parked one: it has said that it wants nothing more. */
    destinationDisabled: (destination: string, disabled: boolean): void => {
      metrics.gauges.destinationDisabled.set(destination, disabled ? 1 : 0);
    },
    /** It is configured no more, and what it was not given holds back the janitor for ever. */
    destinationForgotten: (destination: string, waiting: number): void =>
      logger.warn(
        { destination, waiting },
        'no configuration names this destination, and the log keeps events for it: ' +
          'put it back, or run headgate destinations remove',
      ),
    deadLetters: (destination: string, count: number, oldestSeconds: number): void => {
      metrics.gauges.deadLetters.set(destination, count);
      metrics.gauges.deadLetterOldest.set(destination, oldestSeconds);
    },
  };
}

/** About the contracts, where they are kept in the log. */
function createRegistrySignals(metrics: Metrics, logger: Logger) {
  return {
    registryFollowed: (revision: number, badEntries: number): void => {
      Object.assign(metrics.gauges.contracts, { revision, badEntries, followedAtMs: Date.now() });
    },
    /** An entry of the registry is not sound: what was in force before stays so. */
    registryFault: (fault: string): void =>
      logger.error({ fault }, 'an entry of the schema registry is not in force'),
    registryChanged: (revision: number, eventNames: readonly string[]): void => {
      metrics.addEventNames(eventNames);
      logger.info({ revision, events: eventNames.length }, 'the contracts have changed');
    },
    registryAway: (error: unknown): void =>
      logger.warn(
        { err: error },
        'the schema registry cannot be read; the contracts stay as they are',
      ),
  };
}

interface RequestSeries {
  /** By the number of the gRPC code. */
  readonly codes: readonly CounterSeries[];
  readonly duration: HistogramSeries;
}

/** The series of every (RPC, protocol), looked up once. */
function createRequestSeries(metrics: Metrics): (rpc: Rpc, protocol: Protocol) => RequestSeries {
  const byRpc = new Map(
    rpcs.map((rpc) => [
      rpc,
      new Map(
        protocols.map((protocol) => [
          protocol,
          {
            codes: grpcCodeNames.map((code) => metrics.requests.series(rpc, protocol, code)),
            duration: metrics.requestDuration.series(rpc, protocol),
          },
        ]),
      ),
    ]),
  );
  return (rpc, protocol) => byRpc.get(rpc)!.get(protocol)!;
}

const knownErrors: ReadonlySet<string> = new Set(errorCodes);
const knownWarnings: ReadonlySet<string> = new Set(warningCodes);
const errorLabel = (code: string): string => (knownErrors.has(code) ? code : otherLabel);
const warningLabel = (code: string): string => (knownWarnings.has(code) ? code : otherLabel);

/** The counters of every (source, event), looked up once: two map reads an event. */
function createVerdictCounters(metrics: Metrics) {
  type Outcomes = Record<string, CounterSeries>;
  const cache = new Map<string, Map<string, Outcomes>>();
  const { lastEvent } = metrics.gauges;
  for (const source of metrics.knownSources) cache.set(source, new Map<string, Outcomes>());
  const labelOf = (source: string): string =>
    metrics.knownSources.has(source) ? source : otherLabel;

  const outcomesOf = (source: string, eventName: string): Outcomes => {
    // Nothing is kept by a source that is not known, such as that of a replay whose keys are gone.
    const events = cache.get(source) ?? cache.get(otherLabel)!;
    let outcomes = events.get(eventName);
    if (outcomes === undefined) {
      outcomes = Object.fromEntries(
        eventStatuses.map((status) => [
          status,
          metrics.events.series(labelOf(source), eventName, status),
        ]),
      );
      events.set(eventName, outcomes);
    }
    return outcomes;
  };

  return (source: string, eventName: string, verdict: Verdict): void => {
    const known = lastEvent.has(eventName) ? eventName : otherLabel;
    outcomesOf(source, known)[verdict.status]!.value += 1;
    if (verdict.status === 'accepted') lastEvent.set(known, verdict.timestampMs / 1000);
    if (verdict.warnings.length > 0) {
      for (const { code } of verdict.warnings) {
        metrics.warnings.series(labelOf(source), known, warningLabel(code)).value += 1;
      }
    }
    if (verdict.status === 'rejected') {
      const { code } = verdict.error!;
      metrics.validationFailures.series(labelOf(source), known, errorLabel(code)).value += 1;
    }
  };
}
