import type { RetryPolicy } from '../config/config.ts';
import type { ConsumedStream } from '../jetstream/topology.ts';

const MiB = 1024 * 1024;

/** The payloads of all events that the workers of a process hold. */
const processHeldBytesMax = 128 * MiB;
/** The least for one destination, however many there are. */
const destinationHeldBytesMin = 8 * MiB;

/**
 * The payload bytes that one destination may hold. Each has a share of its own, so that one that is
 * away does not slow another.
 *
 * An event exists several times while it is delivered: as it arrived, as text, and as a request or
 * a copy for a thread. So a process with full shares needs about 1 GiB, and never more than 1.5 GiB
 * (test/crash/large-events.test.ts).
 */
export function heldBytesMaxOf(destinations: number): number {
  return Math.max(destinationHeldBytesMin, Math.floor(processHeldBytesMax / destinations));
}

/** The stream of a held event, or the lane of redelivered events. */
export type HeldFrom = ConsumedStream | 'lane';

/** The parts of a destination's bytes: people and failures must not wait for new events. */
export function heldBytesOf(heldBytesMax: number): Readonly<Record<HeldFrom, number>> {
  const part = Math.floor(heldBytesMax / 8);
  const half = Math.floor(part / 2);
  return { EVENTS: heldBytesMax - 3 * part, REPLAY: half, lane: half, RETRY: part, ASIDE: part };
}

/** The payload bytes of one call of `deliver`; more in one call gain nothing. */
export const batchBytesMax = 8 * MiB;

/**
 * How many events of EVENTS the log delivers before it waits until one is settled. A worker holds
 * at most this many events, and at most `heldBytesOf` bytes of them.
 *
 * Next to a gate under full load, an event takes 70 ms from the log to the warehouse and back to
 * its acknowledgement: with 2,048 the warehouse took 30,000 of 43,000 events/s, with 4,096 it took
 * 38,000 of 41,000, and 8,192 gained nothing. Events that wait for their next attempt count towards
 * this limit; with a lower one, a few bad events could block the rest.
 */
export const ackPendingMax = 4_096;

/** The same for REPLAY, where a person requested every event: an eighth of the limit of EVENTS. */
export const replayAckPendingMax = ackPendingMax / 8;

/** The same for the lane of redelivered events: at 100 ms in the worker, 5,000 a second. */
export const laneAckPendingMax = replayAckPendingMax;

/**
 * The most events of a call of redelivered events: where calls run one at a time, a fresh event waits
 * for one such call. A database takes 10 to 20 ms for it.
 */
export const laneBatchEventsMax = 256;

/** While fresh events wait, redelivered ones get one call after this many of theirs. */
export const freshCallsPerTurn = 3;

/** While so many fresh events wait in the worker, redelivered ones get no call. */
export const freshBacklogMax = 1_024;

/**
 * How many events of RETRY the log tracks at once until they are due. Each takes about 100 bytes of
 * the server's memory, and none of the worker's. Further events wait in the stream untracked, and
 * may therefore come late.
 */
export const delayedEventsMax = 50_000;

/** How many due events of RETRY a worker holds: as many as of REPLAY. */
export const retriedMax = replayAckPendingMax;

/** How many events of ASIDE the log delivers, and a worker holds, at once. */
export const asideAckPendingMax = ackPendingMax / 4;

/**
 * The longest delay for which an event stays an unsettled delivery and occupies a slot that others
 * wait for. For a longer delay a copy in RETRY is worth its cost.
 */
export const inPlaceDelayMsMax = 2_000;

/**
 * How many messages a pull requests ahead. 1,000 give 1.5 times the rate of 100
 * (docs/understand/hot-path.md). They arrive together, and hold up the event loop for some 10 ms while a
 * backlog drains; so while the process takes events they are fewer, for a seventh more CPU.
 */
export function pullMessagesMax(pending: number, isTaking: boolean): number {
  return Math.min(isTaking ? 200 : 1_000, pending);
}

/**
 * How often an event is delivered before its worker runs it alone (`HeldEvent.exclusive`): more
 * than `retry.attempts`, because stops and outages add deliveries, too.
 */
export function trustedDeliveriesMax(retry: RetryPolicy): number {
  return retry.attempts + 5;
}

/**
 * How often the log delivers an event before it gives the event up with an advisory. Far above
 * `retry.attempts`: the log counts deliveries, and each restart of a worker during an outage is
 * one. Only an event that is never tried reaches the advisory; at a restart every 2 s 30,000 last
 * 16 hours.
 */
export function deliveriesMax(retry: RetryPolicy): number {
  return retry.attempts + 30_000;
}

/**
 * How long a call of `deliver` may take: ten acknowledgement waits, 5 minutes by default. Then the
 * worker aborts its signal and tries its events again: a hanging call must not keep its slot
 * forever.
 */
export function deliverMsMax(ackWaitMs: number): number {
  return ackWaitMs * 10;
}
