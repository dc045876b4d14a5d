import { partitionOf } from './event-position.ts';
import { lengthOf, type Range } from './ranges.ts';

/**
 * A selection of events, by positions. Within a partition the later event has the higher position;
 * over several partitions positions say nothing about time. So a selection has one range for each
 * partition, in the order of the partitions. A range whose `to` is below its `from` holds no event.
 */
export type EventRanges = readonly Range[];

/** Whether a position is in one of the ranges. */
export function compileRanges(ranges: EventRanges): (position: number) => boolean {
  const byPartition = new Map(ranges.map((range) => [partitionOf(range.from), range]));
  return (position) => {
    const range = byPartition.get(partitionOf(position));
    return range !== undefined && position >= range.from && position <= range.to;
  };
}

/** The smallest ranges that hold some positions. */
export function rangesAround(positions: Iterable<number>): Range[] {
  const ranges = new Map<number, Range>();
  for (const position of positions) {
    const partition = partitionOf(position);
    const { from, to } = ranges.get(partition) ?? { from: position, to: position };
    ranges.set(partition, { from: Math.min(from, position), to: Math.max(to, position) });
  }
  return [...ranges.values()].toSorted((left, right) => left.from - right.from);
}

/** How far each partition was read. */
export interface ReadPositions {
  /** Notes that a position was read, and with it all before it in its partition. */
  pass(position: number): void;
  /** What of some ranges is left to read. */
  restOf(ranges: EventRanges): Range[];
}

export function createReadPositions(): ReadPositions {
  const passed = new Map<number, number>();
  return {
    pass: (position) => void passed.set(partitionOf(position), position),
    restOf: (ranges) =>
      ranges.map(({ from, to }) => {
        const next = Math.max(from, (passed.get(partitionOf(from)) ?? 0) + 1);
        return { from: next, to: Math.max(to, next - 1) };
      }),
  };
}

/** Nothing of the ranges is left. */
export function allRead(ranges: EventRanges): Range[] {
  return ranges.map(({ to }) => ({ from: to + 1, to }));
}

/**
 * How much of some ranges was read, for people: the positions of a single range. Those of several
 * are counted as if each range began after the one before it.
 */
export interface RangeProgress {
  readonly from: number;
  readonly upTo: number;
  readonly reached: number;
}

export function progressOf(ranges: EventRanges, rest: EventRanges): RangeProgress {
  const from = ranges[0]?.from ?? 1;
  const all = lengthOf(ranges);
  return { from, upTo: from + all - 1, reached: from + all - lengthOf(rest) - 1 };
}
