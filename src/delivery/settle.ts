import type { DestinationConfig } from '../config/config.ts';
import { eventNameOf, type DeliveryAttempt, type GiveUp } from '../event/delivery-attempt.ts';
import { ageMs } from '../event/time/steady-time.ts';
import type { PulledMessage } from '../jetstream/consume/pull.ts';
import type { AsideCopy } from '../jetstream/consume/aside/aside-copies.ts';
import type { DelayedCopy } from '../jetstream/consume/delayed-copies.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import type { Signals } from '../observability/signals.ts';
import { describeFailure, type AttemptRecord, type FailedAttempt } from './attempt-record.ts';
import { deliveriesMax, inPlaceDelayMsMax } from './capacity.ts';
import type { HeldEvent } from './held-event.ts';
import { retryDelayMs } from './retry-policy.ts';

/** Settles events with the log. No other code does. */
export interface Settler {
  delivered(held: HeldEvent): void;
  /**
   * Charges an attempt for a failure that the event caused. Resolves when the event waits in the
   * log for its next attempt, or is a dead letter.
   */
  failed(failure: FailedAttempt): Promise<void>;
  /**
   * Records a failure that the destination caused. Charges no attempt; the worker keeps the event.
   */
  postponed(failure: FailedAttempt): void;
  /**
   * Moves a postponed event to RETRY until its delay is over. Resolves to false if RETRY did not
   * store it; the worker then still holds the event.
   */
  copyToRetry(held: HeldEvent, delayMs: number): Promise<boolean>;
  /** Moves an event of EVENTS to ASIDE. If that fails, the worker still holds the event. */
  moveAside(held: HeldEvent): Promise<AsideMove>;
  /** Returns an event of RETRY that is not due yet. */
  returnUntilDue(message: PulledMessage, delayMs: number): void;
  /** Acks an event that the destination's filter excludes. */
  filtered(held: HeldEvent): void;
  /** Returns an event to the log untried. */
  release(held: HeldEvent): void;
  /** Extends the acknowledgement wait of an event that the worker still holds. */
  keep(held: HeldEvent): void;
}

/** `full`: ASIDE has no room. `failed`: it did not store the copy for another reason. */
export type AsideMove = 'moved' | 'full' | 'failed';

export interface SettlerOptions {
  readonly config: DestinationConfig;
  readonly record: AttemptRecord;
  readonly signals: Signals;
  readonly giveUp: GiveUp;
  readonly store: (event: Omit<DelayedCopy, 'destination'>) => Promise<void>;
  readonly storeAside: StoreAside;
  readonly random: () => number;
}

/**
 * The longest Retry-After that is honoured: it comes from outside, and its event occupies a slot.
 */
const notBeforeMsMax = 86_400_000;
/** How soon an event is tried again if its dead letter could not be stored. */
const giveUpRetryMs = 5_000;

/**
 * States of an event here: held -> delivered (ack)
 *                               -> held (an entry in ATTEMPTS: caused by the destination)
 *                               -> waiting (an entry in ATTEMPTS, stored, then nak with a delay;
 *                                  for long delays a copy in RETRY, stored, then ack)
 *                               -> aside (a copy in ASIDE, stored, then ack)
 *                               -> given up (an entry in DEAD, stored, and only then ack).
 *
 * A dead letter is acked and never termed: `term` makes the log send an advisory, from which the
 * collector would write the entry a second time, perhaps after a person has settled the first.
 */
export function createSettler(options: SettlerOptions): Settler {
  const { config, record, signals } = options;
  const giveUpEvent = createGiveUp(options);

  const moveToRetry = createMoveToRetry(options);

  /** How many attempts were charged, including this one, and when the first was made. */
  const readSpent = async (held: HeldEvent): Promise<{ count: number; firstMs: number }> => {
    const { deliveries } = held.message;
    const { attempts, maxAgeMs } = config.retry;
    // A delivery charges one attempt at most, so below the limit no look-up is needed.
    if (deliveries < attempts && maxAgeMs === undefined && !held.isCopy) {
      return { count: deliveries, firstMs: Date.now() };
    }
    const { count, firstMs } = await record.readCharged(held);
    return { count: 1 + count, firstMs: firstMs ?? Date.now() };
  };

  /** Undefined if no further attempt follows. */
  const nextDelayMs = async (held: HeldEvent, outcome: FailedAttempt['outcome']) => {
    if (outcome.kind !== 'retry' || held.undecodable !== undefined) return undefined;
    const { count, firstMs } = await readSpent(held);
    const { attempts, maxAgeMs = Number.POSITIVE_INFINITY } = config.retry;
    const leftMs = maxAgeMs - ageMs(firstMs);
    if (count >= attempts || leftMs <= 0) return undefined;
    const least = boundedDelayMs(outcome.notBeforeMs);
    // The last attempt is made when the age limit is reached, not a whole delay later.
    return Math.max(
      least,
      Math.min(leftMs, retryDelayMs(config.retry, count, least, options.random())),
    );
  };

  return {
    delivered: (held) => settle(held, acknowledge),
    failed: async (failure) => {
      const { held, outcome } = failure;
      if (held.settled) return;
      const delayMs = await nextDelayMs(held, outcome);
      const attempt = describeFailure(config.name, failure, true);
      const recorded = record.write(attempt);
      reportFailure(signals, held, attempt, delayMs);
      if (delayMs === undefined) {
        await giveUpEvent(held, attempt);
        return;
      }
      // Retry only after the record is stored; otherwise the next attempt might count one too few.
      await recorded;
      if (delayMs > inPlaceDelayMsMax && (await moveToRetry(held, delayMs, true))) return;
      settle(held, () => held.message.nak(delayMs));
    },
    postponed: (failure) => {
      record
        .write(describeFailure(config.name, failure, false))
        .catch((error: unknown) => signals.trouble('ATTEMPTS does not accept entries', error));
      signals.deliveryPostponed(config.name);
      failure.held.tries += 1;
    },
    moveAside: createMoveAside(options),
    copyToRetry: (held, delayMs) => moveToRetry(held, delayMs, false),
    returnUntilDue: (message, delayMs) => send(message, (one) => one.nak(delayMs)),
    filtered: settleFiltered,
    release: releaseHeld,
    keep: (held) => {
      if (!held.settled) send(held, (one) => one.message.working());
    },
  };
}

