import type { Spool, SpoolRange } from '../spool/spool.ts';

/** Events that are sent together. */
export interface Group {
  readonly records: readonly Buffer[];
  /** Where each record is from. */
  readonly ranges: readonly SpoolRange[];
  readonly attempt: number;
  readonly notBeforeMs: number;
  /** Set for a single event that a server before the gate refused. */
  readonly suspicion: Suspicion | undefined;
  /** True if the gate answered `retry` to each of them before. */
  readonly isAgain: boolean;
}

export interface Suspicion {
  /** How many requests had been sent when the event was refused first. */
  readonly sent: number;
  /** The first refusal, and those that cannot be an outage. */
  readonly refusals: number;
  /** When the latest of these was. */
  readonly countedMs: number;
}

/** No events. A gate answers this with an error code of its own. */
export const ping: Group = {
  records: [],
  ranges: [],
  attempt: 0,
  notBeforeMs: 0,
  suspicion: undefined,
  isAgain: false,
};

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
