/** So few messages a second do not notice that the event loop is held up a little longer. */
const quietMax = 100;
const windowMs = 1_000;

/** How many messages a process stores. */
export interface IntakePace {
  /**
   * Messages a second: the rate of the last second, or of the current one if more have come in it already. Seconds
   * begin with the first question after the last one has ended. Infinity in the first: nothing is known yet.
   */
  perSecond(): number;
  /** Whether it stores more than 100 messages a second. */
  isTaking(): boolean;
}

/** @param published the number of messages so far. */
export function createIntakePace(
  published: () => number,
  now: () => number = () => performance.now(),
): IntakePace {
  let startedAt = now();
  let atStart = published();
  let last = Infinity;
  const perSecond = (): number => {
    const at = now();
    const count = published() - atStart;
    const elapsedMs = at - startedAt;
    if (elapsedMs < windowMs) return Math.max(last, count);
    last = (count * 1_000) / elapsedMs;
    startedAt = at;
    atStart = published();
    return last;
  };
  return { perSecond, isTaking: () => perSecond() > quietMax };
}
