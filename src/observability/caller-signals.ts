import type { Logger } from './logger.ts';
import {
  otherLabel,
  type CallerLimit,
  type Metrics,
  type OperatorRefusal,
  type SourceLimitName,
} from './metrics.ts';

/** A line for each kind names the caller, not one for each request: in a flood there are thousands. */
const lineIntervalMs = 60_000;
/** The first line waits this long, so that it can name the caller with the most requests. */
const firstLineMs = 2_000;
/** Callers that are counted apart until the next line. */
const callersMax = 10_000;

interface Counted<Kind> {
  readonly kind: Kind;
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

/** What a line says of a kind: the caller with the most requests, and how many there were in all. */
interface CallerLine<Kind> {
  readonly kind: Kind;
  readonly caller: string | undefined;
  readonly requests: number | undefined;
  readonly ofRequests: number;
}

/** Counts requests by caller, and writes a line a minute for each kind at most. */
function createCallerTally<Kind extends string>(
  write: (line: CallerLine<Kind>) => void,
): (kind: Kind, who: string) => void {
  let counts = new Map<string, Counted<Kind>>();
  let totals = new Map<Kind, number>();
  let lastLineAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const writeLines = (): void => {
    timer = undefined;
    lastLineAt = performance.now();
    const most = new Map<Kind, Counted<Kind>>();
    for (const count of counts.values()) {
      const before = most.get(count.kind);
      if (before === undefined || count.requests > before.requests) most.set(count.kind, count);
    }
    for (const [kind, ofRequests] of totals) {
      const caller = most.get(kind);
      write({ kind, caller: caller?.who, requests: caller?.requests, ofRequests });
    }
    counts = new Map();
    totals = new Map();
  };
  return (kind, who) => {
    totals.set(kind, (totals.get(kind) ?? 0) + 1);
    const key = `${kind} ${who}`;
    const count = counts.get(key);
    if (count !== undefined) count.requests += 1;
    else if (counts.size < callersMax) counts.set(key, { kind, who, requests: 1 });
    if (timer !== undefined) return;
    const sinceLineMs = performance.now() - lastLineAt;
    timer = setTimeout(writeLines, Math.max(firstLineMs, lineIntervalMs - sinceLineMs));
    timer.unref();
  };
}

/** What is reported about callers that are refused or have to wait: docs/operate/overload.md. */
export function createCallerSignals(metrics: Metrics, logger: Logger) {
  const countLimited = createCallerTally<CallerLimit>(({ kind: limit, caller, ...numbers }) =>
    logger.warn(
      { caller, limit, ...numbers },
      'callers use up a budget; the caller with the most requests is named',
    ),
  );
  const countWrongTokens = createCallerTally<'wrong_token'>(({ caller, requests, ofRequests }) =>
    logger.warn(
      { caller, requests, ofRequests },
      'wrong tokens at the admin port; the address with the most requests is named',
    ),
  );
  return {
    /**
     * A request or connection was refused, ended or had to wait for a budget. `who`: an address, or
     * the source of a key.
     */
    callerLimited: (limit: CallerLimit, who: string): void => {
      metrics.callersLimited.series(limit).value += 1;
      countLimited(limit, who);
    },
    /** A request to the admin port was refused because of its token. */
    operatorRefused: (reason: OperatorRefusal, address: string): void => {
      metrics.operatorRefused.series(reason).value += 1;
      if (reason === 'wrong_token') countWrongTokens(reason, address);
    },
  };
}
