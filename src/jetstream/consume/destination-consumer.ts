import { AckPolicy, DeliverPolicy, type ConsumerConfig } from '@nats-io/jetstream';

import { canaryName, canarySubject } from '../../event/canary.ts';
import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { consumedStreams, subjects, type ConsumedStream } from '../topology.ts';
import { readConsumerPosition } from './consumer-position.ts';
import { ensureConsumer } from './ensure-consumer.ts';

export interface ConsumerOptions {
  /** Deliveries of one message before the log gives it up by an advisory; -1: never. */
  readonly attempts: number;
  readonly ackWaitMs: number;
  /** Messages that may be delivered and not settled at once. */
  readonly ackPendingMax: number;
}

/**
 * Makes the durable consumer of a destination on a stream, or brings its settings up to date. The
 * log delivers from the first message on: of REPLAY and RETRY those of this destination, of EVENTS
 * all. Rejects when the log cannot be reached.
 */
export async function ensureDestinationConsumer(
  log: Log,
  stream: ConsumedStream,
  destination: string,
  options: ConsumerOptions,
): Promise<void> {
  await ensureConsumer(clientsOf(log).manager, stream, settingsOf(stream, destination, options));
}

function settingsOf(
  stream: ConsumedStream,
  destination: string,
  options: ConsumerOptions,
): Partial<ConsumerConfig> {
  return {
    durable_name: destination,
    ack_policy: AckPolicy.Explicit,
    // Heartbeats that are older than the canary's consumer count for nothing.
    deliver_policy: destination === canaryName ? DeliverPolicy.New : DeliverPolicy.All,
    // `backoff` stays unset: a delay of nak() is added to it, so the delay is ours to compute.
    ack_wait: options.ackWaitMs * 1_000_000,
    max_deliver: options.attempts,
    max_ack_pending: options.ackPendingMax,
    ...(destination === canaryName && stream === 'EVENTS' ? { filter_subject: canarySubject } : {}),
    ...(stream === 'REPLAY' ? { filter_subject: subjects.replay(destination, '>') } : {}),
    ...(stream === 'RETRY' ? { filter_subject: subjects.retry(destination, '>') } : {}),
  };
}

/**
 * The names of all destinations that have a consumer, in order, whether the configuration names them
 * or not. The canary is not one of them. Rejects when the log cannot be reached.
 */
export async function listConsumingDestinations(log: Log): Promise<string[]> {
  const { manager } = clientsOf(log);
  const names = new Set<string>();
  for (const stream of consumedStreams) {
    for await (const { name } of manager.consumers.list(stream)) names.add(name);
  }
  names.delete(canaryName);
  return [...names].sort();
}

/**
 * Deletes the consumers of a destination, and with them its positions: what waited for it no longer
 * does. Rejects when the log cannot be reached.
 */
export async function deleteDestinationConsumers(log: Log, destination: string): Promise<void> {
  for (const stream of consumedStreams) {
    if ((await readConsumerPosition(log, stream, destination)) === undefined) continue;
    await clientsOf(log).manager.consumers.delete(stream, destination);
  }
}
