import { AckPolicy, DeliverPolicy, type ConsumerConfig } from '@nats-io/jetstream';

import type { WhenFull } from '../../config/config.ts';
import type { EventFilter } from '../../event/event-filter.ts';
import { canaryName } from '../../event/canary.ts';
import { clientsOf } from '../clients.ts';
import { partsOf, withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { consumedStreams, subjects, type ConsumedStream } from '../topology.ts';
import { forgetConfirmed } from '../integrity/confirmed-position.ts';
import { consumerOf } from './consumer-position.ts';
import { readFilterEras } from './filter-history.ts';
import { deleteConsumer, ensureConsumer } from './ensure-consumer.ts';
import { forgetCopies } from './copies/forget-copies.ts';
import { deliverFrom, forgetStart, type StartPosition } from './start-position.ts';
import { forgetJobEntry } from './lane/job-entry.ts';
import { forgetPause } from './pause/pause-entry.ts';
import { deleteLaneConsumer } from './lane/lane-consumer.ts';
import { deleteLaneCopies } from './lane/lane-copies.ts';

export interface ConsumerOptions {
  /** Deliveries of one message before NATS gives up and sends an advisory; -1: no limit. */
  readonly attempts: number;
  readonly ackWaitMs: number;
  /** How many messages may be delivered and unsettled at the same time. */
  readonly ackPendingMax: number;
  /** Recorded with the consumer: it holds for a destination that is removed, too. */
  readonly whenFull?: WhenFull;
  /** Where the log begins to deliver events. Default: with the first. */
  readonly start?: StartPosition | undefined;
}

/**
 * Creates the durable consumer of a destination on a part of a stream, or updates its settings. The
 * log delivers the messages of EVENTS from `start` on, and this destination's messages of REPLAY,
 * RETRY and ASIDE. Rejects when the log cannot be reached.
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
export const ownerKey = 'headgate-consumer-of';
const whenFullKey = 'headgate-when-full';

function settingsOf(
  stream: ConsumedStream,
  part: StreamPart,
  destination: string,
  options: ConsumerOptions,
): Partial<ConsumerConfig> {
  return {
    durable_name: destination,
    metadata: {
      [ownerKey]: destination,
      ...(options.whenFull === undefined ? {} : { [whenFullKey]: options.whenFull }),
    },
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
    ...(stream === 'EVENTS' ? {} : { filter_subject: ownSubjects(stream, destination) }),
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

/**
 * Whether a destination has a consumer, also one that the configuration no longer names; not the canary, nor
 * consumers of other programs. Rejects when the log cannot be reached, or a consumer of this name not now.
 */
export async function hasDestinationConsumer(log: Log, name: string): Promise<boolean> {
  if (name === canaryName) return false;
  const { manager } = clientsOf(log);
  for (const stream of consumedStreams) {
    for (const part of partsOf(log, stream)) {
      const found = await consumerOf(manager, part.stream, name);
      if (found !== undefined && isOfDestination(stream, name, found.config)) return true;
    }
  }
  return false;
}

/**
 * When the consumer of a destination on REPLAY was created: with the destination, and again if it was removed and
 * added. Undefined if nothing that is replayed would be delivered. Rejects when the log cannot be reached.
 */
export async function replayedSince(log: Log, destination: string): Promise<number | undefined> {
  const [part] = partsOf(log, 'REPLAY');
  const found = await consumerOf(clientsOf(log).manager, part!.stream, destination);
  return found === undefined ? undefined : Date.parse(found.created);
}

/** The messages of one destination in a stream that several share. */
export function ownSubjects(
  stream: Exclude<ConsumedStream, 'EVENTS'>,
  destination: string,
): string {
  const of = {
    REPLAY: subjects.replayOf(destination),
    RETRY: subjects.retryOf(destination),
    ASIDE: subjects.asideOf(destination),
  };
  return of[stream];
}

/** What was configured when a worker last started; `aside` for consumers of earlier versions. */
function whenFullOf({ metadata }: Pick<ConsumerConfig, 'metadata'>): WhenFull {
  return metadata?.[whenFullKey] === 'hold' ? 'hold' : 'aside';
}

/** What a process needs to know of a consumer of EVENTS whose destination it does not configure. */
export interface RemovedConsumer {
  readonly whenFull: WhenFull;
  /** Whether a worker of another process pulls through it. */
  readonly hasWorker: boolean;
  /** The last filter of the destination; undefined if none was recorded. */
  readonly filter: EventFilter | undefined;
}

/** Undefined if it is no consumer of a destination. Rejects when the log cannot be reached. */
export async function readRemovedConsumer(
  log: Log,
  part: StreamPart,
  destination: string,
): Promise<RemovedConsumer | undefined> {
  // Consumers of other programs on our streams are not ours to move.
  if (!(await listConsumingDestinations(log)).includes(destination)) return undefined;
  const info = await consumerOf(clientsOf(log).manager, part.stream, destination);
  if (info === undefined) return undefined;
  return {
    whenFull: whenFullOf(info.config),
    hasWorker: info.num_waiting > 0,
    filter: readFilterEras(info.config).at(-1),
  };
}

/**
 * Whether a consumer is that of a destination, rather than one of another program. A destination of an
 * earlier version shows by its consumers on REPLAY and RETRY.
 */
export function isOfDestination(
  stream: ConsumedStream,
  name: string,
  config: ConsumerConfig,
): boolean {
  if (config.metadata?.[ownerKey] === name) return true;
  if (stream === 'EVENTS') return false;
  return config.durable_name === name && config.filter_subject === ownSubjects(stream, name);
}

/**
 * Deletes the consumers of a destination and their positions, its messages in REPLAY, RETRY and ASIDE,
 * and its redelivery. Events that waited for this destination no longer wait, and none comes again if
 * it is added later. Rejects when the log cannot be reached.
 */
export async function deleteDestinationConsumers(log: Log, destination: string): Promise<void> {
  const { manager } = clientsOf(log);
  await forgetStart(log, destination);
  for (const stream of consumedStreams) {
    await withParts(log, stream, async () => {
      for (const part of partsOf(log, stream)) {
        if (stream === 'EVENTS') await forgetConfirmed(log, part, destination);
        // First the messages: if that fails, the destination can still be removed once more.
        else await forgetCopies(log, stream, ownSubjects(stream, destination));
        await deleteConsumer(manager, part.stream, destination);
      }
    });
  }
  await deleteLaneConsumer(log, destination);
  await deleteLaneCopies(log, destination);
  await forgetJobEntry(log, destination);
  await forgetPause(log, destination);
}
