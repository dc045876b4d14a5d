import { createAuditLog } from '../audit/audit-log.ts';
import { createAuditRecords } from '../audit/audit-records.ts';
import type { Config } from '../config/config.ts';
import type { DeadLetterQueue } from '../dead-letters/queue.ts';
import { destinationTypes } from '../destinations/registry.ts';
import type { Log } from '../jetstream/log.ts';
import { partsOf } from '../jetstream/events/event-streams.ts';
import { createGauge } from '../observability/metric-families.ts';
import type { Metrics } from '../observability/metrics.ts';
import { observingText, suspendedText, type Signals } from '../observability/signals.ts';
import { openAdmin, type AdminListener } from '../operators/admin.ts';
import { auditCalls } from '../operators/audit/audit-calls.ts';
import { createEventLookups } from '../operators/audit/event-ids.ts';
import { createSessionRecorder } from '../operators/audit/session-acts.ts';
import type { KeyServiceOptions } from '../operators/key-service.ts';
import type { RegistryServiceOptions } from '../operators/contracts/registry-service.ts';
import type { RejectedServiceOptions } from '../operators/rejected/rejected-service.ts';
import { loadOperatorTokens } from '../operators/token-files.ts';
import { operatorsRoutes, type OperatorsParts } from '../operators/routes.ts';
import { createTail } from '../tail/tail.ts';
import { renderMetrics } from '../observability/metric-text.ts';
import type { ServiceCounts } from './counts/start-counts.ts';
import { examineService } from './doctor/examine-service.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { ServiceLog } from './open-log.ts';
import type { RunningDelivery } from './start-delivery.ts';

export interface OperatorsPortParts {
  readonly config: Config;
  readonly log: Log;
  readonly opened: Pick<ServiceLog, 'embedded'>;
  readonly metrics: Metrics;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly registry: RegistryServiceOptions;
  readonly rejected: RejectedServiceOptions;
  readonly deadLetters: DeadLetterQueue;
  readonly keys: KeyServiceOptions;
  /** Undefined if this process delivers to no destination. */
  readonly delivery: RunningDelivery | undefined;
  readonly counts: Pick<ServiceCounts, 'addNow'>;
  readonly consoleFolder?: string | undefined;
  /** How many processes accept events now. */
  readonly gatesRunning: () => number;
  /** Why one of these processes can store no event just now; undefined if each can. */
  readonly storeFailure: () => string | undefined;
}

export type OperatorsPort = Pick<
  AdminListener,
  'address' | 'useOperators' | 'useTlsFiles' | 'makeSignInCode'
>;

const closeGraceMs = 1000;

/** Opens the operators' port: health, metrics, and the operators' RPCs. */
export async function openOperatorsPort(parts: OperatorsPortParts): Promise<OperatorsPort> {
  const { config, log, metrics, signals, lifecycle, gatesRunning } = parts;
  exposeGateProcesses(metrics, gatesRunning);
  const tail = createTail(log, parts.rejected.rejected.isOfPerson);
  const probe = createProbe(parts);
  const examine: OperatorsParts['examine'] = (port) =>
    examineService(
      { config, log, metrics, probe, registry: parts.registry.registry, keys: parts.keys.list },
      port,
    );
  const audit = createAuditLog(log);
  const admin = await openAdmin({
    config,
    tokens: loadOperatorTokens(config),
    consoleFolder: parts.consoleFolder,
    signals,
    notice: () =>
      (config.enforcement === 'warn' ? `${suspendedText}\n` : '') +
      (metrics.gauges.observing === 1 ? `${observingText}\n` : ''),
    probe,
    metricsPage: {
      contentType: metrics.registry.contentType,
      render: () => renderMetrics(metrics.registry),
    },
    recordSession: createSessionRecorder(audit, signals),
    audit: auditCalls({
      audit,
      lookups: createEventLookups(parts.deadLetters, parts.rejected.rejected),
      signals,
    }),
    routes: operatorsRoutes({ ...servicePartsOf(parts), tail, examine }),
  });
  lifecycle.onRelease('admin port', () => {
    // Subscribers would keep the port open until its grace period ends.
    tail.close();
    return admin.close(closeGraceMs);
  });
  return admin;
}

/** Resolves if this gate takes events; otherwise rejects with the reason. */
function createProbe(parts: OperatorsPortParts): () => Promise<void> {
  const { config, log, opened, gatesRunning, storeFailure } = parts;
  return async () => {
    const frozen = opened.embedded?.frozenStreams();
    const open = partsOf(log, 'EVENTS').filter(({ isClosed }) => !isClosed);
    if (open.length > 0 && open.every(({ stream }) => frozen?.has(stream) === true)) {
      throw new Error('nats-server takes no events: a write to its disk has failed');
    }
    await log.probe();
    if (config.roles.has('gate') && gatesRunning() === 0) {
      throw new Error('no gate is running just now');
    }
    const failure = storeFailure();
    if (failure !== undefined) throw new Error(failure);
  };
}

function servicePartsOf(parts: OperatorsPortParts) {
  const { config, log, metrics, signals, registry, rejected, deadLetters, delivery, keys } = parts;
  const { destinations } = config;
  return {
    log,
    registry,
    rejected,
    deadLetters,
    keys,
    addCounts: parts.counts.addNow,
    auditRecords: createAuditRecords(log),
    events: { destinations, delivery, rejected: rejected.rejected },
    redeliveries: {
      signals,
      destinations: destinations.map((one) => ({
        ...one,
        secondCopies: destinationTypes.find(({ type }) => type === one.type)!.secondCopies,
      })),
      storedOf: delivery?.storedOf,
    },
    destinations: {
      signals,
      destinations,
      stateOf: (name: string) => delivery?.stateOf(name),
      deliveredOf: (name: string) => metrics.deliveries.series(name, 'delivered').value,
      canBeAsked: (name: string) => delivery?.storedOf(name) !== undefined,
    },
  };
}

function exposeGateProcesses(metrics: Metrics, running: () => number): void {
  createGauge(
    metrics.registry,
    {
      name: 'headgate_gate_processes',
      help: 'Processes that serve the public port.',
      labels: [],
    },
    () => [{ labels: [], value: running() }],
  );
}
