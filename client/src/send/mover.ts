import type { Spool } from '../spool/spool.ts';
import { settleIn, type Group } from './group.ts';

/** Events that were read and wait. */
export interface Waiting {
  /** How many of them may move. */
  readonly movable: number;
  /** Nothing more is read while it is. */
  readonly isFull: boolean;
  /** Takes all that may move, the oldest first. */
  takeMovable(): Group[];
  add(group: Group): void;
}

export interface MoverOptions {
  /** So many settled events may be kept in the spool behind one that waits. */
  readonly pinnedMax: number;
  /** How long to rest at least after all events were read once, and none of them got through. */
  readonly idleMs: number;
  /** Events that waited are at the end of the spool now, as new ones. */
  readonly moved: (count: number) => void;
}

/** Events move this often where they keep settled ones in the spool, */
const usualMs = 10_000;
/** and this often where they leave no room for others, in memory or in the spool. */
const shortMs = 1_000;

/**
 * Moves events that wait to the end of the spool. In their old place they would keep all later ones
 * in the spool, although these are settled: it would fill, and a restart would send them again.
 */
export class Mover {
  readonly #spool: Spool;
  readonly #waiting: readonly Waiting[];
  readonly #options: MoverOptions;
  #movedAtMs = -Infinity;
  /** The end of the spool when all that was in it began to be read once. */
  #passEnd = 0;
  #passBeganMs = 0;
  #restMs = 0;
  #gotThrough = false;

  constructor(spool: Spool, waiting: readonly Waiting[], options: MoverOptions) {
    this.#spool = spool;
    this.#waiting = waiting;
    this.#options = options;
  }

  /** An event got its last verdict. */
  gotThrough(): void {
    this.#gotThrough = true;
  }

  /** How long until events should move; Infinity if they need not. */
  delayMs(nowMs: number): number {
    const intervalMs = this.#intervalMs();
    return intervalMs === Infinity ? Infinity : Math.max(0, this.#movedAtMs + intervalMs - nowMs);
  }

  #intervalMs(): number {
    const { pinned, unread, isShort, settled } = this.#spool;
    const movable = this.#waiting.reduce((sum, waiting) => sum + waiting.movable, 0);
    if (movable === 0) return Infinity;
    if (unread > 0 && this.#isFull) {
      // With only such events in the spool, each would be written and sent again all the time.
      return this.#gotThrough || settled < this.#passEnd ? shortMs : this.#restMs;
    }
    // Otherwise more would be written again than is freed.
    if (pinned < movable) return Infinity;
    if (isShort) return shortMs;
    return pinned < this.#options.pinnedMax ? Infinity : usualMs;
  }

  get #isFull(): boolean {
    return this.#waiting.some(({ isFull }) => isFull);
  }

  async move(nowMs: number): Promise<void> {
    const { settled, next } = this.#spool;
    this.#movedAtMs = nowMs;
    let hasRoom = true;
    for (const waiting of this.#waiting) {
      for (const group of waiting.takeMovable()) {
        // Stored before its old place is settled: after a crash in between it is there twice, under
        // one idempotency key.
        hasRoom &&= await this.#spool.appendAgain(group.records);
        if (!hasRoom) {
          waiting.add(group);
          continue;
        }
        this.#options.moved(group.records.length);
        settleIn(this.#spool, group);
      }
    }
    if (settled >= this.#passEnd) {
      // What is written again takes a fifth of the time at most.
      this.#restMs = Math.max(this.#options.idleMs, 4 * (nowMs - this.#passBeganMs));
      this.#passBeganMs = nowMs;
      this.#passEnd = next;
      this.#gotThrough = false;
    }
  }
}
