import { createByteBudget, type ByteBudget } from './byte-budget.ts';

const MiB = 1024 * 1024;

/**
 * nats-server disconnects a client ("Slow Consumer") once `max_pending` bytes wait for it: 64 MiB
 * by default, and in the embedded server. Messages arrive only because they were requested, so the
 * requests are bounded together: pulls 32 MiB, pages 8 MiB, and 16 single messages.
 */
const pulledBytesMax = 32 * MiB;
const pageReadsBytesMax = 8 * MiB;
const singleReadsMax = 16;

/** How many bytes one request of a page asks for. */
export const pageBytesMax = 2 * MiB;

/** Half of the bytes for pulls is divided; the rest is for requests of single large messages. */
const sharedBytesMax = pulledBytesMax / 2;
const shareBytesMax = 2 * MiB;
const shareBytesMin = 32 * 1024;

/** What a connection has requested and not received yet. */
export interface Traffic {
  /** Requests of pulls. */
  readonly pulled: ByteBudget;
  /** Requests of pages, of `pageBytesMax` each. */
  readonly pages: ByteBudget;
  /** Requests of single messages, counted as one each: their sizes are unknown. */
  readonly singles: ByteBudget;
  /** Registers users of `pulled`, such as 2; the returned function removes them. */
  addPullers(count: number): () => void;
  /** How many bytes each user of `pulled` requests at a time, so that none waits for another. */
  shareBytes(): number;
}

/** Creates the limits of one connection. */
export function createTraffic(): Traffic {
  let pullers = 0;
  return {
    pulled: createByteBudget(pulledBytesMax),
    pages: createByteBudget(pageReadsBytesMax),
    singles: createByteBudget(singleReadsMax),
    addPullers: (count) => {
      pullers += count;
      return () => {
        pullers -= count;
      };
    },
    shareBytes: () =>
      Math.max(shareBytesMin, Math.min(shareBytesMax, Math.floor(sharedBytesMax / pullers))),
  };
}
