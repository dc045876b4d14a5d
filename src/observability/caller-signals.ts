import type { Logger } from './logger.ts';
import type { CallerLimit, Metrics } from './metrics.ts';

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
