import type { Config, ListenAddress } from '../config/config.ts';
import type { GateCredentials } from '../gate/gate.ts';
import type { RunTimeKey } from '../gate/intake/keys/key-ring.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';
import type { GateSettings } from './gate-process.ts';

export interface GateSettingsOptions {
  readonly config: Config;
  /** Returns the current contracts; a replacement gets the contracts at its own start. */
  readonly registry: () => SchemaRegistry;
  /** Undefined until the files have changed once; then in force for replacements too. */
  readonly credentials?: (() => GateCredentials | undefined) | undefined;
  /** Returns the current write keys of the log, likewise. */
  readonly runTimeKeys: () => readonly RunTimeKey[];
  readonly canaryKey: string | undefined;
  readonly labels: GateSettings['labels'];
  readonly unplannedNames: readonly string[];
  readonly log: GateSettings['log'];
}

/** The settings of a gate process: only what it needs of this process's configuration and state. */
export function gateSettingsOf(
  options: GateSettingsOptions,
  listen: ListenAddress,
): Omit<GateSettings, 'number'> {
  const { config } = options;
  const registry = options.registry();
  const credentials = options.credentials?.();
  const { limits, processes } = config;
  const share = Math.ceil(limits.inFlightEventsMax / processes);
  return {
    config: {
      ...config,
      ...(credentials && { keys: credentials.keys, webhooks: credentials.webhooks }),
      listen,
      // Secrets stay in the process that uses them: the operators' token, secrets of destinations.
      admin: { ...config.admin, token: undefined, metricsToken: undefined },
      operators: [],
      nats: { ...config.nats, url: undefined },
      pii: { hashKey: undefined },
      destinations: [],
      // With a smaller share a full batch is refused whenever another request runs.
      limits: { ...limits, inFlightEventsMax: Math.max(share, limits.batchEventsMax) },
    },
    registry: withoutValidators(registry),
    tlsFiles: credentials?.tlsFiles,
    runTimeKeys: options.runTimeKeys(),
    labels: {
      ...options.labels,
      eventNames: registry.events.map(({ name }) => name),
      destinations: [],
    },
    unplannedNames: options.unplannedNames,
    hashKey: config.pii.hashKey?.reveal(),
    canaryKey: options.canaryKey,
    // This process has created the streams, and only it knows how much room they had at its start.
    log: { ...options.log, topology: undefined },
  };
}

/** Removes validators: they are functions, which cannot be sent to another process. */
export function withoutValidators(registry: SchemaRegistry): SchemaRegistry {
  const events = registry.events.map((event) => ({
    ...event,
    versions: event.versions.map(({ findingsIn: _code, ...version }) => version),
  }));
  return { ...registry, events: events as unknown as SchemaRegistry['events'] };
}
