import type { ConsumerInfo } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { ConsumedStream } from '../topology.ts';
import { readFilterEras, type FilterEra } from './filter-history.ts';

/**
 * The progress of a destination's consumer in a stream. Positions are sequences; 0: no message yet.
 */
export interface ConsumerPosition {
  /** The position of the last delivered message. */
  readonly deliveredUpTo: number;
  /** All messages up to this position are settled. */
  readonly settledUpTo: number;
  /** The number of messages that are delivered and not settled. */
  readonly inWork: number;
  /** The number of messages that are not delivered yet. */
  readonly waiting: number;
  /** The consumer's filter subject, which may hold wildcards; `>` matches the whole stream. */
  readonly subject: string;
  /** Pull requests that are open now, from workers that can take more. */
  readonly pulls: number;
  /**
   * The time by which the message at a position, and all before it, were settled: a Unix time in
   * ms. NATS keeps only the time of the last acknowledgement, so this is an upper bound. Undefined
   * if some of these messages are not settled yet.
   */
  readonly settledByMs: (sequence: number) => number | undefined;
  /** The destination's filters on EVENTS, oldest first; empty if none was recorded. */
  readonly filterEras: () => readonly FilterEra[];
}

/**
 * Undefined if the destination has no consumer on the stream. Rejects when the log is unreachable.
 */
export async function readConsumerPosition(
  log: Log,
  stream: ConsumedStream,
  destination: string,
): Promise<ConsumerPosition | undefined> {
  try {
    return positionOf(await clientsOf(log).manager.consumers.info(stream, destination));
  } catch (error) {
    if ((error as { code?: unknown }).code === consumerNotFound) return undefined;
    throw error;
  }
}

const consumerNotFound = 10014;

/** Reads a position from the server's information about a consumer. */
export function positionOf(info: ConsumerInfo): ConsumerPosition {
  const { delivered, ack_floor: floor, num_ack_pending: inWork } = info;
  return {
    deliveredUpTo: delivered.stream_seq,
    // With no message in work, all delivered messages are settled, but the ack floor may lag
    // behind: since 2.14.0 it does not pass a message that NATS gave up on until the next message
    // is acked.
    settledUpTo: inWork > 0 ? floor.stream_seq : delivered.stream_seq,
    inWork,
    waiting: info.num_pending,
    subject: info.config.filter_subject ?? '>',
    pulls: info.num_waiting,
    settledByMs: (sequence) => {
      if (floor.stream_seq < sequence) return undefined;
      // The client's type is wrong: the server sends RFC 3339 text.
      const timeMs = Date.parse(String(floor.last_active));
      return Number.isNaN(timeMs) ? undefined : timeMs;
    },
    filterEras: () => readFilterEras(info.config),
  };
}
