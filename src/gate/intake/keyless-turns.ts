/** Work for a request with an unknown key. It waits for its turn. */
export interface Turn {
  readonly address: string;
  /** Begins the work, which ends with `done`. */
  run(): void;
}

/**
 * Processor time for requests without a valid key: a small share, so that keyed work keeps the
 * rest.
 */
export interface KeylessTurns {
  /** Runs the work at once if time is left, otherwise in the turn of its address. */
  enter(turn: Turn): void;
  /** The running work has ended, or continues with another `enter`. It took about `costMs`. */
  done(costMs: number): void;
  /** Takes time for finished work. Returns false if none is left; then call `enter`. */
  spend(costMs: number): boolean;
  /** A valid key was found: the request pays from the keyed budget instead. */
  giveBack(costMs: number): void;
  /** Removes work that has not run. Returns false if it ran. */
  leave(turn: Turn): boolean;
  close(): void;
}

export interface KeylessTurnsOptions {
  /** The share of one processor. */
  readonly share: number;
  /** The time that may be used at once after a quiet period. */
  readonly burstMs: number;
  /**
   * The most that one turn of the event loop does, also after a quiet period: keyed requests come between two
   * turns, and do not wait for the whole burst. Undefined: no limit.
   */
  readonly turnMsMax?: number;
  /** How much work runs at once in the threads that inflate. */
  readonly runningMax: number;
}

/** How often waiting work is checked while no time is left. */
const waitMsMin = 5;
/**
 * Addresses take turns, so that one that sends many requests waits behind its own. The time is counted, not
 * measured: what a turn costs is known from its bytes.
 */
export function createKeylessTurns(options: KeylessTurnsOptions): KeylessTurns {
  return new AddressTurns(options);
}

class AddressTurns implements KeylessTurns {
  private readonly options: KeylessTurnsOptions;
  /** By address, in the order in which their turns come. */
  private readonly waiting = new Map<string, Set<Turn>>();
  private running = 0;
  private readonly turnMsMax: number;
  private leftMs: number;
  private countedAt = performance.now();
  private timer: NodeJS.Timeout | undefined = undefined;
  /** What this turn of the event loop has done. */
  private turnMs = 0;
  private isTurnScheduled = false;
  /** Work may end while it is begun: the loop in `runWaiting` then goes on, and does not call itself. */
  private isDealing = false;

  constructor(options: KeylessTurnsOptions) {
    this.options = options;
    this.leftMs = options.burstMs;
    this.turnMsMax = options.turnMsMax ?? Infinity;
  }

  enter(turn: Turn): void {
    const turns = this.waiting.get(turn.address);
    if (turns === undefined) this.waiting.set(turn.address, new Set([turn]));
    else turns.add(turn);
    this.runWaiting();
  }

  done(costMs: number): void {
    this.running -= 1;
    this.take(costMs);
    if (this.waiting.size > 0) this.runWaiting();
  }

  spend(costMs: number): boolean {
    this.refill();
    if (this.leftMs <= 0 || this.turnMs >= this.turnMsMax) return false;
    this.take(costMs);
    return true;
  }

  giveBack(costMs: number): void {
    this.leftMs = Math.min(this.options.burstMs, this.leftMs + costMs);
  }

  leave(turn: Turn): boolean {
    const turns = this.waiting.get(turn.address);
    if (turns?.delete(turn) !== true) return false;
    if (turns.size === 0) this.waiting.delete(turn.address);
    return true;
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private take(costMs: number): void {
    this.leftMs -= costMs;
    this.turnMs += costMs;
    this.scheduleTurn();
  }

  private scheduleTurn(): void {
    if (this.isTurnScheduled) return;
    this.isTurnScheduled = true;
    setImmediate(() => {
      this.isTurnScheduled = false;
      this.turnMs = 0;
      if (this.waiting.size > 0) this.runWaiting();
    });
  }

  private refill(): void {
    const { burstMs, share } = this.options;
    const now = performance.now();
    this.leftMs = Math.min(burstMs, this.leftMs + (now - this.countedAt) * share);
    this.countedAt = now;
  }

  private next(): Turn | undefined {
    const { waiting } = this;
    for (const [address, turns] of waiting) {
      const [turn] = turns;
      turns.delete(turn!);
      waiting.delete(address);
      // To the end: the other addresses come first.
      if (turns.size > 0) waiting.set(address, turns);
      return turn;
    }
    return undefined;
  }

  private runWaiting(): void {
    if (this.isDealing) return;
    this.refill();
    this.isDealing = true;
    const { turnMsMax, options } = this;
    while (this.running < options.runningMax && this.leftMs > 0 && this.turnMs < turnMsMax) {
      const turn = this.next();
      if (turn === undefined) break;
      this.running += 1;
      turn.run();
    }
    this.isDealing = false;
    if (this.leftMs > 0 || this.timer !== undefined || this.waiting.size === 0) return;
    const wake = (): void => {
      this.timer = undefined;
      this.runWaiting();
    };
    this.timer = setTimeout(wake, Math.max(waitMsMin, -this.leftMs / this.options.share));
    this.timer.unref();
  }
}
