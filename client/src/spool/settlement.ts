import type { SpoolPosition, SpoolRange } from './spool.ts';

/** Tracks the position before which everything is settled, while verdicts arrive in any order. */
export interface Settlement {
  /** Everything before this position is settled. */
  readonly position: SpoolPosition;
  begin(count: number, end: SpoolPosition): SpoolRange;
  /** Returns whether the position moved. */
  settle(range: SpoolRange, count: number): boolean;
  /**
   * Events before `to` will never be read: the position moves there once the ranges in flight are
   * settled. Returns whether the position moved.
   */
  skip(to: SpoolPosition): boolean;
}

export function createSettlement(start: SpoolPosition): Settlement {
  const ranges: SpoolRange[] = [];
  let position = start;
  let skipped = start;
  const move = (): boolean => {
    const before = position;
    while (ranges.length > 0 && ranges[0]!.open === 0) position = ranges.shift()!.end;
    if (ranges.length === 0 && skipped.ordinal > position.ordinal) position = skipped;
    return position !== before;
  };
  return {
    get position() {
      return position;
    },
    begin: (count, end) => {
      const range = { open: count, end };
      ranges.push(range);
      return range;
    },
    settle: (range, count) => {
      range.open -= count;
      return move();
    },
    skip: (to) => {
      skipped = to;
      return move();
    },
  };
}
