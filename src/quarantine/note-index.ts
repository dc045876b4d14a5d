import type { OpenClaim } from './claims.ts';
import { settledIn, type OutcomeNote } from './outcome-note.ts';

/** What the notes say about each rejected event, as far as they were read. */
export interface NoteIndex {
  /** Every note up to this position is in the index. */
  readUpTo: number;
  add(position: number, note: OutcomeNote, storedAtMs: number): void;
  isSettled(sequence: number): boolean;
  /** The position of the newest note with an outcome of the event. */
  noteOf(sequence: number): number | undefined;
  claimsOf(sequence: number): readonly OpenClaim[];
  /** Forgets events before this position. */
  forgetBefore(sequence: number): void;
}

const pageSize = 4096;

/** Holds, for each rejected event, twice the number of its newest note, plus 1 if it is settled. */
export function createNoteIndex(): NoteIndex {
  const pages = new Map<number, Uint32Array>();
  /** The stream position of each note, by its number; numbers begin at 1. */
  const positions: number[] = [0];
  const claims = createClaimIndex();
  const set = (sequence: number, value: number): void => {
    const number = Math.floor(sequence / pageSize);
    let page = pages.get(number);
    if (page === undefined) pages.set(number, (page = new Uint32Array(pageSize)));
    page[sequence % pageSize] = value;
  };
  const get = (sequence: number): number =>
    pages.get(Math.floor(sequence / pageSize))?.[sequence % pageSize] ?? 0;
  return {
    readUpTo: 0,
    add: (position, note, storedAtMs) => {
      claims.add(note, storedAtMs);
      const settled = settledIn(note);
      if (settled.length === 0 && note.rejected.length === 0) return;
      const number = positions.push(position) - 1;
      for (const sequence of settled) set(sequence, number * 2 + 1);
      for (const { sequences } of note.rejected) {
        // If two replays ran at once, an event that one of them stored stays settled.
        for (const sequence of sequences) if (get(sequence) % 2 === 0) set(sequence, number * 2);
      }
    },
    isSettled: (sequence) => get(sequence) % 2 === 1,
    noteOf: (sequence) => positions[Math.floor(get(sequence) / 2)] || undefined,
    claimsOf: claims.of,
    forgetBefore: (sequence) => {
      for (const number of pages.keys()) {
        if ((number + 1) * pageSize <= sequence) pages.delete(number);
      }
      claims.forgetBefore(sequence);
    },
  };
}

/** The claims whose outcome is not recorded: those of replays that run, or that were interrupted. */
function createClaimIndex() {
  const claims = new Map<number, OpenClaim[]>();
  const end = (sequence: number, id: string): void => {
    const left = claims.get(sequence)?.filter((claim) => claim.id !== id) ?? [];
    if (left.length === 0) claims.delete(sequence);
    else claims.set(sequence, left);
  };
  return {
    of: (sequence: number): readonly OpenClaim[] => claims.get(sequence) ?? [],
    add: (note: OutcomeNote, storedAtMs: number): void => {
      for (const { id, subject, events } of note.claims) {
        for (const [sequence, messageId] of events) {
          end(sequence, id);
          const claim = { id, sequence, subject, messageId, storedAtMs, isVoid: false };
          claims.set(sequence, [...(claims.get(sequence) ?? []), claim]);
        }
      }
      for (const { id, sequences } of note.ended)
        for (const sequence of sequences) end(sequence, id);
      for (const sequence of settledIn(note)) claims.delete(sequence);
    },
    forgetBefore: (first: number): void => {
      for (const sequence of claims.keys()) if (sequence < first) claims.delete(sequence);
    },
  };
}
