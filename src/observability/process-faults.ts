import type { Registry } from 'prom-client';

import type { Logger } from './logger.ts';
import { createCounter } from './metric-families.ts';

/** The metric of faults that no part of the process has handled. */
export function createProcessFaultMetrics(registry: Registry) {
  const counter = createCounter(registry, {
    name: 'headgate_unhandled_rejections_total',
    help: 'Failures that no code handled: each is a fault of Headgate or of a library. The process went on.',
    labels: [],
  });
  return counter.series();
}

export function createProcessFaultSignals(
  count: ReturnType<typeof createProcessFaultMetrics>,
  logger: Logger,
) {
  return {
    /** A promise was rejected and nothing awaited it. */
    rejectionUnhandled: (reason: unknown): void => {
      count.value += 1;
      const error = reason instanceof Error ? reason : new Error(String(reason));
      logger.error({ err: error, cause: error.cause }, 'a failure that no code handled: report it');
    },
  };
}
