import type { Address, Config, ListenAddress } from '../config/config.ts';
import { openDeadLetters } from '../dead-letters/queue.ts';
import { StartError } from '../errors.ts';
import type { EventContract } from '../event/contracts/event-contract.ts';
import type { JsonObject } from '../event/json/json.ts';
import { createEventFixer } from '../gate/accept/fix-event.ts';
import { logFailureOf } from '../jetstream/log-failure.ts';
import type { Log } from '../jetstream/log.ts';
import type { EmbeddedServer } from '../jetstream/server/embedded-server.ts';
import type { ServerEnv } from '../jetstream/server/server-memory.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { eventContractsOf } from '../validation/schema/event-contracts.ts';
import { createLiveValidation, type LiveValidation } from '../validation/live-validation.ts';
import {
  emptyRegistry,
  keepsContract,
  loadContracts,
  type SchemaRegistry,
} from '../validation/schema-registry.ts';
import { startCounts } from './counts/start-counts.ts';
import { followFarContracts } from './follow/follow-far-contracts.ts';
import { followFiles, type FollowFilesOptions } from './follow/follow-files.ts';
import type { ConfigReader } from './follow/take-configuration.ts';
import type { GateProcesses } from './gate-processes.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { labelStoredNames, observe, reportContracts } from './observe.ts';
import { openEndpoints } from './open-endpoints.ts';
import { openServiceLog } from './open-log.ts';
import { openOperatorsPort } from './open-operators.ts';
import { openQuarantine } from './open-quarantine.ts';
import { surviveRejections } from './runtime.ts';
import { startDelivery, type RunningDelivery } from './start-delivery.ts';
import { startKeys, type ServiceKeys } from './follow/start-keys.ts';
import { startRegistry } from './start-registry.ts';

/** A running Headgate. */
export interface Service {
  /** The address for events; undefined if this process does not have the role `gate`. */
  readonly address: ListenAddress | undefined;
  readonly adminAddress: Address;
  /** Makes a code by which one person signs in to the console as `admin`, once, within ten minutes. */
  readonly makeSignInCode: () => string;
  /** Whether there are no contracts, and events of any name are stored. */
  readonly observing: () => boolean;
  /** Whether the contracts have this event, and its active version takes these properties. */
  readonly keepsContract: (eventName: string, properties: JsonObject) => boolean;
  /** The log, for tests and tools that read streams. */
  readonly log: Log;
  /** The nats-server that was started; undefined if an external one is used. */
  readonly embedded: EmbeddedServer | undefined;
  /** Drains and releases everything. Idempotent. */
  stop(): Promise<void>;
}

export interface ServiceOverrides {
  /** The directories to search for nats-server, in the format of PATH. */
  readonly searchPath?: string;
  /** The environment of the embedded nats-server. Default: empty. */
  readonly serverEnv?: ServerEnv;
  readonly logger?: Logger;
  /** If undefined, keys and certificates stay as they were at the start. */
  readonly configReader?: ConfigReader;
  /** Where the built console is. If undefined: in dist/. */
  readonly consoleFolder?: string | undefined;
}

