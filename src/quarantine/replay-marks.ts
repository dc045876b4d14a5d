import { setTimeout as sleep } from 'node:timers/promises';

import type { Log } from '../jetstream/log.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { storeUnlessChanged } from '../jetstream/publish/store-if-unchanged.ts';
import { oneAtATime } from '../jetstream/events/one-at-a-time.ts';
import { boundsOf, newestPosition, readMatching, readMessage } from '../jetstream/read/read.ts';
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
  /** Reads all notes that were written before the call, including those of other processes. */
  refresh(): Promise<void>;
  /** Whether a replay has stored the event, or an operator has discarded it. */
  isSettled(sequence: number): boolean;
  /** The newest outcome; undefined if the event was neither replayed nor discarded. */
  find(sequence: number): Promise<EventMark | undefined>;
  /** Records what happened, whatever others have recorded. */
  write(outcomes: ReadonlyMap<number, ReplayOutcome>): Promise<void>;
  /**
   * Gives events up. Resolves to those that were settled by then, which are left as they are: no
   * process has recorded another outcome between the look and the note.
   */
  discard(sequences: readonly number[], why: string): Promise<number[]>;
}

export type EventMark = (ReplayOutcome | Discard) & { readonly atMs: number };

/**
 * Uses four bytes of memory for each rejected event in the parts of the stream that have replays:
 * the number of its newest note, and whether the event is settled. The notes themselves stay in the
 * log.
 */
export function createReplayMarks(log: Log): ReplayMarks {
  const index = createIndex();
  const noteAt = createNoteReader(log);
  /** Every note up to this position is in the index. */
  let readUpTo = 0;

  const readNew = async (): Promise<void> => {
    for await (const message of readMatching(log, 'REJECTED', subjects.replayed, readUpTo + 1)) {
      // A note that this process has written since is in the index already.
      if (message.sequence <= readUpTo) continue;
      index.add(message.sequence, readNote(message.payload));
      readUpTo = message.sequence;
    }
    index.forgetBefore((await boundsOf(log, 'REJECTED')).first);
  };
  // A discard must see the note of the replay before it, also while a list is being read.
  const refresh = oneAtATime(readNew);
  /** Resolves to the events that were settled by then, and are left out. */
  const storeDiscard = async (note: OutcomeNote): Promise<number[]> => {
    let newest = readUpTo;
    for (let tries = 0; tries < triesMax; tries += 1) {
      const open = withoutSettled(note, index.isSettled);
      const left = new Set(settledIn(open));
      const settled = settledIn(note).filter((sequence) => !left.has(sequence));
      if (left.size === 0) return settled;
      // A replica may not have the newest note yet.
      if (newest <= readUpTo) {
        const text = JSON.stringify(open);
        const ack = await storeUnlessChanged(log, 'REJECTED', subjects.replayed, newest, text);
        if (ack !== undefined) {
          index.add(ack.sequence, open);
          readUpTo = ack.sequence;
          return settled;
        }
      }
      // Another process was faster, or the newest note was deleted because it was old.
      await sleep(tries * tryPauseMs);
      newest = await newestPosition(log, 'REJECTED', subjects.replayed);
      await refresh();
    }
    throw new PublishError('conflict', 'other processes write notes about rejected events');
  };
  return {
    refresh,
    isSettled: index.isSettled,
    find: async (sequence) => {
      const position = index.noteOf(sequence);
      const note = position === undefined ? undefined : await noteAt(position);
      const outcome = note === undefined ? undefined : outcomeIn(note, sequence);
      return outcome === undefined ? undefined : { ...outcome, atMs: Date.parse(note!.at) };
    },
    write: async (outcomes) => {
      for (const note of notesOf(outcomes, new Date().toISOString())) {
        const text = JSON.stringify(note);
        const { sequence } = await log.store('REJECTED', subjects.replayed, {}, text);
        // Read again by the next refresh, in its place among the notes of other processes.
        index.add(sequence, note);
      }
    },
    discard: async (sequences, why) => {
      const settled: number[] = [];
      const discards = new Map(
        sequences.map((one) => [one, { status: 'discarded', why } as const]),
      );
      for (const note of notesOf(discards, new Date().toISOString())) {
        settled.push(...(await storeDiscard(note)));
      }
      return settled;
    },
  };
}

/** Neighbouring events were replayed together, so few notes cover many events. */
function createNoteReader(log: Log): (sequence: number) => Promise<OutcomeNote | undefined> {
  const notes = new Map<number, OutcomeNote>();
  return async (sequence) => {
    const known = notes.get(sequence);
    if (known !== undefined) return known;
    const message = await readMessage(log, 'REJECTED', sequence);
    if (message === undefined) return undefined;
    const note = readNote(message.payload);
    if (notes.size >= notesRememberedMax) notes.clear();
    notes.set(sequence, note);
    return note;
  };
}

function withoutSettled(note: OutcomeNote, isSettled: (sequence: number) => boolean): OutcomeNote {
  const discarded = note.discarded.map(({ why, sequences }) => ({
    why,
    sequences: sequences.filter((sequence) => !isSettled(sequence)),
  }));
  return { ...note, discarded };
}

/** Four seconds in all. Each try but the first follows a note of another process. */
const triesMax = 20;
const tryPauseMs = 20;
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
