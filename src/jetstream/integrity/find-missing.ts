import { setTimeout as sleep } from 'node:timers/promises';

import type { StreamState } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import {
  readLedger,
  recordMissing,
  type EventLedger,
  type Mark,
  type MissingRange,
} from './ledger.ts';
import type { MarkStore } from './mark-store.ts';
import { subtractRanges, type Range } from '../events/ranges.ts';
import type { Log } from '../log.ts';
import { readNextIn } from '../read/read.ts';

/** What a part holds now: with the sequences inside it that are gone. */
export interface PartState {
  readonly first: number;
  readonly last: number;
  readonly gone: readonly number[];
  /** Several servers have it: the one that answers may be a former leader, cut off from the others. */
  readonly isReplicated: boolean;
}

/** Longer than a leader without the others takes itself for the leader: 10 to 20 s. */
const confirmMsDefault = 25_000;

/** What a part should hold and does not, and what it held when that was found. */
export interface MissingFinding {
  readonly state: PartState;
  readonly mark: Mark | undefined;
  readonly ranges: readonly Range[];
}

/**
 * What is missing. Of a replicated part it is what is missing twice, `confirmMs` apart: a former
 * leader lacks what the others stored since. Rejects when the log cannot be reached, or on `signal`.
 */
export async function findMissing(
  log: Log,
  part: StreamPart,
  marks: MarkStore,
  options: { readonly confirmMs?: number | undefined; readonly signal: AbortSignal },
): Promise<MissingFinding> {
  const look = async (): Promise<MissingFinding> => {
    // First the mark: another process may store an event and mark it at any time. An entry of the
    // ledger is written before its deletion, so that the ledger comes last.
    const mark = await marks.read(part);
    const state = await readPartState(log, part);
    const ledger = await readLedger(log, part);
    return { state, mark, ranges: missingFrom(state, ledger, mark) };
  };
  const found = await look();
  const confirmMs = options.confirmMs ?? (found.state.isReplicated ? confirmMsDefault : 0);
  if (found.ranges.length === 0 || confirmMs === 0) return found;
  await sleep(confirmMs, undefined, { signal: options.signal });
  const again = await look();
  const onlyOnce = subtractRanges(found.ranges, again.ranges);
  return { ...again, ranges: subtractRanges(found.ranges, onlyOnce) };
}

/** Rejects when the log cannot be reached. */
export async function readPartState(log: Log, part: StreamPart): Promise<PartState> {
  const { streams } = clientsOf(log).manager;
  let { state, config } = await streams.info(part.stream);
  // The list may be long, so it is asked for only if there is one.
  if (hasGaps(state)) ({ state } = await streams.info(part.stream, { deleted_details: true }));
  return {
    first: state.first_seq,
    last: state.last_seq,
    gone: state.deleted ?? [],
    isReplicated: config.num_replicas > 1,
  };
}

function hasGaps(state: StreamState): boolean {
  return (state.num_deleted ?? 0) > 0;
}

/**
 * The sequences that the part should hold and does not: it held them by its mark, or they lie
 * between others, and neither the ledger nor an earlier report has them. Read the mark first, and the
 * ledger last.
 */
export function missingFrom(
  state: PartState,
  ledger: EventLedger,
  mark: Mark | undefined,
): Range[] {
  const gone = state.gone.map((sequence): Range => ({ from: sequence, to: sequence }));
  if (mark !== undefined) {
    const firstWanted = Math.max(ledger.keptFrom, mark.first);
    const lastHeld = Math.max(mark.last, state.last);
    gone.push({ from: firstWanted, to: Math.min(state.first - 1, lastHeld) });
    gone.push({ from: Math.max(firstWanted, state.last + 1), to: mark.last });
  }
  return subtractRanges(
    gone.filter(({ from, to }) => from <= to),
    explainedBy(ledger),
  );
}

/** The sequences that need no report: deleted on purpose, or reported before. */
export function explainedBy({ keptFrom, deleted, missing }: EventLedger): Range[] {
  return [{ from: 0, to: keptFrom - 1 }, ...deleted, ...missing];
}

/** Records missing events with the times around them. Rejects when the log cannot be reached. */
export async function reportMissing(
  log: Log,
  part: StreamPart,
  { from, to }: Range,
  nowMs: number,
): Promise<MissingRange> {
  const after = await readBefore(log, part, from);
  const before = await readNextIn(log, part, to + 1, '>');
  const range: MissingRange = {
    from,
    to,
    afterMs: after,
    beforeMs: before?.storedAtMs,
    foundAtMs: nowMs,
  };
  await recordMissing(log, part, range);
  return range;
}

/** How far back an event before a gap is looked for. */
const lookBackMax = 100;

/** When the event before a sequence was stored. */
async function readBefore(
  log: Log,
  part: StreamPart,
  sequence: number,
): Promise<number | undefined> {
  const { streams } = clientsOf(log).manager;
  for (let back = 1; back <= lookBackMax && sequence - back >= part.from; back += 1) {
    const found = await streams.getMessage(part.stream, { seq: sequence - back });
    if (found !== null) return found.time.getTime();
  }
  return undefined;
}
