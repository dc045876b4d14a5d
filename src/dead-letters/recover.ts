import { eventNameOf } from '../event/delivery-attempt.ts';
import type { Log } from '../jetstream/log.ts';
import {
  boundsOf,
  deleteMessage,
  readMatching,
  readMessage,
  type StoredMessage,
} from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import { entryIdOf, originHeader, settlesHeader } from './dead-letter-entry.ts';
import type { RecoveredUpTo } from './dead-letter-index.ts';

/**
 * The newest positions that are read: more than there were since the first change that was running
 * when the process ended. Between replays, REPLAY has the copies of redeliveries, which are not read.
 */
const recovered = [
  { stream: 'REPLAY', subject: subjects.replay('*', anyName), positions: 65_536 },
  { stream: 'DEAD', subject: 'headgate.>', positions: 256 },
] as const;

/**
 * Checks the newest messages that replace an entry. If the entry still exists, a crash prevented
 * its deletion, so it is deleted now. Also checks id and age, so that a recreated DEAD stream,
 * which counts from 1 again, loses nothing.
 */
export async function recover(log: Log): Promise<RecoveredUpTo> {
  const upTo = { REPLAY: 0, DEAD: 0 };
  let deleted = 0;
  for (const { stream, subject, positions } of recovered) {
    const { last } = await boundsOf(log, stream);
    const from = Math.max(1, last - positions + 1);
    for await (const message of readMatching(log, stream, subject, from)) {
      const settled = Number(message.header(settlesHeader));
      if (!(settled > 0)) continue;
      const entry = await readMessage(log, 'DEAD', settled);
      if (entry === undefined || !replaces(message, entry)) continue;
      await deleteMessage(log, 'DEAD', settled);
      deleted += 1;
    }
    upTo[stream] = last;
  }
  if (deleted > 0) await log.syncStream('DEAD');
  return upTo;
}

/** Whether a message with the position of this entry was stored in its place. */
export function replaces(message: StoredMessage, entry: StoredMessage): boolean {
  const origin = message.header(originHeader);
  return (
    message.storedAtMs >= entry.storedAtMs &&
    origin === entry.header(originHeader) &&
    eventNameOf(message.subject) === eventNameOf(entry.subject) &&
    entryIdOf(entry).startsWith(`${message.subject.split('.').at(-2)}:`)
  );
}
