import { isJsonObject } from '../event/json/json.ts';
import type { EventError } from '../event/verdict.ts';

/** The outcome of the replay of one rejected event. */
export interface ReplayOutcome {
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  /** Its position in EVENTS; 0 if it is not stored. */
  readonly storedSequence: number;
  /** Undefined if it is stored. */
  readonly error: EventError | undefined;
}

/** An operator gave the event up. */
export interface Discard {
  readonly status: 'discarded';
  readonly why: string;
}

/** One message of REJECTED with the outcomes of a page. Writes equal errors and reasons once. */
export interface OutcomeNote {
  readonly at: string;
  /** Pairs: the position of the rejected event, and its position in EVENTS. */
  readonly accepted: [number, number][];
  readonly duplicate: [number, number][];
  readonly rejected: { readonly error: EventError; readonly sequences: number[] }[];
  readonly discarded: { readonly why: string; readonly sequences: number[] }[];
  /** What a replay is about to store. Notes of earlier releases have none. */
  readonly claims: readonly ClaimGroup[];
  /** The claims that end with this note, for these events. */
  readonly ended: readonly { readonly id: string; readonly sequences: readonly number[] }[];
}

/** The events of a claim that are stored under the same subject of EVENTS. */
export interface ClaimGroup {
  readonly id: string;
  readonly subject: string;
  /** Pairs: the position of the rejected event, and its message id in EVENTS. */
  readonly events: (readonly [number, string])[];
}

/** Below any max_payload that a server is likely to have. */
const noteBytesMax = 256 * 1024;

/** The notes about outcomes, by the position of the rejected event. */
export function notesOf(
  outcomes: ReadonlyMap<number, ReplayOutcome | Discard>,
  at: string,
): OutcomeNote[] {
  const notes: OutcomeNote[] = [];
  let note: OutcomeNote | undefined;
  let bytes = 0;
  let groups = new Map<string, number[]>();
  for (const [sequence, outcome] of outcomes) {
    if (note === undefined || bytes > noteBytesMax) {
      notes.push((note = emptyNote(at)));
      groups = new Map();
      bytes = 0;
    }
    bytes += 40;
    if (outcome.status === 'accepted' || outcome.status === 'duplicate') {
      note[outcome.status].push([sequence, outcome.storedSequence]);
      continue;
    }
    const text =
      outcome.status === 'discarded' ? `why ${outcome.why}` : JSON.stringify(outcome.error);
    let sequences = groups.get(text);
    if (sequences === undefined) {
      groups.set(text, (sequences = []));
      if (outcome.status === 'discarded') note.discarded.push({ why: outcome.why, sequences });
      else note.rejected.push({ error: outcome.error!, sequences });
      bytes += Buffer.byteLength(text);
    }
    sequences.push(sequence);
  }
  return notes;
}

export function outcomeIn(
  note: OutcomeNote,
  sequence: number,
): ReplayOutcome | Discard | undefined {
  for (const status of ['accepted', 'duplicate'] as const) {
    const found = note[status].find(([rejected]) => rejected === sequence);
    if (found !== undefined) return { status, storedSequence: found[1], error: undefined };
  }
  const discarded = note.discarded.find(({ sequences }) => sequences.includes(sequence));
  if (discarded !== undefined) return { status: 'discarded', why: discarded.why };
  const refused = note.rejected.find(({ sequences }) => sequences.includes(sequence));
  if (refused === undefined) return undefined;
  return { status: 'rejected', storedSequence: 0, error: refused.error };
}

/** The events that a note settles: they are stored, or given up. */
export function settledIn({ accepted, duplicate, discarded }: OutcomeNote): number[] {
  const stored = [...accepted, ...duplicate].map(([sequence]) => sequence);
  return [...stored, ...discarded.flatMap(({ sequences }) => sequences)];
}

/** The events that a note is about. */
export function namedIn(note: OutcomeNote): number[] {
  return [
    ...settledIn(note),
    ...note.rejected.flatMap(({ sequences }) => sequences),
    ...note.claims.flatMap(({ events }) => events.map(([sequence]) => sequence)),
  ];
}

const decoder = new TextDecoder();

/** An unreadable note counts as empty; a newer Headgate may have written it. */
export function readNote(payload: Uint8Array): OutcomeNote {
  const empty = emptyNote('');
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    return isJsonObject(value) ? { ...empty, ...(value as unknown as OutcomeNote) } : empty;
  } catch {
    return empty;
  }
}

/** A note to add to. */
export function emptyNote(at: string): OutcomeNote {
  const outcomes = { accepted: [], duplicate: [], rejected: [], discarded: [] };
  return { at, ...outcomes, claims: [], ended: [] };
}