/**
 * Starts all stages, the log first and the endpoints last, so that no event arrives before it can
 * be stored. Stops them in the opposite order.
 *
 * Throws a StartError with one sentence for the operator, after it has released everything it
 * started.
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
    const reason = error instanceof StartError ? undefined : logFailureOf(error);
    if (reason === undefined) throw error;
    const text = `The log stopped answering during the start: ${reason}. Look at NATS, and start again.`;
    throw new StartError(text, { cause: error });
  }
}

async function startService(
  config: Config,
  { searchPath = '', serverEnv = {}, configReader, consoleFolder }: ServiceOverrides,
  logger: Logger,
  lifecycle: Lifecycle,
): Promise<Service> {
  // Validation. The contracts are read here if they are kept in files.
  const validation = await openValidation(config);

  // Metrics and signals of all later stages.
  const observed = observe(config, validation.registry(), logger);
  const { metrics, signals } = observed;
  lifecycle.onRelease('last resort', surviveRejections(signals));

  // The log.
  const opened = await openServiceLog({ config, searchPath, serverEnv, signals, lifecycle });
  const started = { config, log: opened.log, metrics, signals, lifecycle };

  // Counts by hour; first, so that they end last.
  const counts = startCounts(started);

  // The contracts that are kept in the log; they are in force before the first event.
  let gate: GateProcesses | undefined;
  const useContracts = (changed: SchemaRegistry, enforcement = config.enforcement): void => {
    validation.replace(changed, enforcement);
    reportContracts(observed, enforcement, changed);
    gate?.follow(changed);
  };
  const registry = await startRegistry({
    ...started,
    registry: validation.registry,
    onChange: (changed) => useContracts(changed),
  });

  // The contracts of a relay are those of the gate that it forwards to.
  let delivery: RunningDelivery | undefined;
  await followFarContracts({ ...started, useContracts, delivery: () => delivery });

  // The write keys that are kept in the log.
  const keys = await startKeys({
    ...started,
    onChange: (changes) => gate?.followKeys(changes),
    takeUsed: () => gate?.takeUsedKeys() ?? [],
  });

  // Dead letters, and delivery, which writes them.
  const fixer = createEventFixer({ validate: validation.validate, ...config.limits });
  const deadLetters = await openDeadLetters(opened.log, fixer);
  delivery = config.roles.has('deliver')
    ? await startDelivery({ ...started, deadLetters, counts, contracts: contractsOf(validation) })
    : undefined;

  // Rejected events, and their replay, which follows the write keys.
  const rejected = await openQuarantine({ ...started, validation, keys: keys.notRevoked });

  // The operators' port.
  const admin = await openOperatorsPort({
    ...started,
    opened,
    registry,
    rejected,
    deadLetters,
    delivery,
    counts,
    consoleFolder,
    keys: keys.forOperators,
    gatesRunning: () => gate?.running() ?? 0,
    storeFailure: () => gate?.storeFailure(),
  });

  // The endpoints for events, last.
  if (config.roles.has('gate')) {
    const runTimeKeys = keys.ofLog.keys;
    await labelStoredNames(opened.log, validation, observed);
    gate = await openEndpoints({ config, validation, observed, opened, lifecycle, runTimeKeys });
    // The contracts and the keys may have changed while the gate opened.
    gate.follow(validation.registry());
    gate.followKeys(runTimeKeys().map((key) => ({ id: key.id, key })));
  }
  if (configReader !== undefined) {
    followConfiguration({ ...started, reader: configReader, keys, gate, admin });
  }

  return {
    address: gate?.address,
    adminAddress: admin.address,
    makeSignInCode: admin.makeSignInCode,
    ...ofContracts(validation, metrics),
    log: started.log,
    embedded: opened.embedded,
    stop: lifecycle.release,
  };
}

/** With the contracts of the files. Those of the log, and of another gate, follow. */
async function openValidation(config: Config): Promise<LiveValidation> {
  const { enforcement, schemasSource, pii, relay } = config;
  const options = { enforcement, hashKey: pii.hashKey?.reveal() };
  if (relay !== undefined) {
    const unknown: SchemaRegistry = { ...emptyRegistry, naming: 'any', unplanned: 'allow' };
    return createLiveValidation(unknown, { ...options, isEdge: true });
  }
  const registry = schemasSource === 'files' ? await loadContracts(config) : emptyRegistry;
  return createLiveValidation(registry, options);
}

/** The contracts in force, each time they are asked for. */
function contractsOf(validation: LiveValidation): () => readonly EventContract[] {
  return () => eventContractsOf(validation.registry());
}

function ofContracts(
  validation: LiveValidation,
  metrics: Metrics,
): Pick<Service, 'observing' | 'keepsContract'> {
  return {
    observing: () => metrics.gauges.observing === 1,
    keepsContract: (name, properties) => keepsContract(validation.registry(), name, properties),
  };
}

interface FollowParts extends Pick<FollowFilesOptions, 'config' | 'reader' | 'signals' | 'admin'> {
  readonly lifecycle: Lifecycle;
  readonly keys: ServiceKeys;
  readonly gate: GateProcesses | undefined;
}

/** Follows the files of keys, operators, webhooks and certificates until the stop. */
function followConfiguration({ lifecycle, keys, gate, ...options }: FollowParts): void {
  const followed = followFiles({
    ...options,
    hasGate: gate !== undefined,
    onChange: (credentials) => {
      keys.useFileKeys(credentials);
      gate?.useCredentials(credentials);
    },
  });
  lifecycle.onRelease('followed files', async () => followed.stop());
}
