import type { RetryPolicy } from '../config/config.ts';
import type { DeliveryCall } from '../observability/delivery-signals.ts';
import type { Signals } from '../observability/signals.ts';
import { traceDeliveries } from '../tracing/delivery-spans.ts';
import { markText, type AttemptRecord, type FailedAttempt } from './attempt-record.ts';
import { inPlaceDelayMsMax } from './capacity.ts';
import { deliverBatch, type BatchReport } from './deliver-batch.ts';
import type { DelayedEvents } from './delayed-events.ts';
import type { Lanes } from './lanes.ts';
import type { HeldEvent } from './held-event.ts';
import type { FailureDecision, Parking } from './parking.ts';
import { retryDelayMs } from './retry-policy.ts';
import type { Settler } from './settle.ts';
import type { BatchOutcome, BatchReceiver } from './transform-destination.ts';

export interface CallParts {
  readonly name: string;
  readonly retry: RetryPolicy;
  readonly destination: BatchReceiver;
  readonly signals: Signals;
  readonly settler: Settler;
  readonly record: AttemptRecord;
  readonly parking: Parking<FailedAttempt>;
  readonly queue: Pick<Lanes, 'push' | 'remove'>;
  readonly delayed: DelayedEvents;
  readonly random: () => number;
}

/** Calls of `deliver`, each from its start until its events are settled or held again. */
export interface Calls {
  /** Never rejects. */
  run(events: readonly HeldEvent[], abort: AbortController, probe: boolean): Promise<void>;
  /** Applies a decision about failures. */
  apply(decision: FailureDecision<FailedAttempt>): Promise<void>;
}

export function createCalls(parts: CallParts): Calls {
  const { name, settler, parking, queue, signals } = parts;
  const settleBatch = createSettleBatch(parts);
  const deliver = createDeliver(parts);

  const delay = async (failure: FailedAttempt): Promise<void> => {
    settler.postponed(failure);
    const delayMs = delayOf(failure, parts);
    if (delayMs > inPlaceDelayMsMax && (await settler.copyToRetry(failure.held, delayMs))) return;
    parts.delayed.add(failure.held, delayMs);
  };

  const apply = async (decision: FailureDecision<FailedAttempt>): Promise<void> => {
    for (const failure of decision.queued) {
      settler.postponed(failure);
      queue.push(failure.held);
    }
    const charged = decision.charged.map((failure) => {
      queue.remove(failure.held);
      return settler.failed(failure);
    });
    await Promise.all([...decision.delayed.map(delay), ...charged]);
  };

  /** Resolves to false if the call showed nothing about the destination. */
  const callDestination = async (
    events: readonly HeldEvent[],
    abort: AbortController,
    probe: boolean,
  ): Promise<boolean> => {
    const unmark = events[0]!.exclusive ? await markAttempt(events[0]!, parts) : undefined;
    if (unmark === 'given up') return false;
    const startedAtMs = Date.now();
    const startedMs = performance.now();
    const { outcomes, fault } = await deliver(events, abort);
    if (fault !== undefined) signals.trouble(`destination ${name}`, fault);
    await unmark?.();
    if (outcomes === undefined) {
      for (const held of events) settler.release(held);
      return false;
    }
    const endedMs = performance.now();
    const time = { startedAtMs, durationMs: endedMs - startedMs };
    const { own, limited, failures, answered } = settleBatch(events, outcomes, time);
    const succeeded = own.length + limited.length + failures.length === 0;
    signals.destinationCalled(name, succeeded, () =>
      describeCall(parts, { events, own, limited, failures, probe, durationMs: time.durationMs }),
    );
    const decision = parking.decide({ probe, startedMs, endedMs, answered, failures });
    await Promise.all([...own.map(settler.failed), ...limited.map(delay), apply(decision)]);
    return true;
  };

  return {
    apply,
    run: async (events, abort, probe) => {
      try {
        if (await callDestination(events, abort, probe)) return;
      } catch (error) {
        // A bug in Headgate. The log redelivers unsettled events after the acknowledgement wait.
        signals.trouble(`delivering to ${name}`, error);
        for (const held of events) held.abandon();
      }
      const nowMs = performance.now();
      parking.decide({ probe, startedMs: nowMs, endedMs: nowMs, answered: [], failures: [] });
    },
  };
}

/**
 * Marks an event that may crash its worker, before it is tried. Gives the event up once its marks
 * and failures reach `retry.attempts`.
 */
