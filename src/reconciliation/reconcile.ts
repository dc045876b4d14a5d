import { setTimeout as sleep } from 'node:timers/promises';

import type { MissingRange } from '../jetstream/integrity/ledger.ts';
import { readMissingEvents } from '../jetstream/integrity/integrity.ts';
import { partitionOf } from '../jetstream/events/event-position.ts';
import {
  progressOf,
  rangesAround,
  type EventRanges,
  type RangeProgress,
} from '../jetstream/events/event-ranges.ts';
import { lengthOf } from '../jetstream/events/ranges.ts';
import type { Log } from '../jetstream/log.ts';
import { createPaceKeeper } from '../jetstream/read/pace-keeper.ts';
import { readMessage } from '../jetstream/read/read.ts';
import { findRanges } from '../jetstream/read/read-ranges.ts';
import { createAudit, type Audit, type AuditedDestination, type Entry } from './audit.ts';
import {
  createCountTable,
  type CountTable,
  type CountRow,
  type CountColumn,
} from './count-table.ts';
import { readHead } from './event-head.ts';
import { createSubjectList, readSegment } from './segment.ts';
import { takeSnapshot } from './snapshot.ts';

/** An event that a destination should hold but does not. */
export interface MissingEvent {
  readonly destination: string;
  readonly sequence: number;
  readonly eventId: string;
  readonly eventName: string;
  readonly timestamp: string;
}

export interface DestinationReport {
  readonly name: string;
  readonly type: string;
  /** Whether it reported what it holds. */
  readonly asked: boolean;
  /** Why the report failed, if the destination can report; otherwise empty. */
  readonly fault: string;
  readonly missing: number;
  /** The number of copies in addition to the first of each event. */
  readonly copies: number;
}

export interface ReconciliationReport {
  /** The events that were compared, of each partition. */
  readonly ranges: EventRanges;
  readonly destinations: readonly DestinationReport[];
  /** By hour, then by name. */
  readonly rows: readonly CountRow[];
  /** The first 10,000 of each destination. */
  readonly missing: readonly MissingEvent[];
  /** Accepted events that the log itself has lost, by positions: they are in no count. */
  readonly lost: readonly MissingRange[];
}

export interface ReconciliationProgress extends RangeProgress {
  /** Whether producers send events meanwhile, so that it reads at a pace. */
  readonly isWaiting: boolean;
}

export interface ReconcileOptions {
  readonly log: Log;
  readonly destinations: readonly AuditedDestination[];
  readonly sinceMs: number;
  /** How many events are held in memory at once. */
  readonly segmentEventsMax?: number;
  /** How long to wait before missing events are checked again. */
  readonly secondLookMs?: number;
  readonly onProgress?: (progress: ReconciliationProgress) => void;
}

/** About 60 MB, plus 1 MB per destination. A destination is queried once per segment. */
const segmentEventsMaxDefault = 1_000_000;
const secondLookMsDefault = 1_000;

/**
 * Compares the accepted events in the log with what happened to them at each destination, and with
 * what the destination holds if it can report that. Only reads. Works next to a running gate:
 * events that arrive meanwhile are left to the next run, and missing events are checked twice.
 */
export async function reconcile(options: ReconcileOptions): Promise<ReconciliationReport> {
  const { log, destinations, sinceMs } = options;
  const ranges = await findRanges(log, 'EVENTS', { sinceMs });
  const table = createCountTable(destinations.length);
  const audits = await openAudits(options, table, ranges);
  const pace = createPaceKeeper(log);

  let left: EventRanges = ranges;
  while (lengthOf(left) > 0) {
    const segment = await readSegment({
      log,
      ranges: left,
      eventsMax: options.segmentEventsMax ?? segmentEventsMaxDefault,
      table,
      subjects: audits.subjects,
      pace,
      onProgress: (rest) =>
        options.onProgress?.({ ...progressOf(ranges, rest), isWaiting: pace.isWaiting() }),
    });
    for (const audit of audits.all) await audit.count(segment);
    left = segment.rest;
  }
  for (const audit of audits.all) audit.finish();

  const missing: MissingEvent[] = [];
  if (audits.all.some((audit) => audit.missing.count > 0)) {
    await sleep(options.secondLookMs ?? secondLookMsDefault);
    for (const [index, audit] of audits.all.entries()) {
      missing.push(...(await recheckMissing(options, audit, index, table)));
    }
  }
  return {
    ranges,
    destinations: destinations.map(({ name, type }, index) =>
      describe(name, type, audits.all[index]!),
    ),
    rows: table.rows.toSorted(
      (left, right) =>
        left.hour.localeCompare(right.hour) || left.eventName.localeCompare(right.eventName),
    ),
    missing,
    lost: (await readMissingEvents(log)).filter(({ to }) => to >= firstOf(ranges, to)),
  };
}

/** The first position that was compared, of the partition of a position. */
function firstOf(ranges: EventRanges, position: number): number {
  const partition = partitionOf(position);
  return ranges.find(({ from }) => partitionOf(from) === partition)?.from ?? 0;
}

function describe(name: string, type: string, audit: Audit): DestinationReport {
  return {
    name,
    type,
    asked: audit.asked(),
    fault: audit.fault(),
    missing: audit.missing.count,
    copies: audit.copies(),
  };
}

async function openAudits(
  { log, destinations }: ReconcileOptions,
  table: CountTable,
  ranges: EventRanges,
) {
  const subjects = createSubjectList();
  const all: Audit[] = [];
  for (const [index, audited] of destinations.entries()) {
    const snapshot = await takeSnapshot(log, audited, ranges);
    all.push(createAudit({ audited, snapshot, table, subjects, index }));
  }
  return { all, subjects };
}

/**
 * Checks missing events again: they may have been moving between streams, or into the destination.
 * Resolves to the events that are still missing.
 */
async function recheckMissing(
  { log, destinations }: ReconcileOptions,
  audit: Audit,
  index: number,
  table: CountTable,
): Promise<MissingEvent[]> {
  const { missing } = audit;
  const audited = destinations[index]!;
  const { name, stored } = audited;
  const entries = [...missing.first];
  if (entries.length === 0 || stored === undefined) return [];
  const asked = rangesAround(entries.map(({ sequence }) => sequence));
  const snapshot = await takeSnapshot(log, audited, asked);
  const lost = new Map<string, MissingEvent & Entry>();
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, 0];
  for (const entry of entries) {
    const message = await readMessage(log, 'EVENTS', entry.sequence);
    if (message === undefined) continue;
    const { eventId, timestamp } = readHead(message);
    const { eventName } = table.rows[entry.row]!;
    lost.set(eventId, { ...entry, destination: name, eventId, eventName, timestamp });
    fromMs = Math.min(fromMs, Date.parse(timestamp));
    toMs = Math.max(toMs, Date.parse(timestamp) + 1);
  }
  const found = (entry: MissingEvent & Entry, column: CountColumn): void => {
    table.rows[entry.row]!.counts[index]![column] += 1;
    missing.count -= 1;
    lost.delete(entry.eventId);
  };
  try {
    for await (const { eventId } of stored({ fromMs, toMs })) {
      const entry = lost.get(eventId);
      if (entry !== undefined) found(entry, 'delivered');
    }
  } catch {
    // Keep the first report of the destination.
  }
  for (const entry of lost.values()) {
    const fate = snapshot.fateOf(entry.sequence);
    if (fate !== undefined) found(entry, fate);
  }
  return [...lost.values()].map(({ row: _row, ...event }) => event);
}
