import type { Log } from '../jetstream/log.ts';
import { readMatching, readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import { entryIdOf } from './dead-letter-entry.ts';

/** Finds entries by their id. */
export interface DeadLetterIndex {
  find(id: string): Promise<StoredMessage | undefined>;
  forget(id: string): void;
}

/**
 * The stream has no such index, and a scan for each of ten thousand replays would read it ten thousand
 * times. A look-up that finds nothing first reads what is new, so that entries of other processes are
 * found too. Takes about 100 bytes an entry.
 */
export function createIndex(log: Log): DeadLetterIndex {
  const sequences = new Map<string, number>();
  let readUpTo = 0;
  let reading: Promise<void> | undefined;

  const readNew = async (): Promise<void> => {
    for await (const message of readMatching(log, 'DEAD', subjects.dead('*', '*'), readUpTo + 1)) {
      // Of two entries with one id the later is the fixed one.
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
