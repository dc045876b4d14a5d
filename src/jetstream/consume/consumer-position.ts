import type { ConsumerInfo } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { ConsumedStream } from '../topology.ts';
import { readFilterEras, type FilterEra } from './filter-history.ts';

/** Where the consumer of a destination is in a stream. Positions are sequences; 0: at no message yet. */
export interface ConsumerPosition {
  /** The last message that was delivered. */
  readonly deliveredUpTo: number;
  /** All messages up to here are settled. */
  readonly settledUpTo: number;
  /** Messages that were delivered and are not settled. */
  readonly inWork: number;
  /** Messages that were not delivered yet. */
  readonly waiting: number;
  /** The subject that the consumer sees, which may hold wildcards; `>` is all of the stream. */
  readonly subject: string;
  /** Workers that ask for more just now. */
  readonly pulls: number;
  /**
   * By when the message at a position, and all before it, were settled: a Unix time in ms. The log
   * keeps the time of the last acknowledgement alone, so this is the latest that it can have been.
   * Undefined: they are not all settled yet.
   */
  readonly settledByMs: (sequence: number) => number | undefined;
  /** On EVENTS: what the destination wanted, oldest first; empty where nothing was recorded. */
  readonly filterEras: () => readonly FilterEra[];
}

/** Undefined: the destination has no consumer there. Rejects when the log cannot be reached. */
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

/** Reads what the server says of a consumer. */
export function positionOf(info: ConsumerInfo): ConsumerPosition {
  const { delivered, ack_floor: floor, num_ack_pending: inWork } = info;
  return {
    deliveredUpTo: delivered.stream_seq,
    // With nothing in work all that was delivered is settled, and the ack floor may lag behind it:
    // since 2.14.0 it does not move past an event that was given up until the next one is acked.
    settledUpTo: inWork > 0 ? floor.stream_seq : delivered.stream_seq,
    inWork,
    waiting: info.num_pending,
    subject: info.config.filter_subject ?? '>',
    pulls: info.num_waiting,
    settledByMs: (sequence) => {
      if (floor.stream_seq < sequence) return undefined;
      // The server writes RFC 3339, whatever the client's type says.
      const timeMs = Date.parse(String(floor.last_active));
      return Number.isNaN(timeMs) ? undefined : timeMs;
    },
    filterEras: () => readFilterEras(info.config),
  };
}
