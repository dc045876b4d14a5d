/** Shares the event loop between large requests and everything else. */
export interface TurnBudget {
  /** Runs `work`, whose cost grows with `bytes`: now, or in a later turn of the event loop. In order. */
  run(bytes: number, work: () => void): void;
}

export interface TurnBudgetOptions {
  /** What one turn takes on before the rest waits for the next. */
  readonly turnBytes: number;
  /** What may wait. Beyond it work is done at once, and the callers' sockets wait instead. */
  readonly waitingBytesMax: number;
}

/**
 * A batch of 500 events is 5 ms of work. Several that arrive in one turn, done one after the other, keep
 * their acknowledgements, all other requests and the deliveries of this process waiting: the warehouse
 * fell behind the gate so (docs/understand/hot-path.md). Here a turn takes on about one.
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
