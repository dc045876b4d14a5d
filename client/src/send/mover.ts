import type { Spool } from '../spool/spool.ts';
import type { Delayed } from './delayed.ts';
import { settleIn } from './group.ts';

export interface MoverOptions {
  /** So many settled events may be kept in the spool behind one that waits. */
  readonly pinnedMax: number;
  /** How often events move while no other event gets through. */
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
  readonly #delayed: Delayed;
  readonly #options: MoverOptions;
  #movedAtMs = 0;

  constructor(spool: Spool, delayed: Delayed, options: MoverOptions) {
    this.#spool = spool;
    this.#delayed = delayed;
    this.#options = options;
  }

  /** How long until events should move; Infinity if they need not. */
  delayMs(nowMs: number): number {
    const intervalMs = this.#intervalMs();
    return intervalMs === Infinity ? Infinity : Math.max(0, this.#movedAtMs + intervalMs - nowMs);
  }

  #intervalMs(): number {
    const { pinned, unread, isShort } = this.#spool;
    const { events, isFull } = this.#delayed;
    if (events === 0) return Infinity;
    if (isFull && unread > 0) return pinned > 0 ? shortMs : this.#options.idleMs;
    // Otherwise more would be written again than is freed.
    if (pinned < events) return Infinity;
    if (isShort) return shortMs;
    return pinned < this.#options.pinnedMax ? Infinity : usualMs;
  }

  async move(nowMs: number): Promise<void> {
    this.#movedAtMs = nowMs;
    let hasRoom = true;
    for (const group of this.#delayed.takeAll()) {
      // Stored before its old place is settled: after a crash in between it is there twice, under
      // one idempotency key.
      hasRoom &&= await this.#spool.appendAgain(group.records);
      if (!hasRoom) {
        this.#delayed.add(group);
        continue;
      }
      this.#options.moved(group.records.length);
      settleIn(this.#spool, group);
    }
  }
}
