import { messageIdHeader, type Log } from '../../log.ts';
import type { PublishAck } from '../../publish/publish-ack.ts';
import { readMessage, type SingleStreamName } from '../../read/read.ts';

/**
 * Stores a copy of an event, unless the stream has it. A stream remembers an id for longer than it may
 * have the message: the destination was removed and added again, or the copy was settled. The caller
 * settles the event next, so a copy that is gone is stored again: rather twice than never. Rejects
 * with a PublishError, or when the log cannot be reached.
 */
export async function storeCopy(
  log: Log,
  stream: SingleStreamName,
  subject: string,
  headers: Readonly<Record<string, string>>,
  payload: Uint8Array,
): Promise<PublishAck> {
  let id = headers[messageIdHeader]!;
  for (;;) {
    const ack = await log.store(stream, subject, { ...headers, [messageIdHeader]: id }, payload);
    if (!ack.duplicate || (await readMessage(log, stream, ack.sequence)) !== undefined) return ack;
    id += `:${ack.sequence}`;
  }
}
