/** A reason, and the number of dead letters that have it. */
export interface ReasonCount {
  readonly reason: string;
  readonly count: number;
}

/** Further reasons are counted together: a destination may answer each time with a new text. */
export const reasonsMax = 100;
export const otherReasons = '(others)';

const reasonCharactersMax = 120;

/** Groups similar reasons: removes ids, numbers of four or more digits, and control characters. */
export function reasonClassOf(reason: string): string {
  const plain = reason
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|\d{4,}/gi, '…')
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return plain.length > reasonCharactersMax ? `${plain.slice(0, reasonCharactersMax - 1)}…` : plain;
}

/** Counts reasons in bounded memory. */
export function createReasonCounts(): {
  add(reasonClass: string, count: number): void;
  /** The most frequent reason first, `otherReasons` last. */
  counts(): ReasonCount[];
} {
  const counts = new Map<string, number>();
  return {
    add: (reasonClass, count) => {
      const isRoom = counts.size - Number(counts.has(otherReasons)) < reasonsMax;
      const key = isRoom || counts.has(reasonClass) ? reasonClass : otherReasons;
      counts.set(key, (counts.get(key) ?? 0) + count);
    },
    counts: () =>
      [...counts]
        .map(([reason, count]) => ({ reason, count }))
        .sort((left, right) => {
          const isOther = (one: ReasonCount): number => Number(one.reason === otherReasons);
          return isOther(left) - isOther(right) || right.count - left.count;
        }),
  };
}
