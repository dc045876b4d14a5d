import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, readMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import {
  notesOf,
  outcomeIn,
  readNote,
  settledIn,
  type Discard,
  type OutcomeNote,
  type ReplayOutcome,
} from './outcome-note.ts';

/** The notes about replays and discards, which are stored in REJECTED next to the events. */
export interface ReplayMarks {
  /** Reads all new notes, including those of other processes. */
  refresh(): Promise<void>;
  /** Whether a replay has stored the event, or an operator has discarded it. */
  isSettled(sequence: number): boolean;
  /** The newest outcome; undefined if the event was neither replayed nor discarded. */
  find(sequence: number): Promise<EventMark | undefined>;
  write(outcomes: ReadonlyMap<number, ReplayOutcome | Discard>): Promise<void>;
}

export type EventMark = (ReplayOutcome | Discard) & { readonly atMs: number };

/**
 * Uses four bytes of memory for each rejected event in the parts of the stream that have replays:
 * the number of its newest note, and whether the event is settled. The notes themselves stay in the
 * log.
 */
export function createReplayMarks(log: Log): ReplayMarks {
  const index = createIndex();
  const notes = new Map<number, OutcomeNote>();
  let readUpTo = 0;
  let reading: Promise<void> | undefined;

  const readNew = async (): Promise<void> => {
    for await (const message of readMatching(log, 'REJECTED', subjects.replayed, readUpTo + 1)) {
      index.add(message.sequence, readNote(message.payload));
      readUpTo = message.sequence;
    }
    index.forgetBefore((await boundsOf(log, 'REJECTED')).first);
  };
  const noteAt = async (sequence: number): Promise<OutcomeNote | undefined> => {
    const known = notes.get(sequence);
    if (known !== undefined) return known;
    const message = await readMessage(log, 'REJECTED', sequence);
    if (message === undefined) return undefined;
    const note = readNote(message.payload);
    // Neighbouring events were replayed together, so few notes cover many events.
    if (notes.size >= notesRememberedMax) notes.clear();
    notes.set(sequence, note);
    return note;
  };
  return {
    refresh: () => (reading ??= readNew().finally(() => (reading = undefined))),
    isSettled: index.isSettled,
    find: async (sequence) => {
      const position = index.noteOf(sequence);
      const note = position === undefined ? undefined : await noteAt(position);
      const outcome = note === undefined ? undefined : outcomeIn(note, sequence);
      return outcome === undefined ? undefined : { ...outcome, atMs: Date.parse(note!.at) };
    },
    write: async (outcomes) => {
      for (const note of notesOf(outcomes, new Date().toISOString())) {
        await log.store('REJECTED', subjects.replayed, {}, JSON.stringify(note));
      }
    },
  };
}

const notesRememberedMax = 16;
const pageSize = 4096;

/** Holds, for each rejected event, twice the number of its newest note, plus 1 if it is settled. */
function createIndex() {
  const pages = new Map<number, Uint32Array>();
  /** The stream position of each note, by its number; numbers begin at 1. */
  const positions: number[] = [0];
  const set = (sequence: number, value: number): void => {
    const number = Math.floor(sequence / pageSize);
    let page = pages.get(number);
    if (page === undefined) pages.set(number, (page = new Uint32Array(pageSize)));
    page[sequence % pageSize] = value;
  };
  const get = (sequence: number): number =>
    pages.get(Math.floor(sequence / pageSize))?.[sequence % pageSize] ?? 0;
  return {
    add: (position: number, note: OutcomeNote): void => {
      const number = positions.push(position) - 1;
      for (const sequence of settledIn(note)) set(sequence, number * 2 + 1);
      for (const { sequences } of note.rejected) {
        // If two replays ran at once, an event that one of them stored stays settled.
        for (const sequence of sequences) if (get(sequence) % 2 === 0) set(sequence, number * 2);
      }
    },
    isSettled: (sequence: number): boolean => get(sequence) % 2 === 1,
    noteOf: (sequence: number): number | undefined =>
      positions[Math.floor(get(sequence) / 2)] || undefined,
    forgetBefore: (sequence: number): void => {
      for (const number of pages.keys()) {
        if ((number + 1) * pageSize <= sequence) pages.delete(number);
      }
    },
  };
}
