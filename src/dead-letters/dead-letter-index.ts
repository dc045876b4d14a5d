import type { Log } from '../jetstream/log.ts';
import { readMatching, readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import { entryIdOf } from './dead-letter-entry.ts';

/** Finds entries by their id. */
export interface DeadLetterIndex {
  find(id: string): Promise<StoredMessage | undefined>;
  forget(id: string): void;
}

/**
 * The stream has no index by id, and without one ten thousand replays would scan it ten thousand
 * times. If a look-up finds nothing, it reads the new entries and tries again, which finds entries
 * of other processes, too. Uses about 100 bytes per entry.
 */
export function createIndex(log: Log): DeadLetterIndex {
  const sequences = new Map<string, number>();
  let readUpTo = 0;
  let reading: Promise<void> | undefined;

  const readNew = async (): Promise<void> => {
    for await (const message of readMatching(
      log,
      'DEAD',
      subjects.dead('*', anyName),
      readUpTo + 1,
    )) {
      // If two entries have the same id, the later one is the fixed entry.
      sequences.set(entryIdOf(message), message.sequence);
      readUpTo = message.sequence;
    }
  };
  const lookUp = async (id: string): Promise<StoredMessage | undefined> => {
    const sequence = sequences.get(id);
    if (sequence === undefined) return undefined;
    const message = await readMessage(log, 'DEAD', sequence);
    if (message !== undefined && entryIdOf(message) === id) return message;
    // Replayed, discarded or fixed by another process.
    if (sequences.get(id) === sequence) sequences.delete(id);
    return undefined;
  };
  return {
    find: async (id) => {
      const known = await lookUp(id);
      if (known !== undefined) return known;
      await (reading ??= readNew().finally(() => {
        reading = undefined;
      }));
      return lookUp(id);
    },
    forget: (id) => void sequences.delete(id),
  };
}
