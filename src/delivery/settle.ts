import type { DestinationConfig } from '../config/config.ts';
import type { Outcome } from '../destinations/destination.ts';
import { eventNameOf, type DeliveryAttempt, type GiveUp } from '../event/delivery-attempt.ts';
import type { Log } from '../jetstream/log.ts';
import { headerBlock } from '../jetstream/raw-publish.ts';
import { subjects } from '../jetstream/topology.ts';
import type { Signals } from '../observability/signals.ts';
import { deliveriesMax } from './capacity.ts';
import type { HeldEvent } from './held-event.ts';
import { retryDelayMs } from './retry-policy.ts';

/** How long one call of `deliver` took, and when it began. */
export interface BatchTime {
  readonly startedAtMs: number;
  readonly durationMs: number;
}

/** Tells the log what became of events. The only one that does. */
export interface Settler {
  /**
   * Settles each event of a batch as its outcome says. Resolves when the last one is; undefined
   * when it already is, which is so when every event was delivered.
   */
  settleBatch(
    batch: readonly HeldEvent[],
    outcomes: readonly Outcome[],
    time: BatchTime,
  ): Promise<void> | undefined;
  /** The destination does not want it. */
  filtered(held: HeldEvent): void;
  /** It goes back untried. */
  handBack(held: HeldEvent): void;
  /** The work on it goes on. */
  keep(held: HeldEvent): void;
}

export interface SettlerOptions {
  readonly config: DestinationConfig;
  readonly log: Log;
  readonly signals: Signals;
  readonly giveUp: GiveUp;
  readonly random: () => number;
}

/**
 * The longest Retry-After that is honoured: it is a stranger's word, and the event keeps its place.
 */
const notBeforeMsMax = 86_400_000;
/** How soon a dead letter that could not be stored is tried again, with its event. */
const giveUpRetryMs = 5_000;
const errorTextMax = 2_000;

/**
 * States of an event here: held -> delivered (ack)
 *                               -> waiting (an entry in ATTEMPTS, then nak with a delay)
 *                               -> given up (an entry in DEAD, stored, and only then ack).
 *
 * A dead letter is acked and never termed: `term` makes the log send an advisory, from which the
 * collector would write the entry a second time, perhaps after a person had dealt with the first.
 */
export function createSettler(options: SettlerOptions): Settler {
  const { config, signals } = options;
  const recordAttempt = createAttemptRecorder(options);
  const giveUpEvent = createGiveUp(options);

  const settleFailed = (
    held: HeldEvent,
    outcome: Exclude<Outcome, { kind: 'delivered' }>,
    time: BatchTime,
  ): Promise<void> | undefined => {
    const unreadable = held.undecodable;
    const reason =
      outcome.kind === 'retry' && unreadable !== undefined ? unreadable : outcome.reason;
    const final =
      outcome.kind === 'dead' || unreadable !== undefined || held.attempt >= config.retry.attempts;
    const attempt = describeAttempt(config.name, held, { ...time, reason, status: outcome.status });
    const least = outcome.kind === 'retry' ? noSillier(outcome.notBeforeMs) : 0;
    const delayMs = final
      ? undefined
      : retryDelayMs(config.retry, held.attempt, least, options.random());
    recordAttempt(attempt);
    signals.deliveryFailed(final ? 'dead' : 'retried', {
      destination: attempt.destination,
      stream: attempt.stream,
      sequence: held.sequence,
      eventId: attempt.eventId,
      eventName: eventNameOf(held.message.subject),
      correlationId: attempt.correlationId,
      attempt: attempt.attempt,
      durationMs: attempt.durationMs,
      status: attempt.status,
      error: attempt.error,
      retryInMs: delayMs,
    });
    if (delayMs === undefined) return giveUpEvent(held, attempt);
    settle(held, () => held.message.nak(delayMs));
    return undefined;
  };

  return {
    settleBatch: (batch, outcomes, time) => {
      const givenUp: Promise<void>[] = [];
      const nowMs = time.startedAtMs + time.durationMs;
      let deliveredCount = 0;
      for (let index = 0; index < batch.length; index += 1) {
        const held = batch[index]!;
        const outcome = outcomes[index]!;
        if (outcome.kind === 'delivered') {
          deliveredCount += 1;
          signals.deliveryLatency(
            config.name,
            Math.max(0, (nowMs - held.message.storedAtMs) / 1_000),
          );
          settle(held, acknowledge);
        } else {
          const pending = settleFailed(held, outcome, time);
          if (pending !== undefined) givenUp.push(pending);
        }
      }
      if (deliveredCount > 0) signals.eventsDelivered(config.name, deliveredCount);
      return givenUp.length === 0 ? undefined : Promise.all(givenUp).then(() => undefined);
    },
    filtered: (held) => settle(held, acknowledge),
    handBack: (held) => settle(held, (one) => one.message.nak(0)),
    keep: (held) => {
      if (!held.settled) tell(held, (one) => one.message.working());
    },
  };
}

