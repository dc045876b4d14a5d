import type { Outcome } from '../destinations/destination.ts';
import type { DeliveryAttempt } from '../event/delivery-attempt.ts';
import { messageIdHeader, type Log } from '../jetstream/log.ts';
import { headerBlock } from '../jetstream/publish/raw-publish.ts';
import { deleteMessage, readMatching } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import type { Signals } from '../observability/signals.ts';
import type { HeldEvent } from './held-event.ts';

/** How long one call of `deliver` took, and when it began. */
export interface BatchTime {
  readonly startedAtMs: number;
  readonly durationMs: number;
}

/** One attempt at one event that failed. */
export interface FailedAttempt {
  readonly held: HeldEvent;
  /** Its number, as it was then. */
  readonly attempt: number;
  readonly outcome: Exclude<Outcome, { kind: 'delivered' }>;
  readonly time: BatchTime;
}

export interface ChargedAttempts {
  readonly count: number;
  /** Empty where it is not known. */
  readonly lastError: string;
  /** When the first of them was made, as a Unix time in ms; undefined where it is not known. */
  readonly firstMs: number | undefined;
}

/**
 * The attempts at each event, in ATTEMPTS, and how many of them count: the charged entries, and the
 * marks of attempts whose worker ended during them.
 */
export interface AttemptRecord {
  /** Resolves when the entry is stored, or cannot be. Never rejects. */
  write(attempt: DeliveryAttempt): Promise<void>;
  /**
   * Never too many, so that nothing dies early: when the record cannot be read or written, the
   * deliveries count.
   */
  readCharged(held: HeldEvent): Promise<ChargedAttempts>;
  /** Records before an attempt that it is made; the function returned takes that back. Never rejects. */
  mark(held: HeldEvent): Promise<() => Promise<void>>;
}

/** The text of a mark, which stays when its worker ends before it takes the mark back. */
export const markText = 'its worker ended during this attempt';

const errorTextMax = 2_000;

export function describeFailure(
  destination: string,
  { held, attempt, outcome, time }: FailedAttempt,
  charged: boolean,
): DeliveryAttempt {
  const reason =
    outcome.kind === 'retry' && held.undecodable !== undefined ? held.undecodable : outcome.reason;
  let eventId = '';
  try {
    eventId = held.event().eventId;
  } catch {
    // The attempt is recorded without it.
  }
  return {
    destination,
    sequence: String(held.sequence),
    eventId,
    attempt,
    charged,
    startedAt: new Date(time.startedAtMs).toISOString(),
    durationMs: Math.round(time.durationMs),
    status: outcome.status ?? '',
    error: reason.slice(0, errorTextMax),
    correlationId: held.message.header('Headgate-Correlation-Id'),
    stream: held.stream,
  };
}

export function createAttemptRecord(
  destination: string,
  log: Log,
  signals: Signals,
): AttemptRecord {
  let failing = false;

  const write = (attempt: DeliveryAttempt): Promise<number | undefined> =>
    new Promise((resolve) => {
      const { stream, sequence, startedAt, charged } = attempt;
      const id = `${destination}:${stream}:${sequence}:${attempt.attempt}:${startedAt}:${charged}`;
      log.publish(
        'ATTEMPTS',
        subjects.attempt(destination, Number(sequence)),
        headerBlock({ [messageIdHeader]: id }),
        JSON.stringify(attempt),
        (ack, error) => {
          // One line when it begins to fail, not one for each event of an outage.
          if (error !== undefined && !failing) signals.trouble('ATTEMPTS takes no entries', error);
          failing = error !== undefined;
          resolve(ack?.sequence);
        },
      );
    });

  return {
    write: async (attempt) => void (await write(attempt)),
    readCharged: async (held) => {
      // A delayed event may have had one delivery more than its message counts.
      const count = held.message.deliveries - (held.isDelayedCopy ? 0 : 1);
      const deliveries = { count, lastError: '', firstMs: undefined };
      if (failing) return deliveries;
      try {
        const charged = await readCharged(log, destination, held);
        return { ...charged, count: Math.min(count, charged.count) };
      } catch (error) {
        signals.trouble('ATTEMPTS cannot be read', error);
        return deliveries;
      }
    },
    mark: async (held) => {
      const failure: FailedAttempt = {
        held,
        attempt: held.attempt,
        outcome: { kind: 'dead', reason: markText },
        time: { startedAtMs: Date.now(), durationMs: 0 },
      };
      const sequence = await write(describeFailure(destination, failure, true));
      return async () => {
        if (sequence === undefined) return;
        try {
          await deleteMessage(log, 'ATTEMPTS', sequence);
        } catch (error) {
          signals.trouble('a mark in ATTEMPTS stays', error);
        }
      };
    },
  };
}

const decoder = new TextDecoder();

async function readCharged(
  log: Log,
  destination: string,
  held: HeldEvent,
): Promise<ChargedAttempts> {
  let count = 0;
  let lastError = '';
  let firstMs: number | undefined;
  const subject = subjects.attempt(destination, held.sequence);
  for await (const { payload } of readMatching(log, 'ATTEMPTS', subject)) {
    const attempt = JSON.parse(decoder.decode(payload)) as DeliveryAttempt;
    if (attempt.stream !== held.stream || !attempt.charged) continue;
    count += 1;
    lastError = attempt.error;
    firstMs ??= Date.parse(attempt.startedAt);
  }
  return { count, lastError, firstMs };
}
