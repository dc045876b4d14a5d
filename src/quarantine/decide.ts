import { setTimeout as sleep } from 'node:timers/promises';

import type { Log } from '../jetstream/log.ts';
import { PublishError } from '../jetstream/publish/publish-error.ts';
import { storeUnlessChanged } from '../jetstream/publish/store-if-unchanged.ts';
import { newestPosition } from '../jetstream/read/read.ts';
import { subjects } from '../jetstream/topology.ts';
import { findStoredCopies, stateOf, type ClaimRules, type OpenClaim } from './claims.ts';
import type { NoteIndex } from './note-index.ts';
import type { OutcomeNote, ReplayOutcome } from './outcome-note.ts';

/** What one process decides about rejected events: to discard them, or to replay them. */
export interface Intention {
  /** The events, and under which message id a replay stores each. */
  readonly events: ReadonlyMap<number, string | undefined>;
  /** The note about the events that are free. */
  noteOf(free: readonly number[]): OutcomeNote;
  /** Stores no note if any event is busy. */
  readonly allOrNone: boolean;
  /** The id of the claim that the note has. */
  readonly claimId?: string;
}

/** What became of an intention. */
export interface Decided {
  /** The position of the note; undefined if no event was free. */
  readonly position: number | undefined;
  readonly free: readonly number[];
  /** These are stored or discarded. */
  readonly settled: readonly number[];
  /** A replay of these has not ended. */
  readonly busy: ReadonlyMap<number, OpenClaim>;
}

export interface DecideOptions {
  readonly log: Log;
  readonly index: NoteIndex;
  readonly rules: ClaimRules;
  /** Reads the notes of other processes. */
  refresh(): Promise<void>;
  /** Records what a claim has stored whose process ended before. */
  record(outcomes: ReadonlyMap<number, ReplayOutcome>): Promise<void>;
}

/** Four seconds in all. Each try but the first follows a note of another process. */
const triesMax = 20;
const tryPauseMs = 20;
const pollMs = 30;

/**
 * Stores a note about those of some events that no other note has settled or claimed: no process has
 * stored another note between the look and this one. Waits a moment for replays that are running.
 */
export function createDecide(options: DecideOptions): (what: Intention) => Promise<Decided> {
  const { log, index, rules, refresh } = options;

  const store = async (newest: number, note: OutcomeNote): Promise<number | undefined> => {
    const text = JSON.stringify(note);
    const ack = await storeUnlessChanged(log, 'REJECTED', subjects.replayed, newest, text);
    if (ack === undefined) return undefined;
    index.add(ack.sequence, note, Date.parse(note.at));
    index.readUpTo = ack.sequence;
    return ack.sequence;
  };
  return async (what) => {
    const waitUntilMs = performance.now() + rules.waitMs;
    let newest = index.readUpTo;
    for (let tries = 0; tries < triesMax;) {
      const sorted = sortOut(what, index, rules);
      if (sorted.ended.length > 0) {
        await endClaims(sorted.ended, options);
        continue;
      }
      if (sorted.isRunning && performance.now() < waitUntilMs) {
        await sleep(pollMs);
        await refresh();
        newest = index.readUpTo;
        continue;
      }
      const { free, settled, busy } = sorted;
      if (free.length === 0 || (what.allOrNone && busy.size > 0)) {
        return { position: undefined, free: [], settled, busy };
      }
      // A replica may not have the newest note yet.
      if (newest <= index.readUpTo) {
        const position = await store(newest, what.noteOf(free));
        if (position !== undefined) return { position, free, settled, busy };
      }
      // Another process was faster, or the newest note was deleted.
      await sleep(tries * tryPauseMs);
      tries += 1;
      newest = await newestPosition(log, 'REJECTED', subjects.replayed);
      await refresh();
    }
    throw new PublishError('conflict', 'other processes write notes about rejected events');
  };
}

function sortOut({ events, claimId }: Intention, index: NoteIndex, rules: ClaimRules) {
  const free: number[] = [];
  const settled: number[] = [];
  const busy = new Map<number, OpenClaim>();
  const ended: OpenClaim[] = [];
  let isRunning = false;
  for (const [sequence, messageId] of events) {
    if (index.isSettled(sequence)) {
      settled.push(sequence);
      continue;
    }
    for (const claim of index.claimsOf(sequence)) {
      // Of which the acknowledgement was lost.
      if (claim.id === claimId) continue;
      const state = stateOf(claim, messageId, rules);
      if (state === 'ended') ended.push(claim);
      else if (state !== 'free') busy.set(sequence, claim);
      if (state === 'running') isRunning = true;
    }
    if (!busy.has(sequence)) free.push(sequence);
  }
  return { free, settled, busy, ended, isRunning };
}

/** Records what ended claims have stored. Those that have stored nothing stand in no one's way. */
async function endClaims(
  claims: readonly OpenClaim[],
  { log, rules, record }: DecideOptions,
): Promise<void> {
  const stored = await findStoredCopies(log, claims, rules.claimMs);
  const outcomes = new Map<number, ReplayOutcome>();
  for (const claim of claims) {
    const storedSequence = stored.get(claim.sequence);
    if (storedSequence === undefined) claim.isVoid = true;
    else outcomes.set(claim.sequence, { status: 'accepted', storedSequence, error: undefined });
  }
  if (outcomes.size > 0) await record(outcomes);
}