const acknowledge = (held: HeldEvent): void => held.message.ack();

function settle(held: HeldEvent, how: (held: HeldEvent) => void): void {
  if (held.settled) return;
  held.settled = true;
  tell(held, how);
}

/**
 * A word to the log that cannot be said (the connection is closed) is one that was lost: it asks
 * again.
 */
function tell(held: HeldEvent, how: (held: HeldEvent) => void): void {
  try {
    how(held);
  } catch {
    // Nothing to do: unsettled, the event comes again.
  }
}

/** Writes the entry in DEAD, and settles the event only when that is stored. */
function createGiveUp(options: SettlerOptions) {
  const { config, signals } = options;
  const deliveries = deliveriesMax(config.retry);
  return async (held: HeldEvent, lastAttempt: DeliveryAttempt): Promise<void> => {
    const { stream, message } = held;
    try {
      await options.giveUp({
        destination: config.name,
        stream,
        message,
        reason: lastAttempt.error,
        lastAttempt,
      });
      settle(held, acknowledge);
    } catch (error) {
      signals.trouble(
        `the dead letter ${config.name}:${held.sequence} (${stream}) is not stored`,
        error,
      );
      if (held.attempt < deliveries) settle(held, (one) => one.message.nak(giveUpRetryMs));
      // The log will not hand it out again. Left alone it makes the max-deliver advisory, and the
      // collector writes the entry when DEAD takes one.
      else held.settled = true;
    }
  };
}

/** Writes to ATTEMPTS without waiting: it is what people read, and nothing depends on it. */
function createAttemptRecorder(options: SettlerOptions): (attempt: DeliveryAttempt) => void {
  let failing = false;
  return (attempt) => {
    const { destination, stream, sequence } = attempt;
    options.log.publish(
      'ATTEMPTS',
      subjects.attempt(destination, Number(sequence)),
      headerBlock({ 'Nats-Msg-Id': `${destination}:${stream}:${sequence}:${attempt.attempt}` }),
      JSON.stringify(attempt),
      (_ack, error) => {
        // One line when it begins to fail, not one for each event of an outage.
        if (error !== undefined && !failing)
          options.signals.trouble('ATTEMPTS takes no entries', error);
        failing = error !== undefined;
      },
    );
  };
}

function describeAttempt(
  destination: string,
  held: HeldEvent,
  how: BatchTime & { readonly reason: string; readonly status: string | undefined },
): DeliveryAttempt {
  let eventId = '';
  try {
    eventId = held.event().eventId;
  } catch {
    // The attempt is told of all the same.
  }
  return {
    destination,
    sequence: String(held.sequence),
    eventId,
    attempt: held.attempt,
    startedAt: new Date(how.startedAtMs).toISOString(),
    durationMs: Math.round(how.durationMs),
    status: how.status ?? '',
    error: how.reason.slice(0, errorTextMax),
    correlationId: held.message.header('Headgate-Correlation-Id'),
    stream: held.stream,
  };
}

function noSillier(notBeforeMs: number | undefined): number {
  return notBeforeMs !== undefined && notBeforeMs > 0 ? Math.min(notBeforeMs, notBeforeMsMax) : 0;
}
