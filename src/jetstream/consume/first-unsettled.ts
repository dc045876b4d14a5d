import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { readNextOfLeader, type StoredMessage } from '../read/read.ts';
import type { ConsumerPosition } from './consumer-position.ts';

/**
 * The first message of a consumer behind what it has settled, or behind a lower position. Undefined
 * if the stream has none. Rejects when the log cannot be reached.
 *
 * The stream knows it, and the consumer's counts do not: nats-server answers a publish before it
 * counts the message for consumers, and on a cluster the leader of a consumer may lag behind that of
 * its stream. A consumer that counts nothing may still have messages.
 */
export async function readFirstUnsettled(
  log: Log,
  part: StreamPart,
  { subjects, settledUpTo }: Pick<ConsumerPosition, 'subjects' | 'settledUpTo'>,
  after = settledUpTo,
): Promise<StoredMessage | undefined> {
  let first: StoredMessage | undefined;
  for (const filter of subjects) {
    const next = await readNextOfLeader(log, part, part.sequence(after) + 1, filter);
    if (next !== undefined && next.sequence < (first?.sequence ?? Infinity)) first = next;
  }
  return first;
}
