import type { RetryPolicy } from '../config/config.ts';

/** The most that the events of one destination may take up in a worker's memory. */
const heldBytesMax = 1024 * 1024 * 1024;

/**
 * How many events of EVENTS the log delivers before it waits for one to be settled. A worker holds
 * no more than these, so this is what bounds its memory: 4,096 events of 256 KiB (the default of
 * `limits.event_bytes_max`) are 1 GiB in the worst case, and 4 MiB when events have 1 KiB.
 *
 * Beside a gate that takes all it can, an event goes from the log to the warehouse and its acknowledgement
 * back in 70 ms: with 2,048 the warehouse took 30,000 events/s of 43,000, with 4,096 38,000 of 41,000, and
 * 8,192 gain nothing. Events that wait for their next attempt count among these, so fewer would let a
 * handful of bad events hold up the rest.
 */
export function ackPendingMax(eventBytesMax: number): number {
  return Math.min(4_096, Math.max(16, Math.floor(heldBytesMax / eventBytesMax)));
}

/** The same for REPLAY, where a person is behind every event: an eighth of the above. */
export function replayAckPendingMax(eventBytesMax: number): number {
  return Math.max(2, Math.floor(ackPendingMax(eventBytesMax) / 8));
}

/**
 * How many events of RETRY the log lets wait for their time at once. Each takes about 100 bytes of
 * the server's memory, and none of the worker's. What comes beyond waits in the stream unseen, and
 * may so come late.
 */
export const delayedEventsMax = 50_000;

/** How many events of RETRY whose time has come a worker holds: as many as of REPLAY. */
export const retriedMax = replayAckPendingMax;

/**
 * The longest delay that an event waits as an unsettled delivery, so that others wait no longer than
 * this for its slot. For a longer delay a copy in RETRY is worth its cost.
 */
export const inPlaceDelayMsMax = 2_000;

/**
 * How many messages a pull asks for ahead. 1,000 give 1.5 times the rate of 100
 * (docs/understand/hot-path.md).
 */
export function pullMessagesMax(pending: number): number {
  return Math.min(1_000, pending);
}

/**
 * How often an event is delivered before its worker is careful with it (`HeldEvent.exclusive`): more
 * than `retry.attempts`, because deliveries count stops and outages, too.
 */
export function trustedDeliveriesMax(retry: RetryPolicy): number {
  return retry.attempts + 5;
}

/**
 * How often the log delivers an event before it gives it up by an advisory. Far more than it has
 * attempts: the log counts deliveries, and each restart of a worker during an outage is one. Only an
 * event that is never even tried reaches the advisory; at one restart a minute 1,000 are 16 hours.
 */
export function deliveriesMax(retry: RetryPolicy): number {
  return retry.attempts + 1_000;
}

/**
 * How long a call of `deliver` may take: ten acknowledgement waits, 5 minutes by default. Then its
 * signal is aborted and its events are tried again: a call that hangs must not keep its slot for
 * ever.
 */
export function deliverMsMax(ackWaitMs: number): number {
  return ackWaitMs * 10;
}
