import cluster from 'node:cluster';

import type { Config, ListenAddress } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { openGate, type Gate, type GateCredentials } from '../gate/gate.ts';
import type { RunTimeKey, RunTimeKeyChange } from '../gate/intake/keys/key-ring.ts';
import { createLeasedLimiter, type LeasedLimiter } from '../gate/limits/leased-limiter.ts';
import type { LeaseOrder, LeaseReport } from '../gate/limits/leases.ts';
import { createEventStore } from '../jetstream/event-store.ts';
import type { Log } from '../jetstream/log.ts';
import { openLog, type LogOptions } from '../jetstream/open-log.ts';
import { startNatsIntake } from '../nats-intake/nats-intake.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createLogger } from '../observability/logger.ts';
import { createDeltaSource, type MetricDeltas } from '../observability/metric-deltas.ts';
import { countedFamiliesOf } from '../observability/metric-families.ts';
import { createMetrics, type LabelValues, type Metrics } from '../observability/metrics.ts';
import { createSignals } from '../observability/signals.ts';
import { prepareRuntime, surviveRejections } from './runtime.ts';
import { compileSchema } from '../validation/schema/compile-schema.ts';
import { contractsOf } from '../validation/contracts-form.ts';
import { createLiveValidation, withEvents } from '../validation/live-validation.ts';
import { storesUnplanned } from '../validation/modes.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';

/** The whole input of a gate process, which reads no settings, variables or schemas itself. */
export interface GateSettings {
  /** 1, 2, ... A replacement keeps the number. */
  readonly number: number;
  readonly config: Config;
  readonly registry: SchemaRegistry;
  readonly tlsFiles: GateCredentials['tlsFiles'];
  /** The write keys of the log; changes follow as orders. */
  readonly runTimeKeys: readonly RunTimeKey[];
  /** A secret; `config` is sent without its secrets. */
  readonly hashKey: string | undefined;
  /** The write key of the heartbeat; undefined if no heartbeats are sent. */
  readonly canaryKey: string | undefined;
  readonly labels: LabelValues;
  /** Unplanned names that have series from the start. */
  readonly unplannedNames: readonly string[];
  readonly log: Omit<LogOptions, 'onStatus'>;
}

/** Sent by the first process. */
export type GateOrder =
  | { readonly kind: 'start'; readonly settings: GateSettings }
  | { readonly kind: 'credentials'; readonly credentials: GateCredentials }
  | { readonly kind: 'keys'; readonly changes: readonly RunTimeKeyChange[] }
  /** The header of the contracts, and the events that are new or have changed. */
  | { readonly kind: 'follow'; readonly changed: SchemaRegistry }
  /** About the limits of sources. */
  | LeaseOrder
  | { readonly kind: 'stop' };

/** Sent to the first process. */
export type GateReport =
  | { readonly kind: 'ready'; readonly address: ListenAddress }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'counted'; readonly deltas: MetricDeltas }
  /** Whether this process can store events; sent when it changes. Undefined: it can. */
  | { readonly kind: 'storing'; readonly failure: string | undefined }
  /** The ids of the write keys that were used since the last report. */
  | { readonly kind: 'used'; readonly keys: readonly string[] }
  /** About the limits of sources. */
  | LeaseReport;

/** A killed process loses the counts of at most this time. */
const countedIntervalMs = 250;

/**
 * One of several processes that share the public port: it validates, publishes and syncs by itself,
 * and reports its counts to the first process. fork-gate.ts starts it and orders it to stop.
 *
 * When the first process ends, node:cluster ends this one at once: it owns the public port.
 */
async function runGateProcess(): Promise<void> {
  // Ctrl-C reaches every process of a terminal. The first one decides, and sends an order.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  prepareRuntime();
  const limiter = createLeasedLimiter((lease) => void report(lease));
  const { settings, followed, credentials, keys, stopped } = await firstOrder(limiter);
  const logger = createLogger(settings.config.logLevel).child({ gateProcess: settings.number });
  const lifecycle = createLifecycle((name, error) =>
    logger.error({ err: error, name }, 'could not be stopped cleanly'),
  );
  let gate: Gate;
  try {
    gate = await startGate({ settings, followed, keys, limiter, logger, lifecycle });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    // The first process kills this one, because something half open may keep it alive.
    await report({ kind: 'failed', text: error.message });
    return;
  }
  credentials.pass(gate.useCredentials);
  await report({ kind: 'ready', address: gate.address });
  await stopped;
  await lifecycle.release();
  cluster.worker!.disconnect();
}

interface Orders {
  readonly settings: GateSettings;
  /** Each change of the contracts. */
  readonly followed: OrderQueue<SchemaRegistry>;
  readonly credentials: OrderQueue<GateCredentials>;
  readonly keys: OrderQueue<readonly RunTimeKeyChange[]>;
  readonly stopped: Promise<void>;
}

/** Orders of one kind, in the order in which they came. */
interface OrderQueue<Order> {
  push(order: Order): void;
  /** Passes on the orders from before this call, and then each as it comes. */
  pass(take: (order: Order) => void): void;
}

function createOrderQueue<Order>(): OrderQueue<Order> {
  const waiting: Order[] = [];
  let take = (order: Order): void => void waiting.push(order);
  return {
    push: (order) => take(order),
    pass: (taker) => {
      for (const order of waiting.splice(0)) taker(order);
      take = taker;
    },
  };
}

