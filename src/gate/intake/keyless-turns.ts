/** A piece of work for a request whose key is not known. It waits for its turn. */
export interface Turn {
  readonly address: string;
  /** Begins the work, which ends with `done`. */
  run(): void;
}

/** Processor time for requests without a valid key: a small share, so that keyed work always has the rest. */
export interface KeylessTurns {
  /** Runs the work at once if time is left, otherwise in the turn of its address. */
  enter(turn: Turn): void;
  /** The work that ran has ended, or goes on with another `enter`. It took about `costMs`. */
  done(costMs: number): void;
  /** Takes time for work that is over. Returns false if none is left: whoever asked should `enter`. */
  spend(costMs: number): boolean;
  /** A valid key was found: the request pays from the keyed budget instead. */
  giveBack(costMs: number): void;
  /** Takes back work that has not run. Returns false if it ran. */
  leave(turn: Turn): boolean;
  close(): void;
}

export interface KeylessTurnsOptions {
  /** Of one processor's time. */
  readonly share: number;
  /** What may be used at once after a quiet time. */
  readonly burstMs: number;
  /** Work that runs at the same time, in the threads that inflate. */
  readonly runningMax: number;
}

/** How often waiting work is looked at while no time is left. */
const waitMsMin = 5;

/**
 * Addresses take turns, so that one that sends many requests waits behind its own. The time is counted, not
 * measured: what a turn costs is known from its bytes.
 */
export function createKeylessTurns(options: KeylessTurnsOptions): KeylessTurns {
  const { share, burstMs, runningMax } = options;
  // By address, in the order in which their turns come.
  const waiting = new Map<string, Set<Turn>>();
  let running = 0;
  let leftMs = burstMs;
  let countedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  /** Work may end while it is begun: the loop below then goes on, and does not call itself. */
  let isDealing = false;

  const refill = (): void => {
    const now = performance.now();
    leftMs = Math.min(burstMs, leftMs + (now - countedAt) * share);
    countedAt = now;
  };
  const next = (): Turn | undefined => {
    for (const [address, turns] of waiting) {
      const [turn] = turns;
      turns.delete(turn!);
      waiting.delete(address);
      // To the end: the other addresses come first.
      if (turns.size > 0) waiting.set(address, turns);
      return turn;
    }
    return undefined;
  };
  const runWaiting = (): void => {
    if (isDealing) return;
    refill();
    isDealing = true;
    while (running < runningMax && leftMs > 0) {
      const turn = next();
      if (turn === undefined) break;
      running += 1;
      turn.run();
    }
    isDealing = false;
    if (leftMs > 0 || timer !== undefined || waiting.size === 0) return;
    timer = setTimeout(wake, Math.max(waitMsMin, -leftMs / share));
    timer.unref();
  };
  const wake = (): void => {
    timer = undefined;
    runWaiting();
  };
  return {
    enter: (turn) => {
      const turns = waiting.get(turn.address);
      if (turns === undefined) waiting.set(turn.address, new Set([turn]));
      else turns.add(turn);
      runWaiting();
    },
    done: (costMs) => {
      running -= 1;
      leftMs -= costMs;
      if (waiting.size > 0) runWaiting();
    },
    spend: (costMs) => {
      refill();
      if (leftMs <= 0) return false;
      leftMs -= costMs;
      return true;
    },
    giveBack: (costMs) => {
      leftMs = Math.min(burstMs, leftMs + costMs);
    },
    leave: (turn) => {
      const turns = waiting.get(turn.address);
      if (turns?.delete(turn) !== true) return false;
      if (turns.size === 0) waiting.delete(turn.address);
      return true;
    },
    close: () => clearTimeout(timer),
  };
}
