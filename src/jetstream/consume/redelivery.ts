import { eventNameOf } from '../../event/delivery-attempt.ts';
import { messageIdHeader, type Log } from '../log.ts';
import type { PublishAck } from '../publish/publish-ack.ts';
import { storeCopy } from './copies/store-copy.ts';
import type { StoredMessage } from '../read/read.ts';
import { subjects } from '../topology.ts';
import { keptHeaders, originHeader } from './delayed-copies.ts';

/**
 * Delivers an event of EVENTS to one destination again, through REPLAY and under the same event id.
 * If the same event was stored there within a day and is still there, the acknowledgement is one of a
 * duplicate. Rejects with a PublishError, or when the log cannot be reached.
 */
export async function storeRedelivery(
  log: Log,
  destination: string,
  event: StoredMessage,
): Promise<PublishAck> {
  const headers: Record<string, string> = {
    [messageIdHeader]: `redelivery:${destination}:${event.sequence}:${event.storedAtMs}`,
  };
  for (const name of keptHeaders) {
    const value = event.header(name);
    if (value !== '') headers[name] = value;
  }
  headers[originHeader] = String(event.sequence);
  const subject = subjects.replay(destination, eventNameOf(event.subject));
  return storeCopy(log, 'REPLAY', subject, headers, event.payload);
}