/** Listens for orders from the start: a second one may come while the gate is still opening. */
function firstOrder(limiter: LeasedLimiter): Promise<Orders> {
  return new Promise((resolve) => {
    const stopped = Promise.withResolvers<void>();
    const followed = createOrderQueue<SchemaRegistry>();
    const credentials = createOrderQueue<GateCredentials>();
    const keys = createOrderQueue<readonly RunTimeKeyChange[]>();
    process.on('message', (order: GateOrder) => {
      if (order.kind === 'follow') followed.push(order.changed);
      else if (order.kind === 'credentials') credentials.push(order.credentials);
      else if (order.kind === 'keys') keys.push(order.changes);
      else if (order.kind === 'stop') stopped.resolve();
      else if (order.kind !== 'start') limiter.receive(order);
      else {
        const { settings } = order;
        resolve({ settings, followed, credentials, keys, stopped: stopped.promise });
      }
    });
  });
}

/** Runs the stages of service.ts in the same order, without those of the first process. */
async function startGate(parts: {
  readonly settings: GateSettings;
  readonly followed: Orders['followed'];
  readonly keys: Orders['keys'];
  readonly limiter: LeasedLimiter;
  readonly logger: ReturnType<typeof createLogger>;
  readonly lifecycle: Lifecycle;
}): Promise<Gate> {
  const { settings, followed, keys, limiter, logger, lifecycle } = parts;
  const validation = createLiveValidation(compiled(settings.registry), {
    enforcement: settings.config.enforcement,
    hashKey: settings.hashKey,
  });
  const metrics = createMetrics(settings.labels);
  const labelUnplanned = ({ unplanned }: SchemaRegistry): void =>
    metrics.labelUnplanned(storesUnplanned(unplanned, settings.config.enforcement));
  labelUnplanned(settings.registry);
  for (const name of settings.unplannedNames) metrics.addUnplannedName(name);
  metrics.addSources(settings.runTimeKeys.map(({ source }) => source));
  followed.pass((changed) => {
    validation.replace(withEvents(validation.registry(), compiled(changed)));
    labelUnplanned(changed);
    metrics.addEventNames(changed.events.map(({ name }) => name));
  });
  lifecycle.onRelease('counts', reportCounts(metrics));
  const signals = createSignals(metrics, logger);
  lifecycle.onRelease('last resort', surviveRejections(signals));
  const log = await openLog({ ...settings.log, onStatus: signals.connectionChanged });
  lifecycle.onRelease('log', log.close);
  lifecycle.onRelease('store reports', reportStoring(log));
  const gate = await openGate(settings.config, signals, {
    validate: validation.validate,
    nameSent: validation.nameSent,
    redactRejected: validation.redactRejected,
    contracts: () => contractsOf(validation.registry(), validation.enforcement()),
    ...createEventStore(log, validation.isPlanned),
    canaryKey: settings.canaryKey,
    limiter,
    tlsFiles: settings.tlsFiles,
    runTimeKeys: settings.runTimeKeys,
  });
  lifecycle.onRelease('used keys', reportUsedKeys(gate));
  const { address } = settings.log;
  const close = startNatsIntake({ config: settings.config, log, address, gate, signals });
  lifecycle.onRelease('gate', close);
  keys.pass((changes) => {
    metrics.addSources(changes.flatMap(({ key }) => (key === undefined ? [] : [key.source])));
    gate.followKeys(changes);
  });
  return gate;
}

/** Validators are functions and cannot be sent between processes; compile them from the schemas. */
function compiled(registry: SchemaRegistry): SchemaRegistry {
  const events = registry.events.map((event) => ({
    ...event,
    versions: event.versions.map((version) => ({ ...version, ...compileSchema(version.schema) })),
  }));
  return { ...registry, events };
}

/** Starts to report counts. The returned function reports the rest and stops. */
function reportCounts(metrics: Metrics): () => Promise<void> {
  const takeDeltas = createDeltaSource({
    families: countedFamiliesOf(metrics.registry),
    lastEvents: metrics.gauges.lastEvent,
  });
  let underWay = false;
  const reportGrowth = async (): Promise<void> => {
    const deltas = takeDeltas();
    if (deltas === undefined) return;
    underWay = true;
    await report({ kind: 'counted', deltas });
    underWay = false;
  };
  const timer = setInterval(() => {
    // A busy first process gets one large report later instead of many small ones.
    // `report` never rejects, and `process.send` throws only when the first process has ended.
    if (!underWay) reportGrowth().catch(() => {});
  }, countedIntervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await reportGrowth();
  };
}

const usedIntervalMs = 5_000;

/** Starts to report which write keys are used. The returned function reports the rest and stops. */
function reportUsedKeys(gate: Gate): () => Promise<void> {
  const reportUsed = async (): Promise<void> => {
    const keys = gate.takeUsedKeys();
    if (keys.length > 0) await report({ kind: 'used', keys });
  };
  const timer = setInterval(() => void reportUsed(), usedIntervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await reportUsed();
  };
}

const storingIntervalMs = 250;

/** Starts to report whether events can be stored, for `/readyz`. The returned function stops. */
function reportStoring(log: Log): () => Promise<void> {
  let reported: string | undefined;
  let probing: Promise<void> | undefined;
  const timer = setInterval(() => {
    const failure = log.failure();
    if (failure !== undefined) {
      // Without a probe a process that no load balancer asks any more would never recover.
      probing ??= log
        .probe()
        .catch(() => {})
        .finally(() => (probing = undefined));
    }
    if (failure === reported) return;
    reported = failure;
    void report({ kind: 'storing', failure });
  }, storingIntervalMs);
  timer.unref();
  return async () => clearInterval(timer);
}

/** Resolves when the message is sent. */
function report(message: GateReport): Promise<void> {
  return new Promise((resolve) => {
    // A failure means that the first process has ended, which ends this one anyway.
    process.send!(message, undefined, undefined, () => resolve());
  });
}

if (cluster.isWorker) await runGateProcess();
