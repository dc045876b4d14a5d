import type { SpoolPosition, SpoolRange } from './spool.ts';

/** Tracks the position before which everything is settled, while verdicts arrive in any order. */
export interface Settlement {
  /** Everything before this position is settled. */
  readonly position: SpoolPosition;
  /** Events that are settled and not before the position. */
  readonly pinned: number;
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
  const ranges: { readonly range: SpoolRange; readonly count: number }[] = [];
  let pinned = 0;
  let position = start;
  let skipped = start;
  const move = (): boolean => {
    const before = position;
    while (ranges.length > 0 && ranges[0]!.range.open === 0) {
      const { range, count } = ranges.shift()!;
      position = range.end;
      pinned -= count;
    }
    if (ranges.length === 0 && skipped.ordinal > position.ordinal) position = skipped;
    return position !== before;
  };
  return {
    get position() {
      return position;
    },
    get pinned() {
      return pinned;
    },
    begin: (count, end) => {
      const range = { open: count, end };
      ranges.push({ range, count });
      return range;
    },
    settle: (range, count) => {
      range.open -= count;
      pinned += count;
      return move();
    },
    skip: (to) => {
      skipped = to;
      return move();
    },
  };
}
