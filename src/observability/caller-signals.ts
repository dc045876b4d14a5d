import type { Logger } from './logger.ts';
import { otherLabel, type CallerLimit, type Metrics, type SourceLimitName } from './metrics.ts';

/** A line for each budget names the caller, not one for each request: in a flood there are thousands. */
const lineIntervalMs = 60_000;
/** The first line waits this long, so that it can name the caller with the most requests. */
const firstLineMs = 2_000;
/** Callers that are counted apart until the next line. */
const callersMax = 10_000;

interface Counted {
  readonly limit: CallerLimit;
  readonly who: string;
  requests: number;
}

/** Reports about sources that reach limits of their own: docs/operate/source-limits.md. */
export function createSourceLimitSignals(
  { sourceLimited, gauges, knownSources }: Metrics,
  logger: Logger,
) {
  const counts = new Map<string, { requests: number; lineAt: number }>();
  const labelOf = (source: string): string => (knownSources.has(source) ? source : otherLabel);
  return {
    /** A request was refused, whole or in part. One line a minute for each source and limit. */
    sourceLimited: (source: string, limit: SourceLimitName, text: string): void => {
      sourceLimited.series(labelOf(source), limit).value += 1;
      const key = `${limit} ${source}`;
      const known = counts.get(key);
      const count = known ?? { requests: 0, lineAt: -Infinity };
      if (known === undefined && counts.size < callersMax) counts.set(key, count);
      count.requests += 1;
      const now = performance.now();
      if (now - count.lineAt < lineIntervalMs) return;
      logger.warn({ source, limit, requests: count.requests }, `a source is limited: ${text}`);
      count.requests = 0;
      count.lineAt = now;
    },
    /** How much of a limit a source uses, 1 for all of it. */
    sourceLimitUsed: (source: string, limit: SourceLimitName, ratio: number): void => {
      const { sourceLimitUsed } = gauges;
      const bySource = sourceLimitUsed.get(limit) ?? new Map<string, number>();
      sourceLimitUsed.set(limit, bySource);
      if (knownSources.has(source)) bySource.set(source, ratio);
    },
  };
}

/** What is reported about callers that use up a budget: docs/operate/overload.md. */
export function createCallerSignals(metrics: Metrics, logger: Logger) {
  let counts = new Map<string, Counted>();
  let totals = new Map<CallerLimit, number>();
  let lastLineAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const write = (): void => {
    timer = undefined;
    lastLineAt = performance.now();
    const most = new Map<CallerLimit, Counted>();
    for (const count of counts.values()) {
      const before = most.get(count.limit);
      if (before === undefined || count.requests > before.requests) most.set(count.limit, count);
    }
    for (const [limit, ofRequests] of totals) {
      const caller = most.get(limit);
      logger.warn(
        { caller: caller?.who, limit, requests: caller?.requests, ofRequests },
        'callers use up a budget; the caller with the most requests is named',
      );
    }
    counts = new Map();
    totals = new Map();
  };
  return {
    /**
     * A request or connection was refused, ended or had to wait for a budget. `who`: an address, or
     * the source of a key.
     */
    callerLimited: (limit: CallerLimit, who: string): void => {
      metrics.callersLimited.series(limit).value += 1;
      totals.set(limit, (totals.get(limit) ?? 0) + 1);
      const key = `${limit} ${who}`;
      const count = counts.get(key);
      if (count !== undefined) count.requests += 1;
      else if (counts.size < callersMax) counts.set(key, { limit, who, requests: 1 });
      if (timer !== undefined) return;
      const sinceLineMs = performance.now() - lastLineAt;
      timer = setTimeout(write, Math.max(firstLineMs, lineIntervalMs - sinceLineMs));
      timer.unref();
    },
  };
}
