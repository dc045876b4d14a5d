import { frameHeaderBytes } from './frame.ts';
import { createGroupQueue, type Group } from './group-queue.ts';

/** Events of the spool that wait to be stored at its end again. */
export class AgainQueue {
  readonly #groupBytesMax: number;
  readonly #groups: Group[] = [];

  constructor(groupBytesMax: number) {
    this.#groupBytesMax = groupBytesMax;
  }

  /** Resolves with whether they are stored. */
  add(records: readonly Buffer[]): Promise<boolean> {
    const queue = createGroupQueue(this.#groupBytesMax);
    const stored = Promise.all(records.map((record) => queue.add(record, undefined)));
    for (let group = queue.take(); group !== undefined; group = queue.take()) {
      this.#groups.push(group);
    }
    return stored.then(
      () => true,
      () => false,
    );
  }

  take(): Group | undefined {
    return this.#groups.shift();
  }
}

/**
 * Events that move to the end may use so much more room. It is more than a segment, so that those of
 * the oldest segment always can move, which frees it.
 */
const againShare = 0.25;

/** Whether a spool that has `bytes` has room to store the records again. */
export function fitAgain(records: readonly Buffer[], bytes: number, bytesMax: number): boolean {
  const needed = records.reduce((sum, { length }) => sum + frameHeaderBytes + length, 0);
  return bytes + needed <= bytesMax * (1 + againShare);
}