async function markAttempt(
  held: HeldEvent,
  { record, retry, settler }: CallParts,
): Promise<(() => Promise<void>) | 'given up'> {
  const { count, lastError } = await record.readCharged(held);
  if (count < retry.attempts) return record.mark(held);
  // Any other error means that its dead letter could not be stored.
  const crashed = lastError === markText || lastError === '';
  const reason = crashed
    ? `its worker crashed or hung in the last of ${count} attempts`
    : lastError;
  const time = { startedAtMs: Date.now(), durationMs: 0 };
  await settler.failed({ held, attempt: held.attempt, outcome: { kind: 'dead', reason }, time });
  return 'given up';
}

interface Settled {
  /** Failures caused by the event. */
  readonly own: readonly FailedAttempt[];
  /** Events that wait because the destination takes no more of their source now. */
  readonly limited: readonly FailedAttempt[];
  /** Failures that look as if the destination caused them. */
  readonly failures: readonly FailedAttempt[];
  readonly answered: readonly HeldEvent[];
}

/** Delivers in a span when tracing is on. */
function createDeliver({ name, destination }: CallParts) {
  const deliver = (events: readonly HeldEvent[], abort: AbortController): Promise<BatchReport> =>
    deliverBatch(destination, events, abort);
  const trace = traceDeliveries(name);
  if (trace === undefined) return deliver;
  return (events: readonly HeldEvent[], abort: AbortController): Promise<BatchReport> =>
    trace(events, () => deliver(events, abort));
}

/** Acks delivered events, and sorts failures by their cause. */
function createSettleBatch({ name, signals, settler }: CallParts) {
  return (
    batch: readonly HeldEvent[],
    outcomes: readonly BatchOutcome[],
    time: FailedAttempt['time'],
  ): Settled => {
    const nowMs = time.startedAtMs + time.durationMs;
    const own: FailedAttempt[] = [];
    const limited: FailedAttempt[] = [];
    const failures: FailedAttempt[] = [];
    const refused: HeldEvent[] = [];
    let deliveredCount = 0;
    let filteredCount = 0;
    for (let index = 0; index < batch.length; index += 1) {
      const held = batch[index]!;
      const outcome = outcomes[index]!;
      if (outcome.kind === 'delivered') {
        deliveredCount += 1;
        if (!held.isRedelivered) {
          const latencyMs = nowMs - held.message.storedAtMs;
          signals.deliveryLatency(name, Math.max(0, latencyMs / 1_000));
        }
        settler.delivered(held);
        continue;
      }
      if (outcome.kind === 'filtered') {
        filteredCount += 1;
        settler.filtered(held);
        continue;
      }
      const failure = { held, attempt: held.attempt, outcome, time };
      // An event that cannot be read shows nothing about the destination.
      if (outcome.kind === 'dead' || held.undecodable !== undefined) own.push(failure);
      else if (outcome.fault === 'event') {
        own.push(failure);
        refused.push(held);
      } else if (outcome.fault === 'source') {
        limited.push(failure);
        refused.push(held);
      } else {
        failures.push(failure);
        held.batchEventsMax = Math.ceil(batch.length / 2);
      }
    }
    if (deliveredCount > 0) signals.eventsDelivered(name, deliveredCount);
    if (filteredCount > 0) signals.eventsFiltered(name, filteredCount);
    if (deliveredCount === batch.length) return { own, limited, failures, answered: batch };
    const delivered = batch.filter((_held, index) => outcomes[index]!.kind === 'delivered');
    return { own, limited, failures, answered: [...delivered, ...refused] };
  };
}

interface EndedCall extends Omit<Settled, 'answered'> {
  readonly events: readonly HeldEvent[];
  readonly probe: boolean;
  readonly durationMs: number;
}

function describeCall({ name }: CallParts, call: EndedCall): DeliveryCall {
  const { events, own, limited, failures, probe } = call;
  const [first, last] = [events[0]!, events.at(-1)!];
  const outcome = (failures[0] ?? limited[0] ?? own[0])?.outcome;
  return {
    destination: name,
    stream: first.stream,
    firstSequence: first.sequence,
    lastSequence: last.sequence,
    events: events.length,
    delivered: events.length - own.length - limited.length - failures.length,
    postponed: limited.length + failures.length,
    refused: own.length,
    probe,
    durationMs: Math.round(call.durationMs),
    correlationId: first.message.header('Headgate-Correlation-Id'),
    status: outcome?.status ?? '',
    error: outcome?.reason ?? '',
  };
}

/** The delay of an event that waits uncharged. The exponent grows with each uncharged try. */
function delayOf({ held, outcome }: FailedAttempt, { retry, random }: CallParts): number {
  const least = outcome.kind === 'retry' ? (outcome.notBeforeMs ?? 0) : 0;
  return Math.min(retryDelayMs(retry, held.tries, least, random()), delayMsMax);
}

/** The longest delay of an event: a day. */
const delayMsMax = 86_400_000;
