/** How the lists of operators share a process, and its nats-server, with producers. */
export interface ReadingPace {
  /** Counts what was read. How many ms the reader waits before it reads on. All readers of the process share one pace. */
  count(messages: number, bytes: number): number;
}

/** A reader counts after so many messages or bytes, so that it holds up the event loop for a millisecond or two. */
export const sliceMessages = 64;
export const sliceBytes = 64 * 1024;

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

/**
 * Readers read as fast as they can, and at a pace while the process takes events.
 *
 * @param takenPerSecond what producers send now.
 * @param now in ms.
 */
export function createReadingPace(
  takenPerSecond: () => number,
  now: () => number = () => performance.now(),
): ReadingPace {
  let freeAt = 0;
  return {
    count: (messages, bytes) => {
      const taken = takenPerSecond();
      if (taken <= quietPerSecond) return 0;
      const perSecond = Math.max(leastPerSecond, mostPerSecond - fewerForEach * taken);
      const costMs = (Math.max(messages, bytes / usualBytes) / perSecond) * 1_000;
      const at = now();
      freeAt = Math.max(freeAt, at) + costMs;
      return freeAt - at;
    },
  };
}
