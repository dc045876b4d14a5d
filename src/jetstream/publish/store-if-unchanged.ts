import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import type { PublishAck } from './publish-ack.ts';
import { isConflict } from './publish-error.ts';

/**
 * Stores a message only if the newest message of its subject is at position `expected` (0: the
 * subject has no message). Rejects with a PublishError, `conflict` if another process stored one
 * first.
 */
export function storeIfUnchanged(
  log: Log,
  stream: StreamName,
  subject: string,
  expected: number,
  payload: string,
): Promise<PublishAck> {
  const headers = { 'Nats-Expected-Last-Subject-Sequence': String(expected) };
  return log.store(stream, subject, headers, payload);
}

/** The same, but resolves to undefined if another process stored one first. */
export async function storeUnlessChanged(
  ...message: Parameters<typeof storeIfUnchanged>
): Promise<PublishAck | undefined> {
  try {
    return await storeIfUnchanged(...message);
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}
