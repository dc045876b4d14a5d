import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { Verdict } from '../../event/verdict.ts';
import type { Signals } from '../../observability/signals.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import type { Taken } from '../limits/allowance.ts';
import {
  limitedSource,
  limitReached,
  limitText,
  type LimitedSource,
  type SourceLimiter,
} from '../limits/source-limiter.ts';
import { createLimitWaits } from '../limits/limit-waits.ts';
import type { Arrival } from './arrival.ts';
import { eventIdFor } from './decide-event.ts';

/** As `AcceptEvents`. */
type Accept = (
  batch: IncomingBatch,
  arrival: Arrival,
  onVerdicts: (verdicts: Verdict[]) => void,
  onError: (error: unknown) => void,
) => void;

interface LimitedOptions {
  readonly limiter: SourceLimiter;
  readonly signals: Pick<Signals, 'sourceLimited' | 'eventValidated'>;
}

/**
 * Accepts what the limits of its source leave of a request. If that is a part, the rest is `retry`. If it is
 * nothing, the request fails with `limit_reached`.
 */
export function createLimitedAccept({ limiter, signals }: LimitedOptions, accept: Accept): Accept {
  const waits = createLimitWaits(limiter);
  return (batch, arrival, onVerdicts, onError) => {
    const { producer, messageBytes: bytes = 0, sendsAll, sendsOnce } = arrival;
    const limited = limitedSource(producer);
    if (limited === undefined) {
      accept(batch, arrival, onVerdicts, onError);
      return;
    }
    const { events } = batch;
    const ask = { events: events.length, bytes, isWhole: sendsAll === true };
    const take = sendsOnce === true ? waits.take : limiter.take;
    take(limited, ask, (taken) => {
      const ended = endedKey(arrival);
      if (ended !== undefined) onError(ended);
      else if (taken.limit === undefined) accept(batch, arrival, onVerdicts, onError);
      else if (taken.events === 0) onError(limitReached(signals, limited, taken));
      else {
        const rest = limitedVerdicts(signals, limited, batch, taken);
        const part = { ...batch, events: events.slice(0, taken.events) };
        accept(part, arrival, (verdicts) => onVerdicts([...verdicts, ...rest]), onError);
      }
    });
  };
}

/** Why the key of a request is refused by now: it may have waited for its limit for seconds. */
function endedKey({ producer, checkKey }: Arrival): unknown {
  if (producer.isEnded !== true) return undefined;
  try {
    checkKey?.();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The verdicts on the events beyond what was taken. */
function limitedVerdicts(
  signals: LimitedOptions['signals'],
  limited: LimitedSource,
  { events, validateOnly }: IncomingBatch,
  { events: first, limit = 'events_per_second', waitMs }: Taken,
): Verdict[] {
  const text = limitText(limited, limit, waitMs);
  signals.sourceLimited(limited.source, limit, text);
  const error = { code: 'limit_reached', message: text, violations: [] };
  const timestampMs = Date.now();
  const verdictOn = ({ idempotencyKey }: IncomingEvent, index: number): Verdict => ({
    index: first + index,
    idempotencyKey,
    eventId: eventIdFor(limited.source, idempotencyKey),
    status: 'retry',
    timestampMs,
    schemaVersion: 0,
    sequence: 0,
    error,
    warnings: [],
    retryAfterMs: waitMs,
  });
  return events.slice(first).map((event, index) => {
    const verdict = verdictOn(event, index);
    if (!validateOnly) signals.eventValidated(limited.source, event.eventName, verdict);
    return verdict;
  });
}
