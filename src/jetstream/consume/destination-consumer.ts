import { AckPolicy, DeliverPolicy, type ConsumerConfig } from '@nats-io/jetstream';

import { canaryName } from '../../event/canary.ts';
import { clientsOf } from '../clients.ts';
import { partsOf, withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { consumedStreams, subjects, type ConsumedStream } from '../topology.ts';
import { forgetConfirmed } from '../integrity/confirmed-position.ts';
import { consumerOf } from './consumer-position.ts';
import { ensureConsumer } from './ensure-consumer.ts';
import { deliverFrom, forgetStart, type StartPosition } from './start-position.ts';
import { forgetJobEntry } from './lane/job-entry.ts';
import { deleteLaneConsumer } from './lane/lane-consumer.ts';
import { deleteLaneCopies } from './lane/lane-copies.ts';

export interface ConsumerOptions {
  /** Deliveries of one message before NATS gives up and sends an advisory; -1: no limit. */
  readonly attempts: number;
  readonly ackWaitMs: number;
  /** How many messages may be delivered and unsettled at the same time. */
  readonly ackPendingMax: number;
  /** Where the log begins to deliver events. Default: with the first. */
  readonly start?: StartPosition | undefined;
}

/**
 * Creates the durable consumer of a destination on a part of a stream, or updates its settings. The
 * log delivers the messages of EVENTS from `start` on, and this destination's messages of REPLAY and
 * RETRY. Rejects when the log cannot be reached.
 */
export async function ensureDestinationConsumer(
  log: Log,
  stream: ConsumedStream,
  destination: string,
  options: ConsumerOptions,
  part: StreamPart = partsOf(log, stream)[0]!,
): Promise<void> {
  const settings = settingsOf(stream, part, destination, options);
  await ensureConsumer(clientsOf(log).manager, part.stream, settings);
}

/** In the metadata of a consumer: whose it is. Consumers of earlier versions lack it. */
const ownerKey = 'headgate-consumer-of';

function settingsOf(
  stream: ConsumedStream,
  part: StreamPart,
  destination: string,
  options: ConsumerOptions,
): Partial<ConsumerConfig> {
  return {
    durable_name: destination,
    metadata: { [ownerKey]: destination },
    ack_policy: AckPolicy.Explicit,
    // The canary skips heartbeats that are older than its consumer.
    deliver_policy: destination === canaryName ? DeliverPolicy.New : DeliverPolicy.All,
    ...(stream === 'EVENTS' && options.start !== undefined ? deliverFrom(options.start, part) : {}),
    // `backoff` stays unset because NATS adds the delay of nak() to it. We compute the whole delay.
    ack_wait: options.ackWaitMs * 1_000_000,
    max_deliver: options.attempts,
    max_ack_pending: options.ackPendingMax,
    ...(destination === canaryName && stream === 'EVENTS'
      ? { filter_subject: part.subject(subjects.eventsOf(canaryName, canaryName)) }
      : {}),
    ...(stream === 'REPLAY' ? { filter_subject: subjects.replay(destination, '>') } : {}),
    ...(stream === 'RETRY' ? { filter_subject: subjects.retry(destination, '>') } : {}),
  };
}

/**
 * The sorted names of all destinations that have a consumer, including destinations that the
 * configuration no longer names, without the canary. Consumers of other programs on our streams are
 * not among them. Rejects when the log cannot be reached.
 */
export async function listConsumingDestinations(log: Log): Promise<string[]> {
  const { manager } = clientsOf(log);
  const names = new Set<string>();
  for (const stream of consumedStreams) {
    await withParts(log, stream, async () => {
      for (const part of partsOf(log, stream)) {
        for await (const { name, config } of manager.consumers.list(part.stream)) {
          if (isOfDestination(stream, name, config)) names.add(name);
        }
      }
    });
  }
  names.delete(canaryName);
  return [...names].sort();
}

/** A destination of an earlier version shows by its consumers on REPLAY and RETRY. */
function isOfDestination(stream: ConsumedStream, name: string, config: ConsumerConfig): boolean {
  if (config.metadata?.[ownerKey] === name) return true;
  if (stream === 'EVENTS') return false;
  const subject = stream === 'REPLAY' ? subjects.replay(name, '>') : subjects.retry(name, '>');
  return config.durable_name === name && config.filter_subject === subject;
}

/**
 * Deletes the consumers of a destination and their positions, and its redelivery. Events that waited for this
 * destination no longer wait. Rejects when the log cannot be reached.
 */
export async function deleteDestinationConsumers(log: Log, destination: string): Promise<void> {
  const { manager } = clientsOf(log);
  await forgetStart(log, destination);
  for (const stream of consumedStreams) {
    await withParts(log, stream, async () => {
      for (const part of partsOf(log, stream)) {
        if (stream === 'EVENTS') await forgetConfirmed(log, part, destination);
        const found = await consumerOf(manager, part.stream, destination);
        if (found !== undefined) await manager.consumers.delete(part.stream, destination);
      }
    });
  }
  await deleteLaneConsumer(log, destination);
  await deleteLaneCopies(log, destination);
  await forgetJobEntry(log, destination);
}
