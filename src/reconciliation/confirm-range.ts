import { setTimeout as sleep } from 'node:timers/promises';

import { readEventPositions } from '../jetstream/consume/consumer-position.ts';
import { isBeforeStart, readStart } from '../jetstream/consume/start-position.ts';
import { readFiltered } from '../jetstream/filtered-events.ts';
import type { Log } from '../jetstream/log.ts';
import { boundsOf, readMessage, sequenceSince } from '../jetstream/read/read.ts';
import { createAudit, missingMax, type Audit, type AuditedDestination } from './audit.ts';
import { createCountTable } from './count-table.ts';
import { createSubjectList, readSegment } from './segment.ts';
import { compileWants, takeSnapshot, type DestinationSnapshot } from './snapshot.ts';

export interface RangeToConfirm {
  readonly log: Log;
  readonly destination: AuditedDestination;
  /** Positions in EVENTS. All events of the range are settled. */
  readonly from: number;
  readonly upTo: number;
  readonly eventsMax: number;
  /** How long to wait before missing events are checked again. */
  readonly secondLookMs: number;
  readonly signal: AbortSignal;
}

export interface CheckedRange {
  /** The last position that was checked. */
  readonly to: number;
  /** How many events were checked. */
  readonly events: number;
  /** The positions of events that were settled and are not there, in order. */
  readonly missing: readonly number[];
}

/** A destination did not answer when it was asked what it holds. The message says why. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/**
 * Checks the first events of a range: whether the destination has each, or another reason settled it.
 * Rejects with a NoAnswerError when the destination does not answer, and otherwise when the log cannot
 * be reached or the signal aborts.
 */
export async function confirmRange(range: RangeToConfirm): Promise<CheckedRange> {
  const { log, destination, from, upTo, signal } = range;
  const [table, subjects] = [createCountTable(1), createSubjectList()];
  const segment = await readSegment({
    log,
    from,
    upTo,
    eventsMax: range.eventsMax,
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
  const result = { to: Math.min(upTo, segment.next - 1), events: segment.length };
  const first = await look(await presumeDelivered(log, destination, from));
  if (first.count === 0) return { ...result, missing: [] };

  const deadFrom = await firstDead(log, first.first[0]!.sequence);
  const second = await look(await takeSnapshot(log, destination, from, deadFrom));
  if (second.count > second.first.length) {
    // So few that all of them can be listed.
    return confirmRange({ ...range, eventsMax: missingMax });
  }
  if (second.count === 0) return { ...result, missing: [] };

  // What moves between streams during a look may be missed by it.
  await sleep(range.secondLookMs, undefined, { signal });
  const third = await look(await takeSnapshot(log, destination, from, deadFrom));
  const known = new Set(second.first.map(({ sequence }) => sequence));
  const missing = third.first.map(({ sequence }) => sequence).filter((one) => known.has(one));
  return { ...result, missing: missing.toSorted((left, right) => left - right) };
}

/** Nearly always the destination has everything: then neither RETRY, DEAD nor REPLAY is read. */
async function presumeDelivered(
  log: Log,
  { name, filter }: AuditedDestination,
  from: number,
): Promise<DestinationSnapshot> {
  const wants = compileWants(await readEventPositions(log, name), filter);
  const start = await readStart(log, name);
  const filtered = await readFiltered(log, name, from);
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
 * The position in DEAD from which the dead letters of an event, and of later ones, can be. Rejects
 * when the log cannot be reached.
 */
export async function firstDead(log: Log, position: number): Promise<number> {
  const event = await readMessage(log, 'EVENTS', position);
  if (event === undefined) return 1;
  const since = await sequenceSince(log, 'DEAD', event.storedAtMs - clockToleranceMs);
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
