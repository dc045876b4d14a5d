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

/** One failed attempt to deliver one event. */
export interface FailedAttempt {
  readonly held: HeldEvent;
  /** The attempt's number when it was made. */
  readonly attempt: number;
  readonly outcome: Exclude<Outcome, { kind: 'delivered' }>;
  readonly time: BatchTime;
}

export interface ChargedAttempts {
  readonly count: number;
  /** Empty if unknown. */
  readonly lastError: string;
  /** When the first attempt was made, as a Unix time in ms; undefined if unknown. */
  readonly firstMs: number | undefined;
}

/**
 * The attempts of each event, stored in ATTEMPTS, and how many of them count: charged entries, and
 * marks of attempts during which the worker ended.
 */
export interface AttemptRecord {
  /** Resolves when the entry is stored or storing it has failed. Never rejects. */
  write(attempt: DeliveryAttempt): Promise<void>;
  /**
   * Never counts too many attempts, so that no event becomes a dead letter too early. Counts
   * deliveries while the record cannot be read or written.
   */
  readCharged(held: HeldEvent): Promise<ChargedAttempts>;
  /** Marks an attempt before it is made; the returned function deletes the mark. Never rejects. */
  mark(held: HeldEvent): Promise<() => Promise<void>>;
}

/** The text of a mark. A mark stays if its worker ends before it deletes the mark. */
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
    // The attempt is recorded without an event id.
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
          // Log the first failure only, not one line for each event of an outage.
          if (error !== undefined && !failing) {
            signals.trouble('ATTEMPTS does not accept entries', error);
          }
          failing = error !== undefined;
          resolve(ack?.sequence);
        },
      );
    });

  return {
    write: async (attempt) => void (await write(attempt)),
    readCharged: async (held) => {
      // A copied event may have had one more delivery than its message counts.
      const count = held.message.deliveries - (held.isCopy ? 0 : 1);
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
          signals.trouble('a mark in ATTEMPTS could not be deleted', error);
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
