/** How those who read many messages share a process, and its nats-server, with producers. */
export interface ReadingPace {
  /** Counts what was read. How many ms the reader waits before it reads on. All readers of the process share one pace. */
  count(messages: number, bytes: number): number;
  /** Whether readers wait for producers now: more than 100 messages a second are stored. */
  isKept(): boolean;
}

/** So few messages a second of producers leave readers all of their speed. */
export const quietPerSecond = 100;
/**
 * What all readers read in a second beside few producers, and for each message of producers so many fewer.
 * nats-server reads a block of 8 MiB at a time, and stores nothing for about 15 ms meanwhile: at the least pace and a
 * kilobyte a message, once a second.
 */
export const mostPerSecond = 30_000;
export const leastPerSecond = 10_000;
const fewerForEach = 5;
/** Payloads of this size reach the limit of bytes and the limit of messages together. */
const usualBytes = 1_024;

/** How many messages a second are read beside producers that send so many. */
export function readPerSecond(taken: number): number {
  if (taken <= quietPerSecond) return Infinity;
  return Math.max(leastPerSecond, mostPerSecond - fewerForEach * taken);
}

/**
 * Readers read as fast as they can, and at a pace while the process takes events.
 *
 * @param takenPerSecond what producers send now.
 * @param now in ms.
 * @param perSecond how many messages a second are read then.
 */
export function createReadingPace(
  takenPerSecond: () => number,
  now: () => number = () => performance.now(),
  perSecond: (taken: number) => number = readPerSecond,
): ReadingPace {
  let freeAt = 0;
  return {
    count: (messages, bytes) => {
      const most = perSecond(takenPerSecond());
      if (most === Infinity) return 0;
      const at = now();
      freeAt = Math.max(freeAt, at) + (Math.max(messages, bytes / usualBytes) / most) * 1_000;
      return freeAt - at;
    },
    isKept: () => perSecond(takenPerSecond()) < Infinity,
  };
}
