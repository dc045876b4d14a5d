/** Works that run one after another. */
export interface Turns {
  /**
   * Runs a work once those before it have ended. Throws what `refuse` returns if too many wait. Rejects with the
   * reason of `signal` if its caller has left before its turn: it has no place among those that wait, either.
   */
  take<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
  /** None runs or waits. */
  isEmpty(): boolean;
}

/** @param waitingMax beside the one that runs. */
export function createTurns(waitingMax: number, refuse: () => Error): Turns {
  let count = 0;
  let last: Promise<unknown> = Promise.resolve();
  return {
    isEmpty: () => count === 0,
    take: (signal, work) => {
      if (count > waitingMax) throw refuse();
      count += 1;
      let isCounted = true;
      const leave = (): void => {
        if (isCounted) count -= 1;
        isCounted = false;
      };
      signal.addEventListener('abort', leave, { once: true });
      const result = last
        .then(() => {
          // From now on it counts until it ends, also without its caller.
          signal.removeEventListener('abort', leave);
          signal.throwIfAborted();
          return work();
        })
        .finally(leave);
      last = result.catch(() => {});
      return result;
    },
  };
}
