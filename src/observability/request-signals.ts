import { errorEntry, grpcCodeNames, type ErrorCode } from '../errors.ts';
import { eventStatuses, type EventStatus } from '../event/verdict.ts';
import type { LineSampler } from './line-sampler.ts';
import type { Logger } from './logger.ts';
import type { CounterSeries, HistogramSeries } from './metric-families.ts';
import {
  otherLabel,
  protocols,
  rpcs,
  type Metrics,
  type Protocol,
  type Rpc,
  type WebhookOutcome,
} from './metrics.ts';

/** Counted in place of an unknown status code: a metric must not throw while an answer is sent. */
const grpcUnknown = 2;

/** The signals about requests of producers and operators. */
export function createRequestSignals(metrics: Metrics, logger: Logger, sampler: LineSampler) {
  const requestSeries = createRequestSeries(metrics);
  const logError = (
    kind: string,
    code: ErrorCode,
    fields: Readonly<Record<string, string>>,
    error: Error,
  ): void => {
    const level = errorEntry(code).logLevel;
    if (!logger.isLevelEnabled(level) || !sampler.admit(kind)) return;
    logger[level](
      { code, ...fields, ...(code === 'internal' ? { err: error } : {}) },
      error.message,
    );
  };
  return {
    requestAnswered: (rpc: Rpc, protocol: Protocol, grpcCode: number, seconds: number): void => {
      const series = requestSeries(rpc, protocol);
      (series.codes[grpcCode] ?? series.codes[grpcUnknown]!).value += 1;
      series.duration.observe(seconds);
    },
    requestFailed: (code: ErrorCode, correlationId: string, error: Error): void =>
      logError(code, code, { correlationId }, error),
    /**
     * `rpc` is the full name of a method, such as `headgate.v1.TailService/Tail`; `operator` the name
     * of its caller.
     */
    operatorRequestFailed: (
      rpc: string,
      code: ErrorCode,
      correlationId: string,
      error: Error,
      operator: string | undefined,
    ): void => {
      metrics.adminErrors.series(code).value += 1;
      if (code === 'operator_not_allowed') metrics.operatorRefused.series('role').value += 1;
      const caller = operator === undefined ? {} : { operator };
      logError(`${rpc}: ${code}`, code, { rpc, ...caller, correlationId }, error);
    },
    /** An operator's act or view has an entry in the audit log. */
    auditWritten: (action: string): void => {
      metrics.auditEntries.series(action).value += 1;
    },
    /** An entry or its outcome could not be written. Without an entry, the call was refused. */
    auditFailed: (
      action: string,
      correlationId: string,
      error: unknown,
      operator: string,
    ): void => {
      metrics.auditFailures.series().value += 1;
      if (!sampler.admit('audit failed')) return;
      const reason = error instanceof Error ? error.message : String(error);
      logger.error(
        { action, operator, correlationId, reason },
        'the audit log could not be written',
      );
    },
    /** A relay forwarded an event. `lagMs`: since it took the event. */
    eventRelayed: createEventRelayed(metrics),
    /** A relay asked for the contracts. */
    relayAsked: (source: string): void => {
      const relay = metrics.knownSources.has(source) ? source : otherLabel;
      metrics.relayContracts.series(relay).value += 1;
    },
    webhookReceived: (source: string, outcome: WebhookOutcome): void => {
      metrics.webhooks.series(source, outcome).value += 1;
    },
  };
}

/** Counts by relay, whose series are looked up once. */
function createEventRelayed(metrics: Metrics) {
  const seriesOf = (relay: string) => ({
    lag: metrics.relayLag.series(relay),
    outcomes: Object.fromEntries(
      eventStatuses.map((status) => [status, metrics.relayedEvents.series(relay, status)]),
    ) as Record<EventStatus, CounterSeries>,
  });
  const byRelay = new Map<string, ReturnType<typeof seriesOf>>();
  return (source: string, outcome: EventStatus, lagMs: number): void => {
    const relay = metrics.knownSources.has(source) ? source : otherLabel;
    let series = byRelay.get(relay);
    if (series === undefined) byRelay.set(relay, (series = seriesOf(relay)));
    series.outcomes[outcome].value += 1;
    if (outcome === 'accepted') series.lag.observe(Math.max(0, lagMs) / 1000);
  };
}

interface RequestSeries {
  /** Indexed by gRPC status code. */
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
