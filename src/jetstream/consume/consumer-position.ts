import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import { partsOf, withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import { partitionOf, sequenceIn } from '../events/event-position.ts';
import type { Log } from '../log.ts';
import type { ConsumedStream } from '../topology.ts';
import { readFilterEras, type FilterEra } from './filter-history.ts';

/**
 * The progress of a destination's consumer in a stream of NATS. Positions are those of the log's
 * stream (read/read.ts); one before the first: no message yet.
 */
export interface ConsumerPosition {
  /** Whether a position of the log's stream is one of this stream of NATS. */
  readonly covers: (position: number) => boolean;
  /** The position of the last delivered message. */
  readonly deliveredUpTo: number;
  /** All messages up to this position are settled. */
  readonly settledUpTo: number;
  /** The number of messages that are delivered and not settled. */
  readonly inWork: number;
  /**
   * The number of messages that are not delivered yet. It may be late: `readFirstUnsettled` says
   * what may be deleted.
   */
  readonly waiting: number;
  /**
   * The consumer's filter subjects, as its stream of NATS has them. They may hold wildcards; `>`
   * matches the whole stream.
   */
  readonly subjects: readonly string[];
  /** Pull requests that are open now, from workers that can take more. */
  readonly pulls: number;
  /**
   * The time by which the message at a position, and all before it, were settled: a Unix time in
   * ms. NATS keeps only the time of the last acknowledgement, so this is an upper bound. Undefined
   * if some of these messages are not settled yet, or if NATS was started since the last
   * acknowledgement: it keeps the time in memory only.
   */
  readonly settledByMs: (sequence: number) => number | undefined;
  /** The destination's filters on EVENTS, oldest first; empty if none was recorded. */
  readonly filterEras: () => readonly FilterEra[];
}

/**
 * Undefined if the destination has no consumer on the stream. Rejects when the log is unreachable.
 * A destination has several on EVENTS: see `readEventPositions`.
 */
export async function readConsumerPosition(
  log: Log,
  stream: Exclude<ConsumedStream, 'EVENTS'>,
  destination: string,
): Promise<ConsumerPosition | undefined> {
  return readPartPosition(log, partsOf(log, stream)[0]!, destination);
}

/**
 * The progress of a destination on every stream of NATS that holds events, in the order of their
 * positions; empty if it has no consumer on any. Rejects when the log is unreachable.
 */
export function readEventPositions(log: Log, destination: string): Promise<ConsumerPosition[]> {
  return withParts(log, 'EVENTS', async (parts) => {
    const positions = await Promise.all(
      parts.map((part) => readPartPosition(log, part, destination)),
    );
    return positions.filter((position) => position !== undefined);
  });
}

/** The progress on one stream of NATS; undefined if the destination has no consumer on it. */
export async function readPartPosition(
  log: Log,
  part: StreamPart,
  destination: string,
): Promise<ConsumerPosition | undefined> {
  const info = await consumerOf(clientsOf(log).manager, part.stream, destination);
  return info === undefined ? undefined : positionOf(info, part);
}

/** Undefined if the stream has no such consumer. */
export async function consumerOf(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name);
  } catch (error) {
    if ((error as { code?: unknown }).code === consumerNotFound) return undefined;
    throw error;
  }
}

/** JetStream's code of an error. */
export const consumerNotFound = 10014;

/** Reads a position from the server's information about a consumer of a part. */
export function positionOf(info: ConsumerInfo, part: StreamPart): ConsumerPosition {
  const { delivered, ack_floor: floor, num_ack_pending: inWork } = info;
  // On a cluster, the positions of a consumer that has delivered nothing are 0.
  const before = Math.max(part.from, info.config.opt_start_seq ?? 0) - 1;
  const at = (sequence: number): number => part.position(Math.max(sequence, before));
  return {
    covers: (position) =>
      partitionOf(position) === part.partition && sequenceIn(position) >= part.from,
    deliveredUpTo: at(delivered.stream_seq),
    // With no message in work, all delivered messages are settled, but the ack floor may lag
    // behind: since 2.14.0 it does not pass a message that NATS gave up on until the next message
    // is acked.
    settledUpTo: at(inWork > 0 ? floor.stream_seq : delivered.stream_seq),
    inWork,
    waiting: info.num_pending,
    subjects: filtersOf(info),
    pulls: info.num_waiting,
    settledByMs: (position) => {
      if (at(floor.stream_seq) < position) return undefined;
      // The client's type is wrong: the server sends RFC 3339 text.
      const timeMs = Date.parse(String(floor.last_active));
      return Number.isNaN(timeMs) ? undefined : timeMs;
    },
    filterEras: () => readFilterEras(info.config),
  };
}

function filtersOf({ config }: ConsumerInfo): readonly string[] {
  const { filter_subject: one, filter_subjects: several = [] } = config;
  return several.length > 0 ? several : [one ?? '>'];
}

/** The position of a destination's consumer that covers an event; undefined if no consumer covers it. */
export function positionAt(
  positions: readonly ConsumerPosition[],
  event: number,
): ConsumerPosition | undefined {
  return positions.findLast((position) => position.covers(event));
}
