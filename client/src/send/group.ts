import type { Spool, SpoolRange } from '../spool/spool.ts';
import { backoffBoundMs } from './breaker.ts';
import type { SenderOptions } from './sender-signals.ts';

/** Events that are sent together. */
export interface Group {
  readonly records: readonly Buffer[];
  /** Where each record is from. */
  readonly ranges: readonly SpoolRange[];
  readonly attempt: number;
  /** How many requests had been sent when this one failed first. */
  readonly failedAt: number | undefined;
  readonly notBeforeMs: number;
  /** Set for a single event that a server before the gate refused. */
  readonly suspicion: Suspicion | undefined;
  /** True if the gate answered `retry` to each of them before. */
  readonly isAgain: boolean;
}

export interface Suspicion {
  readonly id: number;
  /** How many requests had been sent when the event was refused first. */
  readonly sent: number;
  /** The same, at its latest refusal. */
  readonly sentLast: number;
  /** How many requests the gate had answered at its latest refusal. */
  readonly answers: number;
  /** The first refusal, and those that cannot be an outage. */
  readonly refusals: number;
  /** When the latest refusal was. */
  readonly refusedMs: number;
  /** The latest refusal may be of the event. Otherwise the event is never rejected. */
  readonly isOfEvent: boolean;
}

/** One that was not sent before. */
export const fresh = {
  attempt: 0,
  failedAt: undefined,
  notBeforeMs: 0,
  suspicion: undefined,
  isAgain: false,
} as const;

/** No events. A gate answers this with an error code of its own. */
export const ping: Group = {
  records: [],
  ranges: [],
  ...fresh,
};

/** The same events, after a random delay that grows with each attempt. */
export function later(
  group: Group,
  { backoffBaseMs, backoffCapMs }: Pick<SenderOptions, 'backoffBaseMs' | 'backoffCapMs'>,
  afterMs: number,
): Group {
  const bound = backoffBoundMs(group.attempt, backoffBaseMs, backoffCapMs);
  const notBeforeMs = performance.now() + Math.max(afterMs, Math.random() * bound);
  return { ...group, attempt: group.attempt + 1, notBeforeMs };
}

/** The records from `from` on, up to `to`. */
export function part(group: Group, from: number, to = group.records.length): Group {
  return {
    ...group,
    records: group.records.slice(from, to),
    ranges: group.ranges.slice(from, to),
  };
}

/** The records whose position `keep` accepts. */
export function partOf(group: Group, keep: (index: number) => boolean): Group {
  return {
    ...group,
    records: group.records.filter((_, index) => keep(index)),
    ranges: group.ranges.filter((_, index) => keep(index)),
  };
}

export function bytesOf({ records }: Group): number {
  return records.reduce((sum, { length }) => sum + length, 0);
}

/**
 * The same events in memory of their own. A record is a part of what was read from the disk at
 * once, and would keep all of that in memory while it waits.
 */
export function copied(group: Group): Group {
  return { ...group, records: group.records.map((record) => Buffer.from(record)) };
}

/** Settles the records whose position `isSettled` accepts, with one call for each range. */
export function settleIn(
  spool: Spool,
  { ranges }: Group,
  isSettled: (index: number) => boolean = () => true,
): void {
  const counts = new Map<SpoolRange, number>();
  for (const [index, range] of ranges.entries()) {
    if (isSettled(index)) counts.set(range, (counts.get(range) ?? 0) + 1);
  }
  for (const [range, count] of counts) spool.settle(range, count);
}
