import { isDeepStrictEqual } from 'node:util';

import type { ConsumerConfig, JetStreamManager } from '@nats-io/jetstream';

import { retryWhileForming } from '../server/retry-forming.ts';
import type { StoredStreamName } from '../topology.ts';
import { consumerOf } from './consumer-position.ts';

/**
 * Creates a durable consumer, or updates the settings of the existing one. Waits for a cluster that
 * is just forming.
 */
export function ensureConsumer(...given: Parameters<typeof createOrUpdate>): Promise<void> {
  return retryWhileForming(() => createOrUpdate(...given));
}

async function createOrUpdate(
  manager: JetStreamManager,
  stream: StoredStreamName,
  settings: Partial<ConsumerConfig>,
): Promise<void> {
  const name = settings.durable_name!;
  const current = await consumerOf(manager, stream, name);
  if (current === undefined) {
    await manager.consumers.add(stream, settings);
    return;
  }
  // Where it starts and how it is acknowledged never changes.
  const {
    deliver_policy: _policy,
    opt_start_seq: _start,
    ack_policy: _ack,
    ...changeable
  } = settings;
  // The metadata also has what other functions recorded there.
  const metadata = { ...current.config.metadata, ...settings.metadata };
  const wanted = { ...changeable, metadata };
  // A write that changes nothing could undo what another process records there at the same time.
  if (isIn(current.config, wanted)) return;
  await manager.consumers.update(stream, name, wanted);
}

function isIn(config: ConsumerConfig, settings: Partial<ConsumerConfig>): boolean {
  return isDeepStrictEqual({ ...config, ...settings }, config);
}
