import type { Registry } from 'prom-client';

import type { Logger } from './logger.ts';
import { createCounter, createGauge } from './metric-families.ts';

const parts = ['configuration', 'certificate'] as const;
export type ReloadPart = (typeof parts)[number];

export type ReloadMetrics = ReturnType<typeof createReloadMetrics>;

/** Metrics of the files that a gate follows while it runs. */
export function createReloadMetrics(registry: Registry) {
  const counter = createCounter(registry, {
    name: 'headgate_reload_total',
    help: 'Changes of the files of keys and certificates: applied, or failed, and the old ones kept.',
    labels: ['what', 'outcome'],
  });
  const certificate = { expiresAtMs: 0 };
  createGauge(
    registry,
    {
      name: 'headgate_certificate_expires_timestamp_seconds',
      help: 'When the certificate of the public port expires; 0 without TLS.',
      labels: [],
    },
    () => [{ labels: [], value: certificate.expiresAtMs / 1_000 }],
  );
  for (const part of parts) {
    for (const outcome of ['applied', 'failed']) counter.series(part, outcome);
  }
  return {
    certificate,
    count: (part: ReloadPart, outcome: 'applied' | 'failed'): void => {
      counter.series(part, outcome).value += 1;
    },
  };
}

export function createReloadSignals({ certificate, count }: ReloadMetrics, logger: Logger) {
  return {
    certificateServed: (expiresAtMs: number): void => {
      certificate.expiresAtMs = expiresAtMs;
    },
    reloaded: (what: ReloadPart): void => {
      count(what, 'applied');
      logger.info({ what }, 'a changed file is in force');
    },
    reloadFailed: (what: ReloadPart, error: unknown): void => {
      count(what, 'failed');
      logger.error({ what, err: error }, 'a changed file is not in force; the old one stays');
    },
    restartNeeded: (settings: readonly string[]): void =>
      logger.warn({ settings }, 'these settings have changed: restart to apply'),
  };
}
