import { eventNameOf, type GivenUpEvent } from '../event/delivery-attempt.ts';
import { replayedSince } from '../jetstream/consume/destination-consumer.ts';
import type { Log } from '../jetstream/log.ts';
import { readMatching, sequenceSince, type SingleStreamName } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import { originHeader, originOf } from './dead-letter-entry.ts';

/** How many messages of the event's destination and name are read at most. */
const searchedMax = { replays: 4_096, discards: 4_096, entries: 256 };

/**
 * Whether an operator has settled the dead letter that was at this position of DEAD, or a newer one of
 * the event, since the destination was added. Then the event is given up once more only because its
 * acknowledgement was lost.
 *
 * False if that is not known: a second dead letter is better than none. A replay that was delivered
 * leaves no trace, but an older message that DEAD still has, stored since the destination was added,
 * shows that the dead letter is from after that.
 */
export async function wasSettled(
  log: Log,
  event: GivenUpEvent,
  sequence: number,
): Promise<boolean> {
  const origin = originOf(event);
  if (origin === '0') return false;
  const { destination, stream, message } = event;
  const sinceMs = await replayedSince(log, destination);
  const from = sinceMs === undefined ? 1 : await sequenceSince(log, 'DEAD', sinceMs + 1);
  if (sinceMs !== undefined && from !== undefined && from < sequence) return true;

  const name = eventNameOf(message.subject);
  const has = async (
    searched: SingleStreamName,
    subject: string,
    first: number,
    max: number,
  ): Promise<boolean> => {
    let read = 0;
    for await (const one of readMatching(log, searched, subject, first)) {
      if (one.header(originHeader) === origin) return true;
      read += 1;
      if (read === max) return false;
    }
    return false;
  };
  // The removal of a destination deletes its replays. The event itself may be one.
  const after = stream === 'REPLAY' ? message.sequence + 1 : 1;
  const { replays, discards, entries } = searchedMax;
  if (await has('REPLAY', subjects.replay(destination, name), after, replays)) return true;
  // All of DEAD is from before the destination was added.
  if (from === undefined) return false;
  const newer = Math.max(from, sequence + 1);
  return (
    (await has('DEAD', subjects.discarded(destination, name), newer, discards)) ||
    // Of a fix: the event still has an entry.
    (await has('DEAD', subjects.dead(destination, name), newer, entries))
  );
}
