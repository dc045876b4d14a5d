import type { SpoolPosition, SpoolRange } from './spool.ts';

/** Knows up to where everything is settled, although verdicts come in any order. */
export interface Settlement {
  /** Everything before this place is settled. */
  readonly position: SpoolPosition;
  begin(count: number, end: SpoolPosition): SpoolRange;
  /** True: the position has moved. */
  settle(range: SpoolRange, count: number): boolean;
  /** Events up to `to` will never be read: passed over once what is under way is settled. */
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
