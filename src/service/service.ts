import path from 'node:path';

import type { ServiceImpl } from '@connectrpc/connect';

import { newCanaryKey } from '../canary/canary-key.ts';
import { createHeartbeat } from '../canary/heartbeat.ts';
import { createSendHeartbeat } from '../canary/send-heartbeat.ts';
import type { Address, Config } from '../config/config.ts';
import { describeConfig } from '../config/describe-config.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { createDeadLetterService } from '../operators/dead-letter-service.ts';
import { openDeadLetters, type DeadLetterQueue } from '../dead-letters/queue.ts';
import { createDestinationService } from '../operators/destination-service.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { StartError } from '../errors.ts';
import { openAdmin } from '../operators/admin.ts';
import { defaultSource } from '../gate/intake/authenticate.ts';
import { openGate } from '../gate/gate.ts';
import type { Listener } from '../http/listen.ts';
import { createEventFixer } from '../gate/accept/fix-event.ts';
import { openReplayEndpoint } from '../gate/accept/replay.ts';
import { startGateProcesses, type GateProcesses } from './gate-processes.ts';
import { parseServerUrl } from '../jetstream/connection.ts';
import {
  startEmbeddedServer,
  type EmbeddedServer,
  type ServerAddress,
} from '../jetstream/server/embedded-server.ts';
import { createEventStore } from '../jetstream/event-store.ts';
import type { Log } from '../jetstream/log.ts';
import { openLog, type LogOptions } from '../jetstream/open-log.ts';
import { findServerBinary } from '../jetstream/server/server-binary.ts';
import { storageBudget } from '../jetstream/server/storage-budget.ts';
import { createStreamGauges } from '../jetstream/read/stream-gauges.ts';
import { lockStore } from '../jetstream/server/store-lock.ts';
import { createEventService } from '../operators/event-service.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { createDeltaSink } from '../observability/metric-deltas.ts';
import { countedFamiliesOf, createGauge } from '../observability/metric-families.ts';
import { createMetrics, type LabelValues, type Metrics } from '../observability/metrics.ts';
import { createSignals, suspendedText, type Signals } from '../observability/signals.ts';
import { startDelivery, type RunningDelivery } from './start-delivery.ts';
import { startRegistry } from './start-registry.ts';
import { createEventLogService } from '../operators/event-log-service.ts';
import { createQuarantine } from './open-quarantine.ts';
import { createTail } from '../operators/tail-service.ts';
import { createLiveValidation, type LiveValidation } from '../validation/live-validation.ts';
import { emptyRegistry, loadRegistry } from '../validation/schema-registry.ts';

/** A running Headgate. */
export interface Service {
  /** Where the doors are; undefined when this process has no `gate` role. */
  readonly address: Address | undefined;
  readonly adminAddress: Address;
  /** The log: for tests and tools that look at streams. */
  readonly log: Log;
  /** The nats-server that was started; undefined when an external one is used. */
  readonly embedded: EmbeddedServer | undefined;
  /** Drains and lets go of everything. Safe to call again. */
  stop(): Promise<void>;
}

export interface ServiceOverrides {
  /** The directories to look for nats-server in, as PATH has them. */
  readonly searchPath?: string;
  readonly logger?: Logger;
}

/**
 * Starts everything, in the order in which data flows from back to front: the log, the workers, and
 * the doors last, so that nothing comes in before it can be stored. Stops in the opposite order.
 *
 * Throws a StartError with one sentence for the operator; what was started is let go of first.
 */
export async function createService(
  config: Config,
  overrides: ServiceOverrides = {},
): Promise<Service> {
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const lifecycle = createLifecycle(
    (name, error) => logger.error({ err: error, name }, 'could not be stopped cleanly'),
    (name, ms) => logger.debug({ name, ms: Math.round(ms) }, 'stopped'),
  );
  try {
    return await startService(config, overrides, logger, lifecycle);
  } catch (error) {
    await lifecycle.release();
    throw error;
  }
}

