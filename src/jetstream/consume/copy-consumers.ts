import {
  DeliverPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
} from '@nats-io/jetstream';

import { canaryName } from '../../event/canary.ts';
import { eventPosition } from '../events/event-position.ts';
import { isStreamNotFound, type PartitionLayout } from '../events/layout.ts';
import { partitionStream } from '../topology.ts';
import { ownerKey } from './destination-consumer.ts';
import { addConsumerIfMissing } from './ensure-consumer.ts';
import { continuedMetadata } from './filter-history.ts';

/**
 * Creates the consumers of destinations on new partitions, before these take events: a destination
 * whose worker is away now, or that is no longer configured, holds its events there as it did before.
 * Rejects when the log cannot be reached.
 */
export async function copyConsumers(
  manager: JetStreamManager,
  { open, closed: [replaced = []] }: PartitionLayout,
): Promise<void> {
  const configs = new Map<string, ConsumerConfig>();
  for (const partition of replaced) {
    for (const { name, config } of await consumersOn(manager, partition)) {
      if (config.metadata?.[ownerKey] === name) configs.set(name, config);
    }
  }
  for (const partition of open) {
    const stream = partitionStream(partition);
    for (const [name, config] of configs) {
      await addConsumerIfMissing(manager, stream, copyOf(name, config, partition));
    }
  }
}

async function consumersOn(manager: JetStreamManager, partition: number): Promise<ConsumerInfo[]> {
  try {
    const found: ConsumerInfo[] = [];
    for await (const one of manager.consumers.list(partitionStream(partition))) found.push(one);
    return found;
  } catch (error) {
    if (isStreamNotFound(error)) return [];
    throw error;
  }
}

function copyOf(name: string, config: ConsumerConfig, partition: number): Partial<ConsumerConfig> {
  const { ack_policy, ack_wait, max_deliver, max_ack_pending, filter_subject } = config;
  return {
    durable_name: name,
    deliver_policy: name === canaryName ? DeliverPolicy.New : DeliverPolicy.All,
    metadata: continuedMetadata(config, eventPosition(partition, 1)),
    ack_policy,
    ...(ack_wait !== undefined && { ack_wait }),
    ...(max_deliver !== undefined && { max_deliver }),
    ...(max_ack_pending !== undefined && { max_ack_pending }),
    ...(filter_subject !== undefined && { filter_subject }),
  };
}
