import type { JetStreamManager } from '@nats-io/jetstream';

import type { EventStreams } from '../events/follow-event-streams.ts';

/** How fast the log grows, whichever process stores the messages. */
export interface LogGrowth {
  /**
   * Events a second, between the last two looks at the log. Undefined until two looks were made. Asking is what
   * makes the next look: while a worker or a reader runs, one request a second for each stream.
   */
  perSecond(): number | undefined;
}

/** The newest sequence of each stream, by its name. */
export type NewestSequences = ReadonlyMap<string, number>;

/** The first rate is known after this time, so that a reader of a quiet log soon reads at full speed. */
export const firstWindowMs = 250;
export const windowMs = 1_000;
/** What was seen before a longer pause says nothing about now. */
const staleMs = 5_000;

interface Look {
  readonly atMs: number;
  readonly newest: NewestSequences;
}

/** @param readNewest one that rejects is made again after the usual time. */
export function createLogGrowth(
  readNewest: () => Promise<NewestSequences>,
  now: () => number = () => performance.now(),
): LogGrowth {
  let last: Look | undefined;
  let lastAskedAt = Number.NEGATIVE_INFINITY;
  let perSecond: number | undefined;
  let isLooking = false;

  const look = async (): Promise<void> => {
    lastAskedAt = now();
    isLooking = true;
    try {
      const newest = await readNewest();
      const atMs = now();
      if (last !== undefined) perSecond = rateOf(last, { atMs, newest });
      last = { atMs, newest };
    } catch {
      // The reader itself fails if the log cannot be reached.
    } finally {
      isLooking = false;
    }
  };
  return {
    perSecond: () => {
      const ageMs = now() - lastAskedAt;
      if (ageMs > staleMs && !isLooking) [last, perSecond] = [undefined, undefined];
      if (!isLooking && ageMs >= (perSecond === undefined ? firstWindowMs : windowMs)) void look();
      return perSecond;
    },
  };
}

/** A stream that one of the looks lacks does not count: its first sequence may be any. */
function rateOf(before: Look, after: Look): number {
  let events = 0;
  for (const [stream, newest] of after.newest) {
    events += Math.max(0, newest - (before.newest.get(stream) ?? newest));
  }
  return (events * 1_000) / Math.max(1, after.atMs - before.atMs);
}

/** Of the streams that take events, one after the other, because there may be hundreds. Rejects when the log cannot be reached. */
export async function readNewest(
  { streams }: JetStreamManager,
  events: EventStreams,
): Promise<NewestSequences> {
  const newest = new Map<string, number>();
  for (const { stream, isClosed } of events.parts()) {
    if (!isClosed) newest.set(stream, (await streams.info(stream)).state.last_seq);
  }
  return newest;
}
