import { randomUUID } from 'node:crypto';

import type { ServiceError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { oneAtATime } from '../jetstream/events/one-at-a-time.ts';
import { boundsOf, deleteMessage, readMatching, readMessage } from '../jetstream/read/read.ts';
import { claimMs as claimMsDefault, subjects } from '../jetstream/topology.ts';
import { busyError, claimGroups, type ClaimedCopy, type ClaimRules } from './claims.ts';
import { createDecide, type Decided, type Intention } from './decide.ts';
import { createNoteIndex } from './note-index.ts';
import {
  emptyNote,
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
  /**
   * Claims events for a replay that stores them like this. Until the claim ends, no process discards
   * them or replays them in another way.
   */
  claim(copies: ReadonlyMap<number, ClaimedCopy>): Promise<Claimed>;
  /**
   * Records what happened, whatever others have recorded. `ended`: the events of the claim that will
   * not be stored later. The others stay claimed until the claim is old.
   */
  write(
    outcomes: ReadonlyMap<number, ReplayOutcome>,
    claim?: ReplayClaim,
    ended?: readonly number[],
  ): Promise<void>;
  /**
   * Gives events up. Resolves to those that were settled by then, which are left as they are: no
   * process has recorded another outcome between the look and the note. Throws a ServiceError
   * `rejected_busy`, and discards nothing, if a replay of one of them has not ended.
   */
  discard(sequences: readonly number[], why: string): Promise<number[]>;
}

export type EventMark = (ReplayOutcome | Discard) & { readonly atMs: number };

/** Events that only this process may store. */
export interface ReplayClaim {
  readonly id: string;
  /** Of its note in REJECTED. */
  readonly position: number;
  readonly sequences: ReadonlySet<number>;
  /** False once it is too old to store anything under it: another process may take it over. */
  isHeld(): boolean;
}

export interface Claimed {
  /** Undefined if no event was free. */
  readonly claim: ReplayClaim | undefined;
  /** Stored or discarded by now. */
  readonly settled: readonly number[];
  /** An earlier replay of these has not ended: the error `rejected_busy` of each. */
  readonly busy: ReadonlyMap<number, ServiceError>;
}

export interface MarksOptions extends Partial<
  Pick<ClaimRules, 'claimMs' | 'waitMs' | 'dedupWindowMs'>
> {}

/**
 * Uses four bytes of memory for each rejected event in the parts of the stream that have replays:
 * the number of its newest note, and whether the event is settled. The notes themselves stay in the
 * log.
 */
export function createReplayMarks(log: Log, options: MarksOptions = {}): ReplayMarks {
  const { claimMs = claimMsDefault, waitMs = 5_000, dedupWindowMs = 0 } = options;
  const unused = new Set<string>();
  const rules = { owner: randomUUID(), claimMs, waitMs, dedupWindowMs, unused };
  const index = createNoteIndex();
  const noteAt = createNoteReader(log);

  const readNew = async (): Promise<void> => {
    const from = index.readUpTo + 1;
    for await (const message of readMatching(log, 'REJECTED', subjects.replayed, from)) {
      // A note that this process has written since is in the index already.
      if (message.sequence <= index.readUpTo) continue;
      index.add(message.sequence, readNote(message.payload), message.storedAtMs);
      index.readUpTo = message.sequence;
    }
    index.forgetBefore((await boundsOf(log, 'REJECTED')).first);
  };
  // A discard must see the note of the replay before it, also while a list is being read.
  const refresh = oneAtATime(readNew);
  const write = async (notes: readonly OutcomeNote[]): Promise<void> => {
    for (const note of notes) {
      const text = JSON.stringify(note);
      const { sequence } = await log.store('REJECTED', subjects.replayed, {}, text);
      // Read again by the next refresh, in its place among the notes of other processes.
      index.add(sequence, note, Date.parse(note.at));
    }
  };
  const record = (outcomes: ReadonlyMap<number, ReplayOutcome>): Promise<void> =>
    write(notesOf(outcomes, new Date().toISOString()));
  const decide = createDecide({ log, index, rules, refresh, record });

  return {
    refresh,
    isSettled: index.isSettled,
    find: async (sequence) => {
      const position = index.noteOf(sequence);
      const note = position === undefined ? undefined : await noteAt(position);
      const outcome = note === undefined ? undefined : outcomeIn(note, sequence);
      return outcome === undefined ? undefined : { ...outcome, atMs: Date.parse(note!.at) };
    },
    claim: createClaiming(decide, rules, unused),
    write: async (outcomes, claim, ended = []) => {
      const at = new Date().toISOString();
      const notes = notesOf(outcomes, at);
      if (claim === undefined || ended.length === 0) return write(notes);
      const last = notes.pop() ?? emptyNote(at);
      await write([...notes, { ...last, ended: [{ id: claim.id, sequences: ended }] }]);
      if (ended.length < claim.sequences.size) return;
      // It has said all by now. The room is for records.
      await deleteMessage(log, 'REJECTED', claim.position).catch(() => {});
    },
    discard: async (sequences, why) => {
      const settled: number[] = [];
      const discards = new Map(
        sequences.map((one) => [one, { status: 'discarded', why } as const]),
      );
      for (const note of notesOf(discards, new Date().toISOString())) {
        const decided = await decide({
          events: new Map(settledIn(note).map((sequence) => [sequence, undefined])),
          noteOf: (free) => ({ ...note, discarded: [{ why, sequences: [...free] }] }),
          allOrNone: true,
        });
        const [claim] = decided.busy.values();
        if (claim !== undefined) throw busyError(claim, claimMs);
        settled.push(...decided.settled);
      }
      return settled;
    },
  };
}

/** Claims events in notes of this process. */
function createClaiming(
  decide: (what: Intention) => Promise<Decided>,
  { owner, claimMs }: ClaimRules,
  unused: Set<string>,
): ReplayMarks['claim'] {
  let claims = 0;
  return async (copies) => {
    const id = `${owner}/${(claims += 1)}`;
    let startedAt = 0;
    const decided = decide({
      events: new Map([...copies].map(([sequence, { messageId }]) => [sequence, messageId])),
      noteOf: (some) => {
        startedAt = performance.now();
        const claimed = new Map(some.map((sequence) => [sequence, copies.get(sequence)!]));
        return { ...emptyNote(new Date().toISOString()), claims: claimGroups(id, claimed) };
      },
      allOrNone: false,
      claimId: id,
    });
    // It may be stored without its acknowledgement.
    decided.catch(() => unused.add(id));
    const { position, free, settled, ...others } = await decided;
    const busy = new Map(
      [...others.busy].map(([sequence, other]) => [sequence, busyError(other, claimMs)]),
    );
    if (position === undefined) return { claim: undefined, settled, busy };
    // The other half is for what is on its way to the log when the first is over.
    const isHeld = (): boolean => performance.now() - startedAt < claimMs / 2;
    return { claim: { id, position, sequences: new Set(free), isHeld }, settled, busy };
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

const notesRememberedMax = 16;
