import { isJsonObject } from '../event/json/json.ts';
import type { EventError } from '../event/verdict.ts';
import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMatching, readMessage } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';

/** The outcome of the replay of one rejected event. */
export interface ReplayOutcome {
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  /** Its position in EVENTS; 0 if it is not stored. */
  readonly storedSequence: number;
  /** Undefined if it is stored. */
  readonly error: EventError | undefined;
}

/** The notes about replays, which are stored in REJECTED next to the events. */
export interface ReplayMarks {
  /** Reads all new notes, including those of other processes. */
  refresh(): Promise<void>;
  /** Whether a replay has stored the event. */
  isStored(sequence: number): boolean;
  /** The outcome of the newest replay; undefined if the event was not replayed. */
  find(sequence: number): Promise<(ReplayOutcome & { readonly atMs: number }) | undefined>;
  write(outcomes: ReadonlyMap<number, ReplayOutcome>): Promise<void>;
}

/** One message with the outcomes of a page. Writes equal errors once. */
interface Note {
  readonly at: string;
  /** Pairs: the position of the rejected event, and its position in EVENTS. */
  readonly accepted: [number, number][];
  readonly duplicate: [number, number][];
  readonly rejected: { readonly error: EventError; readonly sequences: number[] }[];
}

/** Below any max_payload that a server is likely to have. */
const noteBytesMax = 256 * 1024;

/**
 * Uses four bytes of memory for each rejected event in the parts of the stream that have replays:
 * the number of its newest note, and whether the event is stored. The notes themselves stay in the
 * log.
 */
export function createReplayMarks(log: Log): ReplayMarks {
  const index = createIndex();
  const notes = new Map<number, Note>();
  let readUpTo = 0;
  let reading: Promise<void> | undefined;

  const readNew = async (): Promise<void> => {
    for await (const message of readMatching(log, 'REJECTED', subjects.replayed, readUpTo + 1)) {
      index.add(message.sequence, readNote(message.payload));
      readUpTo = message.sequence;
    }
    index.forgetBefore((await boundsOf(log, 'REJECTED')).first);
  };
  const noteAt = async (sequence: number): Promise<Note | undefined> => {
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
    isStored: index.isStored,
    find: async (sequence) => {
      const position = index.noteOf(sequence);
      const note = position === undefined ? undefined : await noteAt(position);
      const outcome = note === undefined ? undefined : outcomeIn(note, sequence);
      return outcome === undefined ? undefined : { ...outcome, atMs: Date.parse(note!.at) };
    },
    write: async (outcomes) => {
      for (const note of notesOf(outcomes)) {
        await log.store('REJECTED', subjects.replayed, {}, JSON.stringify(note));
      }
    },
  };
}

const notesRememberedMax = 16;
const pageSize = 4096;

/** Holds, for each rejected event, twice the number of its newest note, plus 1 if it is stored. */
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
    add: (position: number, note: Note): void => {
      const number = positions.push(position) - 1;
      for (const [sequence] of note.accepted) set(sequence, number * 2 + 1);
      for (const [sequence] of note.duplicate) set(sequence, number * 2 + 1);
      for (const { sequences } of note.rejected) {
        // If two replays ran at once, an event that one of them stored stays marked as stored.
        for (const sequence of sequences) if (get(sequence) % 2 === 0) set(sequence, number * 2);
      }
    },
    isStored: (sequence: number): boolean => get(sequence) % 2 === 1,
    noteOf: (sequence: number): number | undefined =>
      positions[Math.floor(get(sequence) / 2)] || undefined,
    forgetBefore: (sequence: number): void => {
      for (const number of pages.keys()) {
        if ((number + 1) * pageSize <= sequence) pages.delete(number);
      }
    },
  };
}

function notesOf(outcomes: ReadonlyMap<number, ReplayOutcome>): Note[] {
  const at = new Date().toISOString();
  const notes: Note[] = [];
  let note: Note | undefined;
  let bytes = 0;
  let reasons = new Map<string, Note['rejected'][number]>();
  for (const [sequence, { status, storedSequence, error }] of outcomes) {
    if (note === undefined || bytes > noteBytesMax) {
      notes.push((note = { at, accepted: [], duplicate: [], rejected: [] }));
      reasons = new Map();
      bytes = 0;
    }
    bytes += 40;
    if (status !== 'rejected') {
      note[status].push([sequence, storedSequence]);
      continue;
    }
    const text = JSON.stringify(error);
    let reason = reasons.get(text);
    if (reason === undefined) {
      note.rejected.push((reason = { error: error!, sequences: [] }));
      reasons.set(text, reason);
      bytes += Buffer.byteLength(text);
    }
    reason.sequences.push(sequence);
  }
  return notes;
}

function outcomeIn(note: Note, sequence: number): ReplayOutcome | undefined {
  for (const status of ['accepted', 'duplicate'] as const) {
    const found = note[status].find(([rejected]) => rejected === sequence);
    if (found !== undefined) return { status, storedSequence: found[1], error: undefined };
  }
  const refused = note.rejected.find(({ sequences }) => sequences.includes(sequence));
  if (refused === undefined) return undefined;
  return { status: 'rejected', storedSequence: 0, error: refused.error };
}

const decoder = new TextDecoder();

/** An unreadable note counts as empty; a newer Headgate may have written it. */
function readNote(payload: Uint8Array): Note {
  const empty = { at: '', accepted: [], duplicate: [], rejected: [] };
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    return isJsonObject(value) ? { ...empty, ...(value as unknown as Note) } : empty;
  } catch {
    return empty;
  }
}