async function startService(
  config: Config,
  overrides: ServiceOverrides,
  logger: Logger,
  lifecycle: Lifecycle,
): Promise<Service> {
  // Validation: what the events must be.
  const validation = createLiveValidation(
    config.schemasSource === 'files' ? await loadRegistry(config.schemasDir) : emptyRegistry,
    { enforcement: config.enforcement, hashKey: config.pii.hashKey?.reveal() },
  );

  // Observability: the closed sets of labels are known from here on.
  const labels: LabelValues = {
    sources: sourcesOf(config),
    eventNames: validation.registry().events.map(({ name }) => name),
    destinations: config.destinations.map((destination) => destination.name),
    webhooks: config.webhooks.map(({ source }) => source),
  };
  const metrics = createMetrics(labels);
  const signals = createSignals(metrics, logger);
  const observed = { labels, metrics, signals };
  logger.debug({ config: describeConfig(config, destinationTypes) }, 'configuration');
  signals.enforcementSet(config.enforcement === 'warn');

  // JetStream: the log.
  const server = await startServer(config, overrides, signals, lifecycle);
  const logOptions = logOptionsOf(config, server);
  const log = await openLog({ ...logOptions, onStatus: signals.connectionChanged });
  lifecycle.onRelease('log', log.close);
  checkMessageSize(config, log);
  await showStreamSizes(log, signals, lifecycle);

  // The contracts, where they are kept in the log: in force before the first event.
  let gate: GateProcesses | undefined;
  const registryService = await startRegistry({
    config,
    log,
    signals,
    lifecycle,
    registry: validation.registry,
    onChange: (registry) => {
      validation.replace(registry);
      gate?.follow(registry);
    },
  });

  // RunningDelivery and dead letters: what cannot be delivered goes from the one to the other.
  const fixer = createEventFixer({ validate: validation.validate, ...config.limits });
  const deadLetters = await openDeadLetters(log, fixer);
  const delivery = config.roles.has('deliver')
    ? await startDelivery({ config, log, signals, lifecycle, deadLetters })
    : undefined;

  // Quarantine: what was rejected, and its way back in.
  const quarantine = startQuarantine({ config, log, signals, lifecycle, validation });

  // The operators' port, then the doors.
  exposeGateProcesses(metrics, () => gate?.running() ?? 0);
  const admin = await openOperatorsPort({
    config,
    log,
    metrics,
    signals,
    deadLetters,
    quarantine,
    registry: registryService,
    delivery,
    gate: () => gate,
  });
  lifecycle.onRelease('admin port', () => admin.close(adminGraceMs));
  if (config.roles.has('gate')) {
    gate = await openEndpoints({ config, validation, ...observed, log, logOptions, lifecycle });
    // What has changed while it opened.
    gate.follow(validation.registry());
  }

  return {
    address: gate?.address,
    adminAddress: admin.address,
    log,
    embedded: server.embedded,
    stop: lifecycle.release,
  };
}

interface OperatorsPortParts {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signals: Signals;
  readonly deadLetters: DeadLetterQueue;
  readonly quarantine: ServiceImpl<typeof RejectedService>;
  readonly registry: ServiceImpl<typeof SchemaRegistryService>;
  readonly delivery: RunningDelivery | undefined;
  readonly gate: () => GateProcesses | undefined;
}

async function openOperatorsPort(parts: OperatorsPortParts): Promise<Listener> {
  const { config, log, metrics, signals, deadLetters, quarantine, registry, delivery, gate } =
    parts;
  const tail = createTail(log);
  const admin = await openAdmin({
    config,
    notice: config.enforcement === 'warn' ? suspendedText : undefined,
    probe: async () => {
      await log.probe();
      if (config.roles.has('gate') && !gate()?.running())
        throw new Error('no door is open just now');
    },
    renderMetrics: async () => ({
      text: await metrics.registry.metrics(),
      contentType: metrics.registry.contentType,
    }),
    routes: (router) =>
      router
        .service(DeadLetterService, createDeadLetterService(deadLetters, signals))
        .service(RejectedService, quarantine)
        .service(TailService, tail.service)
        .service(SchemaRegistryService, registry)
        .service(EventLogService, createEventLogService(log, signals))
        .service(EventService, createEventService({ ...config, log, signals, delivery }))
        .service(
          DestinationService,
          createDestinationService({
            log,
            signals,
            destinations: config.destinations,
            stateOf: (name) => delivery?.stateOf(name),
            deliveredOf: (name) => metrics.deliveries.series(name, 'delivered').value,
          }),
        ),
  });
  // Who watches would hold the port open to the end of its grace.
  const close: Listener['close'] = (graceMs) => {
    tail.close();
    return admin.close(graceMs);
  };
  return { ...admin, close };
}

interface QuarantineParts {
  readonly config: Config;
  readonly log: Log;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly validation: LiveValidation;
}

/** In the first process, which has no other door when there are several. */
function startQuarantine(parts: QuarantineParts): ServiceImpl<typeof RejectedService> {
  const { config, log, signals, lifecycle, validation } = parts;
  const replayEndpoint = openReplayEndpoint(config, signals, {
    validate: validation.validate,
    ...createEventStore(log, validation.isPlanned),
  });
  lifecycle.onRelease('replay door', replayEndpoint.close);
  return createQuarantine({
    log,
    signals,
    gate: replayEndpoint,
    dedupWindowMs: config.log.dedupWindowMs,
  });
}

interface EndpointParts {
  readonly config: Config;
  readonly validation: LiveValidation;
  readonly labels: LabelValues;
  readonly metrics: Metrics;
  readonly signals: Signals;
  readonly log: Log;
  readonly logOptions: Omit<LogOptions, 'onStatus'>;
  readonly lifecycle: Lifecycle;
}

