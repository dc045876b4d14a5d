import { setTimeout as sleep } from 'node:timers/promises';

import { readEventPositions } from '../jetstream/consume/consumer-position.ts';
import { isBeforeStart, readStart } from '../jetstream/consume/start-position.ts';
import { readFiltered } from '../jetstream/filtered-events.ts';
import { rangesAround, type EventRanges } from '../jetstream/events/event-ranges.ts';
import type { Log } from '../jetstream/log.ts';
import { boundsOf, sequenceSince } from '../jetstream/read/read.ts';
import { oldestStoredAtMs } from '../jetstream/read/read-ranges.ts';
import { createAudit, missingMax, type Audit, type AuditedDestination } from './audit.ts';
import { createCountTable } from './count-table.ts';
import { createSubjectList, readSegment } from './segment.ts';
import { compileWants, takeSnapshot, type DestinationSnapshot } from './snapshot.ts';

export interface RangesToConfirm {
  readonly log: Log;
  readonly destination: AuditedDestination;
  /** All events of the ranges are settled. */
  readonly ranges: EventRanges;
  readonly eventsMax: number;
  /** How long to wait before missing events are checked again. */
  readonly secondLookMs: number;
  readonly signal: AbortSignal;
}

export interface CheckedRanges {
  /** What was not checked yet. */
  readonly rest: EventRanges;
  /** How many events were checked. */
  readonly events: number;
  /** The positions of events that were settled and are not there, the oldest first. */
  readonly missing: readonly number[];
}

/** A destination did not answer when it was asked what it holds. The message says why. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/**
 * Checks the oldest events of some ranges: whether the destination has each, or another reason settled it.
 * Rejects with a NoAnswerError when the destination does not answer, and otherwise when the log cannot
 * be reached or the signal aborts.
 */
export async function confirmRanges(wanted: RangesToConfirm): Promise<CheckedRanges> {
  const { log, destination, ranges, signal } = wanted;
  const [table, subjects] = [createCountTable(1), createSubjectList()];
  const segment = await readSegment({
    log,
    ranges,
    eventsMax: wanted.eventsMax,
    table,
    subjects,
    onProgress: () => signal.throwIfAborted(),
  });
  const audited = { ...destination, stored: stoppable(destination, signal) };
  const look = async (snapshot: DestinationSnapshot): Promise<Audit['missing']> => {
    const audit = createAudit({ audited, snapshot, table, subjects, index: 0 });
    await audit.count(segment);
    audit.finish();
    if (!audit.asked()) throw new NoAnswerError(audit.fault());
    return audit.missing;
  };
  const result = { rest: segment.rest, events: segment.length };
  const first = await look(await presumeDelivered(log, destination, ranges));
  if (first.count === 0) return { ...result, missing: [] };

  const deadFrom = await firstDead(log, rangesAround([first.first[0]!.sequence]));
  const second = await look(await takeSnapshot(log, destination, ranges, deadFrom));
  if (second.count > second.first.length) {
    // So few that all of them can be listed.
    return confirmRanges({ ...wanted, eventsMax: missingMax });
  }
  if (second.count === 0) return { ...result, missing: [] };

  // What moves between streams during a look may be missed by it.
  await sleep(wanted.secondLookMs, undefined, { signal });
  const third = await look(await takeSnapshot(log, destination, ranges, deadFrom));
  const known = new Set(second.first.map(({ sequence }) => sequence));
  const twice = new Set(
    third.first.map(({ sequence }) => sequence).filter((one) => known.has(one)),
  );
  const all = segment.sequences.subarray(0, segment.length);
  return { ...result, missing: Array.from(all.filter((position) => twice.has(position))) };
}

/** Nearly always the destination has everything: then neither RETRY, DEAD nor REPLAY is read. */
async function presumeDelivered(
  log: Log,
  { name, filter }: AuditedDestination,
  ranges: EventRanges,
): Promise<DestinationSnapshot> {
  const wants = compileWants(await readEventPositions(log, name), filter);
  const start = await readStart(log, name);
  const filtered = await readFiltered(log, name, ranges);
  return {
    wants,
    inWork: [],
    fateOf: () => undefined,
    wasFiltered: (sequence) => filtered.has(sequence),
    isBeforeStart: (sequence) => isBeforeStart(log, start, sequence),
  };
}

/** More than the clocks of two servers differ, or one steps. */
const clockToleranceMs = 2 * 86_400_000;

/**
 * The position in DEAD from which the dead letters of the events of some ranges, and of later ones, can
 * be. Rejects when the log cannot be reached.
 */
export async function firstDead(log: Log, ranges: EventRanges): Promise<number> {
  const oldestMs = await oldestStoredAtMs(log, ranges);
  if (oldestMs === undefined) return 1;
  const since = await sequenceSince(log, 'DEAD', oldestMs - clockToleranceMs);
  return since ?? (await boundsOf(log, 'DEAD')).last + 1;
}

function stoppable(
  { stored }: AuditedDestination,
  signal: AbortSignal,
): AuditedDestination['stored'] {
  if (stored === undefined) return undefined;
  return async function* (window) {
    for await (const event of stored(window)) {
      signal.throwIfAborted();
      yield event;
    }
  };
}
