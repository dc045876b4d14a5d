import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';

import { retryWhileForming } from '../server/retry-forming.ts';
import type { StoredStreamName } from '../topology.ts';
import { consumerNotFound, consumerOf } from './consumer-position.ts';

type Settings = Partial<ConsumerConfig>;

/**
 * Creates a durable consumer, or updates the settings of the existing one. Other processes may do the
 * same at the same time, with other settings, or remove it. Waits for a cluster that is just forming.
 */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: StoredStreamName,
  settings: Settings,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const found = await addConsumerIfMissing(manager, stream, settings);
    if (found === undefined) return;
    try {
      await retryWhileForming(() => update(manager, stream, found, settings));
      return;
    } catch (error) {
      // Another process has removed it since it was found.
      if (!missingCodes.has(codeOf(error)) || tries === triesMax) throw error;
    }
  }
}

/**
 * Creates a durable consumer unless one of this name exists; resolves to that one, as it was before.
 * Waits for a cluster that is just forming.
 */
export async function addConsumerIfMissing(
  manager: JetStreamManager,
  stream: StoredStreamName,
  settings: Settings,
): Promise<ConsumerInfo | undefined> {
  for (let tries = 1; ; tries += 1) {
    const found = await retryWhileForming(() =>
      consumerOf(manager, stream, settings.durable_name!),
    );
    if (found !== undefined) return found;
    try {
      await retryWhileForming(() => manager.consumers.add(stream, settings));
      return undefined;
    } catch (error) {
      // Another process was faster. Its consumer has other settings by now, such as a recorded filter:
      // the log lets only equal ones be created twice.
      if (!existingCodes.has(codeOf(error)) || tries === triesMax) throw error;
      // In a cluster, it may have no leader yet.
      await sleep(pauseMs);
    }
  }
}

/** Deletes a consumer. Succeeds if it does not exist: another process may delete it at the same time. */
export async function deleteConsumer(
  manager: JetStreamManager,
  stream: StoredStreamName,
  name: string,
): Promise<void> {
  try {
    await manager.consumers.delete(stream, name);
  } catch (error) {
    if (!missingCodes.has(codeOf(error))) throw error;
  }
}

/** More than processes that create and remove a consumer at the same time. */
const triesMax = 10;
const pauseMs = 50;

/** What JetStream says to one who creates a consumer that exists: the error codes of nats-server 2.10 to 2.14. */
const existingCodes = new Set<unknown>([
  10_013, // consumer name already in use
  10_105, // consumer already exists and is still active
  10_148, // consumer already exists
]);

/** What JetStream says to one who updates or deletes a consumer that does not exist. */
const missingCodes = new Set<unknown>([
  consumerNotFound,
  10_149, // consumer does not exist
]);

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

async function update(
  manager: JetStreamManager,
  stream: StoredStreamName,
  current: ConsumerInfo,
  settings: Settings,
): Promise<void> {
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
  await manager.consumers.update(stream, settings.durable_name!, wanted);
}

function isIn(config: ConsumerConfig, settings: Settings): boolean {
  return isDeepStrictEqual({ ...config, ...settings }, config);
}
