import type { Config } from '../config/config.ts';
import { describeConfig } from '../config/describe-config.ts';
import { destinationTypes } from '../destinations/registry.ts';
import type { Logger } from '../observability/logger.ts';
import { createMetrics, type LabelValues, type Metrics } from '../observability/metrics.ts';
import { createSignals, type Signals } from '../observability/signals.ts';
import { auditedActions } from '../operators/audit/audited-rpcs.ts';

/** The metrics and signals of this process, and their closed sets of labels. */
export interface Observed {
  readonly labels: LabelValues;
  readonly metrics: Metrics;
  readonly signals: Signals;
}

/** Creates the metrics and signals of a process. `eventNames` are those of the first taxonomy. */
export function observe(config: Config, eventNames: readonly string[], logger: Logger): Observed {
  const labels: LabelValues = {
    sources: sourcesOf(config),
    eventNames,
    destinations: config.destinations.map((destination) => destination.name),
    webhooks: config.webhooks.map(({ source }) => source),
    auditedActions,
  };
  const metrics = createMetrics(labels);
  const signals = createSignals(metrics, logger);
  logger.debug({ config: describeConfig(config, destinationTypes) }, 'configuration');
  signals.enforcementSet(config.enforcement === 'warn');
  return { labels, metrics, signals };
}

function sourcesOf(config: Config): string[] {
  const sources = config.auth === 'off' ? [config.source] : config.keys.map((key) => key.source);
  return [...new Set([...sources, ...config.webhooks.map(({ source }) => source)])];
}
