import { clientsOf } from '../../clients.ts';
import type { Log } from '../../log.ts';
import { deleteMessage, newestPosition, type SingleStreamName } from '../../read/read.ts';

/**
 * Deletes all messages of a destination that is removed, settled or not: a new consumer of the
 * destination would begin with the first one it finds. Rejects when the log cannot be reached.
 */
export async function forgetCopies(
  log: Log,
  stream: SingleStreamName,
  filter: string,
): Promise<void> {
  const last = await newestPosition(log, stream, filter);
  if (last === 0) return;
  // A purge of the whole stream may drop a message that is being stored (janitor.ts), so that the
  // last one is deleted by itself. To NATS, everything before 1 is everything.
  if (last > 1) await clientsOf(log).manager.streams.purge(stream, { filter, seq: last });
  await deleteMessage(log, stream, last);
  await log.syncStream(stream);
}
