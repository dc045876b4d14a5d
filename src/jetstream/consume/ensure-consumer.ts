import type { ConsumerConfig, JetStreamManager } from '@nats-io/jetstream';

import type { StoredStreamName } from '../topology.ts';

/** Creates a durable consumer, or updates the settings of the existing one. */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: StoredStreamName,
  settings: Partial<ConsumerConfig>,
): Promise<void> {
  const name = settings.durable_name!;
  const current = await manager.consumers.info(stream, name).catch(() => undefined);
  if (current === undefined) {
    await manager.consumers.add(stream, settings);
    return;
  }
  const { deliver_policy: _fixed, ack_policy: _alsoFixed, ...changeable } = settings;
  await manager.consumers.update(stream, name, changeable);
}
