import type { Config } from '../config/config.ts';
import { describeConfig } from '../config/describe-config.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { countEventNames } from '../jetstream/read/event-names.ts';
import type { Log } from '../jetstream/log.ts';
import type { LiveValidation } from '../validation/live-validation.ts';
import type { Logger } from '../observability/logger.ts';
import { createMetrics, type LabelValues, type Metrics } from '../observability/metrics.ts';
import { createSignals, type Signals } from '../observability/signals.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';
import { storesUnplanned, type Enforcement } from '../validation/modes.ts';
import { isObserving } from '../validation/taxonomy/taxonomy.ts';
import { auditedActions } from '../operators/audit/audited-rpcs.ts';

/** The metrics and signals of this process, and their closed sets of labels. */
export interface Observed {
  readonly labels: LabelValues;
  readonly metrics: Metrics;
  readonly signals: Signals;
}

/** Creates the metrics and signals of a process, with the names of its first contracts. */
export function observe(config: Config, registry: SchemaRegistry, logger: Logger): Observed {
  const labels: LabelValues = {
    sources: sourcesOf(config),
    eventNames: registry.events.map(({ name }) => name),
    destinations: config.destinations.map((destination) => destination.name),
    webhooks: config.webhooks.map(({ source }) => source),
    natsSources: config.roles.has('gate') ? config.intake.nats.map(({ source }) => source) : [],
    auditedActions,
  };
  const metrics = createMetrics(labels);
  const signals = createSignals(metrics, logger);
  logger.debug({ config: describeConfig(config, destinationTypes) }, 'configuration');
  signals.enforcementSet(config.enforcement === 'warn');
  reportContracts({ metrics, signals }, config.enforcement, registry);
  return { labels, metrics, signals };
}

/** Called at the start, and when the contracts have changed. */
export function reportContracts(
  { metrics, signals }: Pick<Observed, 'metrics' | 'signals'>,
  enforcement: Enforcement,
  { unplanned, events }: SchemaRegistry,
): void {
  metrics.labelUnplanned(storesUnplanned(unplanned, enforcement));
  signals.observingSet(isObserving({ unplanned }, events));
}

/**
 * Gives the most frequent unplanned names of the log their series before new ones come: a name that
 * changed into `_other` with a restart would look like one that has fallen silent.
 */
export async function labelStoredNames(
  log: Log,
  { registry, enforcement }: LiveValidation,
  { metrics, signals }: Pick<Observed, 'metrics' | 'signals'>,
): Promise<void> {
  const { events, unplanned } = registry();
  if (!storesUnplanned(unplanned, enforcement())) return;
  const planned = new Set(events.map(({ name }) => name));
  try {
    const counts = [...(await countEventNames(log))].filter(([name]) => !planned.has(name));
    for (const [name] of counts.sort(([, left], [, right]) => right - left)) {
      metrics.addUnplannedName(name);
    }
  } catch (error) {
    signals.trouble('reading the names of stored events', error);
  }
}

function sourcesOf(config: Config): string[] {
  const sources = config.auth === 'off' ? [config.source] : config.keys.map((key) => key.source);
  return [
    ...new Set([
      ...sources,
      ...[...config.webhooks, ...config.intake.nats].map(({ source }) => source),
    ]),
  ];
}