/** The doors, and the heartbeat that goes through them. */
async function openEndpoints(parts: EndpointParts): Promise<GateProcesses> {
  const { config, log, signals, lifecycle } = parts;
  const { intervalMs } = config.canary;
  const key = intervalMs === undefined ? undefined : newCanaryKey();
  const gate = await openGates(parts, key);
  lifecycle.onRelease('gate', gate.close);
  if (intervalMs !== undefined && key !== undefined) {
    const send = createSendHeartbeat({ address: gate.address, tls: config.tls, key });
    const heartbeat = createHeartbeat({ log, signals, intervalMs, send });
    lifecycle.onRelease('heartbeat', heartbeat.stop);
    heartbeat.start();
  }
  return gate;
}

/** In this process, or in several beside it, which then have connections of their own. */
async function openGates(
  parts: EndpointParts,
  canaryKey: string | undefined,
): Promise<GateProcesses> {
  const { config, validation, labels, metrics, signals, log, logOptions } = parts;
  if (config.processes === 1) {
    const gate = await openGate(config, signals, {
      validate: validation.validate,
      redactRejected: validation.redactRejected,
      ...createEventStore(log, validation.isPlanned),
      canaryKey,
    });
    return { ...gate, running: () => 1, follow: () => {} };
  }
  return startGateProcesses({
    config,
    registry: validation.registry,
    canaryKey,
    labels,
    log: logOptions,
    signals,
    onCounted: createDeltaSink({
      families: countedFamiliesOf(metrics.registry),
      lastEvents: metrics.gauges.lastEvent,
    }),
  });
}

function exposeGateProcesses(metrics: Metrics, running: () => number): void {
  createGauge(
    metrics.registry,
    {
      name: 'headgate_gate_processes',
      help: 'Processes that take events at the public port just now.',
      labels: [],
    },
    () => [{ labels: [], value: running() }],
  );
}

/** A quorum of three survives one; more cost more than they bring (research: R5 is no safer here). */
const replicasWanted = 3;
const adminGraceMs = 1000;

/** A stored event has headers beside its payload. */
const headersBytesMax = 4096;

function sourcesOf(config: Config): string[] {
  const sources = config.auth === 'off' ? [defaultSource] : config.keys.map((key) => key.source);
  return [...new Set([...sources, ...config.webhooks.map(({ source }) => source)])];
}

interface LogServer {
  readonly address: ServerAddress;
  readonly embedded: EmbeddedServer | undefined;
  readonly storageBytesMax: number;
}

function logOptionsOf(config: Config, server: LogServer): Omit<LogOptions, 'onStatus'> {
  return {
    address: server.address,
    durability: config.durability,
    streamsDir: server.embedded?.streamsDir,
    topology: {
      dedupWindowMs: config.log.dedupWindowMs,
      storageBytesMax: server.storageBytesMax,
      replicas: config.durability === 'replicated' ? replicasWanted : 1,
      keepsSchemas: config.schemasSource === 'registry',
    },
    publishTimeoutMs: config.nats.publishTimeoutMs,
  };
}

async function startServer(
  config: Config,
  overrides: ServiceOverrides,
  signals: Signals,
  lifecycle: Lifecycle,
): Promise<LogServer> {
  const { storageBytesMax } = config.log;
  if (config.nats.url !== undefined) {
    return { address: parseServerUrl(config.nats.url), embedded: undefined, storageBytesMax };
  }
  const dataDir = path.resolve(config.dataDir);
  const lock = lockStore(dataDir);
  lifecycle.onRelease('data directory', lock.release);
  const binary = await findServerBinary({
    named: config.nats.serverBin,
    searchPath: overrides.searchPath ?? '',
  });
  const storeDir = path.join(dataDir, 'nats');
  const budget = storageBudget(storeDir, storageBytesMax);
  const embedded = await startEmbeddedServer({
    binary: binary.path,
    storeDir,
    onRestart: signals.serverRestarted,
    onSlowStart: (waitedMs) => signals.note({ waitedMs }, 'nats-server is still reading its store'),
  });
  lifecycle.onRelease('nats-server', embedded.stop);
  return { address: embedded.address, embedded, storageBytesMax: budget };
}

async function showStreamSizes(log: Log, signals: Signals, lifecycle: Lifecycle): Promise<void> {
  const gauges = createStreamGauges({ log, onSize: signals.streamSize });
  lifecycle.onRelease('stream gauges', gauges.stop);
  await gauges.start();
}

function checkMessageSize(config: Config, log: Log): void {
  const needed = config.limits.eventBytesMax + headersBytesMax;
  if (log.messageBytesMax() >= needed) return;
  throw new StartError(
    `NATS takes messages of ${log.messageBytesMax()} bytes (its max_payload), and an event may have ` +
      `${needed}. Raise max_payload, or lower limits.event_bytes_max.`,
  );
}
