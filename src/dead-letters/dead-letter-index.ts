import type { Log } from '../jetstream/log.ts';
import { oneAtATime } from '../jetstream/events/one-at-a-time.ts';
import { readMatching, readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import { entryIdOf, kindOf, settlesHeader } from './dead-letter-entry.ts';

/** Finds entries by their id. */
export interface DeadLetterIndex {
  /** Reads what was stored before the call. */
  refresh(): Promise<void>;
  find(id: string): Promise<StoredMessage | undefined>;
  /**
   * A newer entry, replay or discard of the entry at this position, as far as it was read: a change
   * whose end its caller does not know. Undefined without one.
   */
  replacementOf(id: string, sequence: number): Promise<StoredMessage | undefined>;
  forget(id: string, sequence: number): void;
}

/** The last position of each stream up to which no change is half done. */
export interface RecoveredUpTo {
  readonly REPLAY: number;
  readonly DEAD: number;
}

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
  const places = createPlaces();
  const upTo = { ...recovered };
  let hasEarlier = false;

  const readEarlier = async (): Promise<void> => {
    const subject = subjects.dead('*', anyName);
    for await (const message of readMatching(log, 'DEAD', subject)) {
      if (message.sequence > recovered.DEAD) return;
      places.add(message);
    }
  };
  const readNew = async (): Promise<void> => {
    if (!hasEarlier) await readEarlier();
    hasEarlier = true;
    // Replays are read before the entries, so that those of all replays are known then.
    const replays: { readonly settled: number; readonly sequence: number }[] = [];
    const subject = subjects.replay('*', anyName);
    for await (const message of readMatching(log, 'REPLAY', subject, upTo.REPLAY + 1)) {
      replays.push({ settled: settledBy(message), sequence: message.sequence });
    }
    for await (const message of readMatching(log, 'DEAD', 'headgate.>', upTo.DEAD + 1)) {
      if (kindOf(message) === 'dead') places.add(message);
      else places.replace(settledBy(message), { stream: 'DEAD', sequence: message.sequence });
      upTo.DEAD = message.sequence;
    }
    for (const { settled, sequence } of replays) {
      places.replace(settled, { stream: 'REPLAY', sequence });
      upTo.REPLAY = sequence;
    }
  };
  const refresh = oneAtATime(readNew);
  const lookUp = async (id: string): Promise<StoredMessage | undefined> => {
    const sequence = places.find(id);
    if (sequence === undefined) return undefined;
    const message = await readMessage(log, 'DEAD', sequence);
    if (message !== undefined && entryIdOf(message) === id) return message;
    // Replayed, discarded or fixed by another process.
    places.forget(id, sequence);
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
      const place = places.replacementOf(id, sequence);
      return place === undefined ? undefined : readMessage(log, place.stream, place.sequence);
    },
    forget: places.forget,
  };
}

/** The newest entry of each id, and what has replaced it. */
function createPlaces() {
  const sequences = new Map<string, number>();
  /** The positions in `sequences`. */
  const known = new Set<number>();
  const replacements = new Map<number, Place>();

  const forget = (id: string, sequence: number): void => {
    known.delete(sequence);
    replacements.delete(sequence);
    // A newer entry with the same id stays.
    if (sequences.get(id) === sequence) sequences.delete(id);
  };
  return {
    forget,
    find: (id: string): number | undefined => sequences.get(id),
    add: (message: StoredMessage): void => {
      const id = entryIdOf(message);
      forget(id, sequences.get(id) ?? 0);
      // If two entries have the same id, the later one is the fixed entry.
      sequences.set(id, message.sequence);
      known.add(message.sequence);
    },
    replace: (settled: number, place: Place): void => {
      if (known.has(settled)) replacements.set(settled, place);
    },
    replacementOf: (id: string, sequence: number): Place | undefined => {
      const newest = sequences.get(id) ?? 0;
      if (newest > sequence) return { stream: 'DEAD', sequence: newest };
      return replacements.get(sequence);
    },
  };
}

function settledBy(message: StoredMessage): number {
  return Number(message.header(settlesHeader));
}
