import type { RetryPolicy } from '../config/config.ts';

/** The most that the events of one destination may take up in a worker's memory. */
const heldBytesMax = 512 * 1024 * 1024;

/**
 * How many events of EVENTS the log hands out before it waits for one to be settled. A worker holds
 * no more than these, so this is what bounds its memory: 2,048 events of 256 KiB (the default of
 * `limits.event_bytes_max`) are 512 MiB in the worst case, and 2 MiB when events have 1 KiB.
 *
 * More than 2,048 gain nothing: at 100,000 events/s they are 20 ms of work, which is longer than a
 * batch and its acknowledgements take. Events that wait for their next attempt keep their places,
 * so fewer would let a handful of bad events hold up the rest.
 */
export function ackPendingMax(eventBytesMax: number): number {
  return Math.min(2_048, Math.max(16, Math.floor(heldBytesMax / eventBytesMax)));
}

/** The same for REPLAY, where a person is behind every event: an eighth of the above. */
export function replayAckPendingMax(eventBytesMax: number): number {
  return Math.max(2, Math.floor(ackPendingMax(eventBytesMax) / 8));
}

/**
 * How many messages a pull asks for ahead. 1,000 give 1.5 times the rate of 100
 * (docs/performance.md).
 */
export function pullMessagesMax(pending: number): number {
  return Math.min(1_000, pending);
}

/**
 * How often the log hands an event out before it gives it up by an advisory.
 *
 * More than `retry.attempts`, because the log also counts what was no attempt: an event that was
 * only waiting in a worker when that was stopped or crashed. Without the spare ones five
 * deployments under load would make dead letters. The worker gives up at `retry.attempts`; the
 * advisory is for the event that takes its worker down each time.
 */
export function deliveriesMax(retry: RetryPolicy): number {
  return retry.attempts + spareDeliveries;
}

const spareDeliveries = 5;

/**
 * How long a call of `deliver` may take: ten acknowledgement waits, 5 minutes by default. Then its
 * signal is aborted and its events are tried again: a call that hangs must not keep its slot for
 * ever.
 */
export function deliverMsMax(ackWaitMs: number): number {
  return ackWaitMs * 10;
}
