import type { Log } from '../jetstream/log.ts';
import { oneAtATime } from '../jetstream/events/one-at-a-time.ts';
import { readMatching, readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import { entryIdOf, settlesHeader } from './dead-letter-entry.ts';

/** Finds entries by their id. */
export interface DeadLetterIndex {
  /** Reads what was stored before the call. */
  refresh(): Promise<void>;
  find(id: string): Promise<StoredMessage | undefined>;
  /**
   * A newer entry, replay or discard of the entry at this position, as far as it was read: a change
   * whose end its caller does not know. Undefined if there is none.
   */
  replacementOf(id: string, sequence: number): Promise<StoredMessage | undefined>;
  forget(id: string, sequence: number): void;
}

/** The last position of each stream up to which no change is half done. */
export interface RecoveredUpTo {
  readonly REPLAY: number;
  readonly DEAD: number;
}

/** Replays and discards. A fixed entry is found as the newer one of two with the same id. */
const changes = [
  { stream: 'REPLAY', subject: subjects.replay('*', anyName) },
  { stream: 'DEAD', subject: subjects.discarded('*', anyName) },
] as const;

interface Place {
  readonly stream: 'REPLAY' | 'DEAD';
  readonly sequence: number;
}

/**
 * The stream has no index by id, and without one ten thousand replays would scan it ten thousand
 * times. If a look-up finds nothing, it reads the new entries and tries again, which finds entries
 * of other processes, too. Uses about 150 bytes per entry.
 */
export function createIndex(log: Log, recovered: RecoveredUpTo): DeadLetterIndex {
  const sequences = new Map<string, number>();
  /** The positions in `sequences`. */
  const known = new Set<number>();
  const replacements = new Map<number, Place>();
  const changesUpTo = { ...recovered };
  let entriesUpTo = 0;

  const forget = (id: string, sequence: number): void => {
    known.delete(sequence);
    replacements.delete(sequence);
    if (sequences.get(id) === sequence) sequences.delete(id);
  };
  const readChanges = async ({ stream, subject }: (typeof changes)[number]) => {
    const places: (Place & { readonly settled: number })[] = [];
    for await (const message of readMatching(log, stream, subject, changesUpTo[stream] + 1)) {
      const settled = Number(message.header(settlesHeader));
      places.push({ stream, sequence: message.sequence, settled });
    }
    return places;
  };
  const readNew = async (): Promise<void> => {
    // Entries are read last, so that those of all changes are known.
    const read = (await Promise.all(changes.map(readChanges))).flat();
    const subject = subjects.dead('*', anyName);
    for await (const message of readMatching(log, 'DEAD', subject, entriesUpTo + 1)) {
      const id = entryIdOf(message);
      forget(id, sequences.get(id) ?? 0);
      // If two entries have the same id, the later one is the fixed entry.
      sequences.set(id, message.sequence);
      known.add(message.sequence);
      entriesUpTo = message.sequence;
    }
    for (const { stream, sequence, settled } of read) {
      changesUpTo[stream] = sequence;
      if (known.has(settled)) replacements.set(settled, { stream, sequence });
    }
  };
  const refresh = oneAtATime(readNew);
  const lookUp = async (id: string): Promise<StoredMessage | undefined> => {
    const sequence = sequences.get(id);
    if (sequence === undefined) return undefined;
    const message = await readMessage(log, 'DEAD', sequence);
    if (message !== undefined && entryIdOf(message) === id) return message;
    // Replayed, discarded or fixed by another process.
    forget(id, sequence);
    return undefined;
  };
  return {
    refresh,
    find: async (id) => {
      const found = await lookUp(id);
      if (found !== undefined) return found;
      await refresh();
      return lookUp(id);
    },
    replacementOf: async (id, sequence) => {
      const newest = sequences.get(id);
      const isFixed = newest !== undefined && newest > sequence;
      const place = isFixed ? ({ stream: 'DEAD', sequence: newest } as const) : undefined;
      const { stream, sequence: at } = place ?? replacements.get(sequence) ?? {};
      return stream === undefined ? undefined : readMessage(log, stream, at!);
    },
    forget,
  };
}
