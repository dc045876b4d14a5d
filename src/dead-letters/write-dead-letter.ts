import type { DeliveryAttempt, GiveUp, GivenUpEvent } from '../event/delivery-attempt.ts';
import type { Log } from '../jetstream/log.ts';
import { readMatching, readMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import type { Signals } from '../observability/signals.ts';
import { deadLetterId, encodeDeadLetter } from './dead-letter-entry.ts';
import { wasSettled } from './settled-before.ts';

const decoder = new TextDecoder();

/**
 * Writes dead letters: the `giveUp` of every delivery worker and of the advisory collector. Rejects
 * with a PublishError if DEAD does not accept the entry.
 *
 * DEAD remembers an id for longer than it has the entry. An event may be given up again after its entry was
 * replayed or discarded, because the acknowledgement of the event was lost: then nothing is written. Or the
 * destination was removed and added again, and refuses the event again: such an entry gets another id.
 */
export function createDeadLetterWriter(options: {
  readonly log: Log;
  readonly signals: Signals;
  /** Called once the dead letter is stored. */
  readonly onStored?: ((event: GivenUpEvent) => void) | undefined;
}): GiveUp {
  const { log, signals, onStored } = options;
  return async (event) => {
    let attempts: DeliveryAttempt[] = [];
    try {
      attempts = await readAttempts(log, event);
    } catch (error) {
      // An entry without all of its attempts is better than no entry.
      signals.trouble('ATTEMPTS cannot be read', error);
    }
    const { lastAttempt } = event;
    if (lastAttempt !== undefined) attempts.push(lastAttempt);
    const records = latestRecords(attempts);
    const nowMs = Date.now();
    for (let id = deadLetterId(event); ;) {
      const { subject, headers, payload } = encodeDeadLetter(event, records, nowMs, id);
      const { duplicate, sequence } = await log.store('DEAD', subject, headers, payload);
      if (!duplicate || (await readMessage(log, 'DEAD', sequence)) !== undefined) break;
      if (await wasSettled(log, event, sequence)) return;
      id = `${deadLetterId(event)}:again-${sequence}`;
    }
    onStored?.(event);
  };
}

/** Each attempt once, in order, by its latest record, which may have charged the attempt later. */
function latestRecords(attempts: readonly DeliveryAttempt[]): DeliveryAttempt[] {
  const byStart = new Map(attempts.map((one) => [`${one.startedAt} ${one.attempt}`, one]));
  return [...byStart.values()].sort(
    (left, right) =>
      Date.parse(left.startedAt) - Date.parse(right.startedAt) || left.attempt - right.attempt,
  );
}

/** EVENTS and REPLAY both count from 1 and share the subject: each record names its stream. */
async function readAttempts(log: Log, event: GivenUpEvent): Promise<DeliveryAttempt[]> {
  const { destination, stream, message } = event;
  const attempts: DeliveryAttempt[] = [];
  const subject = subjects.attempt(destination, message.sequence);
  for await (const { payload } of readMatching(log, 'ATTEMPTS', subject)) {
    const attempt = JSON.parse(decoder.decode(payload)) as DeliveryAttempt;
    if (attempt.stream === stream) attempts.push(attempt);
  }
  return attempts;
}
