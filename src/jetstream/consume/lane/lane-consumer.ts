import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';

import { clientsOf } from '../../clients.ts';
import { otherStream } from '../../events/stream-parts.ts';
import type { Log } from '../../log.ts';
import { anyName, subjects } from '../../topology.ts';
import { consumerOf, readPartPosition, type ConsumerPosition } from '../consumer-position.ts';
import { deleteConsumer, ensureConsumer } from '../ensure-consumer.ts';

const lanePrefix = 'REDELIVERY-';

/** The name of the consumer of a lane. Destinations have no capital letters. */
export const laneConsumer = (destination: string): string => `${lanePrefix}${destination}`;

export const isLaneConsumer = (name: string): boolean => name.startsWith(lanePrefix);

export interface LaneConsumerOptions {
  /** The first position of REPLAY that the lane delivers. */
  readonly from: number;
  readonly ackWaitMs: number;
  /** How many copies may be delivered and unsettled at the same time. */
  readonly ackPendingMax: number;
}

/**
 * Creates the durable consumer of a destination's lane on REPLAY. It exists as long as a redelivery
 * does. Rejects when the log cannot be reached.
 */
export async function ensureLaneConsumer(
  log: Log,
  destination: string,
  options: LaneConsumerOptions,
): Promise<void> {
  await ensureConsumer(clientsOf(log).manager, 'REPLAY', {
    durable_name: laneConsumer(destination),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: options.from,
    ack_wait: options.ackWaitMs * 1_000_000,
    // Never given up by the log: no advisory names this consumer's destination.
    max_deliver: -1,
    max_ack_pending: options.ackPendingMax,
    filter_subject: subjects.redelivery(destination, anyName),
  });
}

/** The progress of a lane; undefined if it has no consumer. Rejects when the log is unreachable. */
export function readLanePosition(
  log: Log,
  destination: string,
): Promise<ConsumerPosition | undefined> {
  return readPartPosition(log, otherStream('REPLAY'), laneConsumer(destination));
}

/**
 * When the consumer of a lane was created, by which it differs from a later one; undefined if it does not
 * exist. Rejects when the log cannot be reached.
 */
export async function laneCreated(log: Log, destination: string): Promise<string | undefined> {
  const found = await consumerOf(clientsOf(log).manager, 'REPLAY', laneConsumer(destination));
  return found?.created;
}

/**
 * Deletes the consumer of a lane, or only the one that was created then. Succeeds if it does not
 * exist. Rejects when the log cannot be reached.
 */
export async function deleteLaneConsumer(
  log: Log,
  destination: string,
  created?: string,
): Promise<void> {
  const found = await laneCreated(log, destination);
  if (found === undefined || found !== (created ?? found)) return;
  await deleteConsumer(clientsOf(log).manager, 'REPLAY', laneConsumer(destination));
}
