import type { Log } from '../src/jetstream/log.ts';
import { findRanges, readInOrder } from '../src/jetstream/read/read-ranges.ts';
import type { StoredMessage } from '../src/jetstream/read/read.ts';

/** All events that the log has now, the oldest first. */
export async function* storedEvents(log: Log, subject = '>'): AsyncGenerator<StoredMessage> {
  yield* readInOrder(log, 'EVENTS', [subject], await findRanges(log, 'EVENTS'));
}
