/** Consecutive sequences, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export function lengthOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

/** Joins sequences, or ranges that may overlap, to as few ranges as possible, in order. */
export function joinRanges(ranges: readonly Range[]): Range[] {
  const joined: Range[] = [];
  for (const range of ranges.toSorted((left, right) => left.from - right.from)) {
    const last = joined.at(-1);
    if (last === undefined || range.from > last.to + 1) joined.push(range);
    else if (range.to > last.to) joined[joined.length - 1] = { from: last.from, to: range.to };
  }
  return joined;
}

/** What is in the first ranges and not in the second, in order. */
export function subtractRanges(ranges: readonly Range[], taken: readonly Range[]): Range[] {
  const holes = joinRanges(taken);
  const left: Range[] = [];
  for (const { from, to } of joinRanges(ranges)) {
    let next = from;
    for (const hole of holes) {
      if (hole.to < next) continue;
      if (hole.from > to) break;
      if (hole.from > next) left.push({ from: next, to: hole.from - 1 });
      next = hole.to + 1;
    }
    if (next <= to) left.push({ from: next, to });
  }
  return left;
}
