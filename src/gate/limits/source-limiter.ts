import type { SourceLimits } from '../../config/write-key.ts';
import { ServiceError } from '../../errors.ts';
import type { Signals } from '../../observability/signals.ts';
import type { Producer } from '../intake/authenticate.ts';
import type { LimitAsk, Taken } from './allowance.ts';
import type { Allowances } from './allowances.ts';

/** A source and its limits, as they are while one request is decided. */
export interface LimitedSource {
  readonly source: string;
  readonly limits: SourceLimits;
}

/** The limits of sources, as a process that serves requests sees them. */
export interface SourceLimiter {
  /** Calls back once, maybe at once, with how much of a request may be taken. It counts as taken. */
  take(limited: LimitedSource, ask: LimitAsk, decide: (taken: Taken) => void): void;
  /**
   * Why a request would get nothing, as far as this process knows, before it is decoded. `events`:
   * undefined if their number is not known.
   */
  refusal(limited: LimitedSource, events: number | undefined): Taken | undefined;
}

/** For a gate in one process. */
export function createLocalLimiter(allowances: Allowances): SourceLimiter {
  return {
    take: ({ source, limits }, ask, decide) => decide(allowances.of(source, limits).take(ask)),
    refusal: ({ source, limits }, events) => allowances.of(source, limits).refusal(events),
  };
}

/** The source of a producer with its limits. Undefined if it has none. */
export function limitedSource({ source, limits }: Producer): LimitedSource | undefined {
  return limits === undefined ? undefined : { source, limits };
}

/** Reports a request of which nothing is taken. Returns its answer. */
export function limitReached(
  signals: Pick<Signals, 'sourceLimited'>,
  limited: LimitedSource,
  { limit = 'events_per_second', waitMs }: Taken,
): ServiceError {
  const text = limitText(limited, limit, waitMs);
  signals.sourceLimited(limited.source, limit, text);
  return new ServiceError('limit_reached', text, { retryAfterMs: waitMs });
}

/** The source, the limit with its setting, and the delay. */
export function limitText(
  { source, limits }: LimitedSource,
  limit: Taken['limit'],
  waitMs: number,
): string {
  const what =
    limit === 'bytes_per_day'
      ? `${limits.bytesPerDay} bytes a day of UTC (limits.bytes_per_day)`
      : `${limits.eventsPerSecond} events a second (limits.events_per_second), ` +
        `${limits.burst} at once (limits.burst)`;
  return (
    `The source "${source}" has reached its limit: ${what}. Send again in ${delayText(waitMs)}, ` +
    'with the same idempotency keys; an operator of the gate can raise the limit.'
  );
}

function delayText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${Math.ceil(ms / 1000)} s`;
  return `${Math.ceil(ms / 60_000)} min`;
}
