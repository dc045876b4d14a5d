import { eventNameOf } from '../../../event/delivery-attempt.ts';
import { clientsOf } from '../../clients.ts';
import { messageIdHeader, type Log } from '../../log.ts';
import type { PublishAck } from '../../publish/publish-ack.ts';
import { newestPosition, type StoredMessage } from '../../read/read.ts';
import { anyName, subjects } from '../../topology.ts';
import { keptHeaders, originHeader } from '../delayed-copies.ts';

/**
 * Stores a copy of an event of EVENTS for one destination, to be delivered by its lane under the
 * same event id. If the same redelivery stored it within a day, the acknowledgement is one of a
 * duplicate. Rejects with a PublishError.
 */
export function storeLaneCopy(
  log: Log,
  destination: string,
  redelivery: string,
  event: StoredMessage,
): Promise<PublishAck> {
  const headers: Record<string, string> = {
    [messageIdHeader]: `redelivery:${destination}:${redelivery}:${event.sequence}`,
  };
  for (const name of keptHeaders) {
    const value = event.header(name);
    if (value !== '') headers[name] = value;
  }
  headers[originHeader] = String(event.sequence);
  const subject = subjects.redelivery(destination, eventNameOf(event.subject));
  return log.store('REPLAY', subject, headers, event.payload);
}

/** The id of the redelivery that stored a copy. */
export function redeliveryOf(copy: StoredMessage): string {
  return copy.header(messageIdHeader).split(':')[2] ?? '';
}

/** How much REPLAY may hold and where it ends now. Rejects when the log cannot be reached. */
export async function readReplayRoom(
  log: Log,
): Promise<{ readonly bytesMax: number; readonly last: number }> {
  const { config, state } = await clientsOf(log).manager.streams.info('REPLAY');
  return { bytesMax: config.max_bytes, last: state.last_seq };
}

/**
 * The position of the last copy that REPLAY holds of a destination; 0 if it holds none. Asks the
 * stream's leader, which knows every copy that was acknowledged. Rejects when the log cannot be
 * reached.
 */
export function lastLaneCopy(log: Log, destination: string): Promise<number> {
  return newestPosition(log, 'REPLAY', subjects.redelivery(destination, anyName));
}

/**
 * Deletes the copies of a destination before a position, or all of them. They need the room only
 * until they are settled. Rejects when the log cannot be reached.
 */
export async function deleteLaneCopies(
  log: Log,
  destination: string,
  before?: number,
): Promise<void> {
  // To NATS, everything before 1 is everything.
  if (before !== undefined && before <= 1) return;
  const { streams } = clientsOf(log).manager;
  const filter = subjects.redelivery(destination, anyName);
  await streams.purge('REPLAY', { filter, ...(before !== undefined && { seq: before }) });
}
