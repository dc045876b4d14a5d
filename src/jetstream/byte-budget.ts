/** Bytes that several users share. Users that ask for more than is left wait in order. */
export interface ByteBudget {
  /**
   * Calls `start` once the bytes are free, now or later. The caller returns them with the function
   * that `start` receives; more than one call of it has no effect. A request for more than the
   * whole budget is granted alone. The returned function cancels a request that still waits.
   */
  take(bytes: number, start: (giveBack: () => void) => void): () => void;
}

interface Waiting {
  readonly bytes: number;
  readonly start: (giveBack: () => void) => void;
}

/** Creates a budget; nothing of it is taken yet. */
export function createByteBudget(bytesMax: number): ByteBudget {
  let taken = 0;
  let waiting: Waiting[] = [];
  const fits = (bytes: number): boolean => taken === 0 || taken + bytes <= bytesMax;

  const grant = ({ bytes, start }: Waiting): void => {
    taken += bytes;
    let isTaken = true;
    start(() => {
      if (!isTaken) return;
      isTaken = false;
      taken -= bytes;
      grantNext();
    });
  };
  const grantNext = (): void => {
    while (waiting.length > 0 && fits(waiting[0]!.bytes)) grant(waiting.shift()!);
  };

  return {
    take: (bytes, start) => {
      const one = { bytes, start };
      if (waiting.length === 0 && fits(bytes)) {
        grant(one);
        return () => {};
      }
      waiting.push(one);
      return () => {
        waiting = waiting.filter((other) => other !== one);
        grantNext();
      };
    },
  };
}

/** Runs `work` once `bytes` of the budget are free, and returns them when it ends. */
export function withinBudget<Value>(
  budget: ByteBudget,
  bytes: number,
  work: () => Promise<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    budget.take(bytes, (giveBack) => {
      work().finally(giveBack).then(resolve, reject);
    });
  });
}
