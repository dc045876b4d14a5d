/** Shares the event loop between large requests and everything else. */
export interface TurnBudget {
  /** Runs `work`, whose cost grows with `bytes`: now, or in a later turn of the event loop. In order. */
  run(bytes: number, work: () => void): void;
}

export interface TurnBudgetOptions {
  /** How much one turn takes on before the rest waits for the next. */
  readonly turnBytes: number;
  /** How much may wait. Beyond it, work is done at once, and the callers' sockets wait instead. */
  readonly waitingBytesMax: number;
}

/**
 * A batch of 500 events is 5 ms of work. If several batches arrived in one turn and were processed
 * one after the other, their acknowledgements, all other requests and the deliveries of this
 * process would wait, and the warehouse would fall behind the gate (docs/understand/hot-path.md).
 * Here a turn takes on about one batch.
 */
export function createTurnBudget({ turnBytes, waitingBytesMax }: TurnBudgetOptions): TurnBudget {
  const waiting: { bytes: number; work: () => void }[] = [];
  let waitingBytes = 0;
  let spent = 0;
  let isScheduled = false;

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(nextTurn);
  };
  const nextTurn = (): void => {
    isScheduled = false;
    spent = 0;
    // Before the work, which may throw.
    if (waiting.length > 0) schedule();
    while (waiting.length > 0 && spent < turnBytes) {
      const { bytes, work } = waiting.shift()!;
      spent += bytes;
      waitingBytes -= bytes;
      work();
    }
  };

  return {
    run: (bytes, work) => {
      const mayWait = waitingBytes + bytes <= waitingBytesMax;
      if (mayWait && (waiting.length > 0 || spent >= turnBytes)) {
        waiting.push({ bytes, work });
        waitingBytes += bytes;
      } else {
        spent += bytes;
        work();
      }
      schedule();
    },
  };
}