function reportFailure(
  signals: Signals,
  held: HeldEvent,
  attempt: DeliveryAttempt,
  retryInMs: number | undefined,
): void {
  signals.deliveryFailed(retryInMs === undefined ? 'dead' : 'retried', {
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
    retryInMs,
  });
}

const acknowledge = (held: HeldEvent): void => held.message.ack();

function settle(held: HeldEvent, how: (held: HeldEvent) => void): void {
  if (held.settled) return;
  held.leave();
  send(held, how);
}

/**
 * An ack or nak that cannot be sent because the connection is closed equals a lost one: the log
 * delivers the event again.
 */
function send<Subject>(subject: Subject, how: (subject: Subject) => void): void {
  try {
    how(subject);
  } catch {
    // The event stays unsettled, and the log delivers it again.
  }
}

/** Stores the copy in RETRY, and only then settles the event. */
function createMoveToRetry({ store, signals }: SettlerOptions) {
  let failing = false;
  return async (held: HeldEvent, delayMs: number, charged: boolean): Promise<boolean> => {
    const { stream, message, tries } = held;
    if (held.settled) return true;
    try {
      await store({
        stream,
        message,
        dueMs: Date.now() + delayMs,
        delayMs,
        // A delivery that was not charged counts among the tries.
        deliveries: message.deliveries - (charged ? 0 : 1),
        tries,
      });
    } catch (error) {
      // Log the first failure only: RETRY is full, or the log is unreachable.
      if (!failing) signals.trouble('RETRY does not accept events; workers keep them', error);
      failing = true;
      return false;
    }
    failing = false;
    settle(held, acknowledge);
    return true;
  };
}

export type StoreAside = (copy: Omit<AsideCopy, 'destination'>) => Promise<void>;

export interface MoveAsideOptions {
  readonly storeAside: StoreAside;
  readonly signals: Pick<Signals, 'trouble'>;
}

/** Stores the copy in ASIDE, and only then settles the event. The function never rejects. */
export function createMoveAside({ storeAside, signals }: MoveAsideOptions) {
  return async (held: HeldEvent): Promise<AsideMove> => {
    const { message, tries } = held;
    if (held.settled) return 'moved';
    try {
      // The delivery to this worker was no attempt.
      await storeAside({ message, deliveries: message.deliveries - 1, tries });
    } catch (error) {
      if (error instanceof PublishError && error.code === 'stream_full') return 'full';
      signals.trouble('ASIDE does not accept events; they stay in EVENTS', error);
      return 'failed';
    }
    settle(held, acknowledge);
    return 'moved';
  };
}

/** Settles an event that no filter of its destination wants. */
export function settleFiltered(held: HeldEvent): void {
  settle(held, acknowledge);
}

/** Returns an event to the log untried. */
export function releaseHeld(held: HeldEvent): void {
  settle(held, (one) => one.message.nak(0));
}

/** Writes the entry in DEAD, and only then settles the event. */
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
      if (held.isCopy || message.deliveries < deliveries)
        settle(held, (one) => one.message.nak(giveUpRetryMs));
      // The log will not deliver the event again. Left unsettled, it causes the max-deliver
      // advisory, and the collector writes the entry once DEAD accepts it.
      else held.leave();
    }
  };
}

function boundedDelayMs(notBeforeMs: number | undefined): number {
  return notBeforeMs !== undefined && notBeforeMs > 0 ? Math.min(notBeforeMs, notBeforeMsMax) : 0;
}
