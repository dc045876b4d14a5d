import { ServiceError } from '../errors.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import { lengthOf } from '../jetstream/events/ranges.ts';
import type { Log } from '../jetstream/log.ts';
import { readPageToken, writePageToken } from '../jetstream/read/walk/page-token.ts';
import {
  walkPositions,
  walkProgress,
  walkRanges,
  type WalkProgress,
} from '../jetstream/read/walk/walk-pages.ts';
import type { AuditedDestination } from '../reconciliation/audit.ts';
import { NoAnswerError } from '../reconciliation/confirm-range.ts';
import { findRange, selectEvents, type LeftOut, type Selection } from './selection.ts';

/** How a destination is asked what it holds; undefined if it cannot be asked. */
export type StoredEventsOf = AuditedDestination['stored'];

/** What a part of the log has for a redelivery. */
export interface SelectionCounts {
  /** How many events would be sent, by name. */
  readonly counts: ReadonlyMap<string, number>;
  readonly leftOut: LeftOut;
  readonly walk: WalkProgress;
  readonly oldestMs: number | undefined;
  readonly isCut: boolean;
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface CountOptions {
  readonly log: Log;
  readonly destination: AuditedDestination;
  readonly selection: Selection;
  readonly pageToken: string;
  readonly signal: AbortSignal;
  /** How many events one call reads, or asks the destination for. */
  readonly readMax?: number;
  readonly durationMsMax?: number;
  readonly secondLookMs?: number;
}

/** Mostly below a second. */
const readMaxDefault = 20_000;
/** Beside producers and other readers these take longer. A call ends well before its caller gives up. */
const durationMsMaxDefault = 5_000;

/**
 * Counts what a redelivery would send, in parts. Throws a ServiceError: `malformed_request` for a
 * page token of another list; for `missing`, `destination_no_answer`. Rejects when the log cannot be
 * reached.
 */
export async function countSelection(options: CountOptions): Promise<SelectionCounts> {
  try {
    return await countPage(options);
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    const text = `${options.destination.name} did not answer: ${error.message}.`;
    throw new ServiceError('destination_no_answer', text, { cause: error });
  }
}

async function countPage(options: CountOptions): Promise<SelectionCounts> {
  const { log, selection, readMax = readMaxDefault } = options;
  const endsMs = performance.now() + (options.durationMsMax ?? durationMsMaxDefault);
  const [start] = readPageToken('redelivery', 1, options.pageToken);
  const range = await findRange(log, selection);
  const { ranges, rest } =
    typeof start === 'object' ? walkRanges(start) : { ranges: range.ranges, rest: range.ranges };
  const counts = new Map<string, number>();
  const leftOut = { waiting: 0, dead: 0 };
  let left = rest;
  let read = 0;
  const pages = selectEvents({ ...options, ranges: rest, askedEventsMax: readMax });
  for await (const page of pages) {
    left = page.rest;
    read += page.read;
    leftOut.waiting += page.leftOut.waiting;
    leftOut.dead += page.leftOut.dead;
    for (const { subject } of page.events) {
      const name = eventNameOf(subject);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    if (read >= readMax || performance.now() >= endsMs) break;
  }
  const positions = lengthOf(left) === 0 ? undefined : walkPositions(ranges, left);
  return {
    counts,
    leftOut,
    walk: walkProgress(ranges, left),
    oldestMs: range.oldestMs,
    isCut: range.isCut,
    nextPageToken: writePageToken('redelivery', [positions]),
  };
}
