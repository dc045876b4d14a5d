import type { ConsumerInfo } from '@nats-io/jetstream';

export type { ConsumerInfo } from '@nats-io/jetstream';

import { canaryName } from '../../event/canary.ts';
import type { Log } from '../open-log.ts';
import { readNext } from '../read/read.ts';
import { placeStreams, type PlaceStream } from '../topology.ts';

/** What waits for a destination, in whichever stream. */
export interface Backlog {
  readonly waiting: number;
  /** When the log took the oldest of them; 0 when none waits. */
  readonly oldestMs: number;
  /** Workers that ask for more just now. */
  readonly pulls: number;
}

/** Undefined: the destination has no place in the log. */
export async function readBacklog(log: Log, destination: string): Promise<Backlog | undefined> {
  const found = await Promise.all(placeStreams.map((stream) => readOne(log, stream, destination)));
  const backlogs = found.filter((one) => one !== undefined);
  if (backlogs.length === 0) return undefined;
  const oldest = backlogs.filter(({ oldestMs }) => oldestMs > 0).map(({ oldestMs }) => oldestMs);
  return {
    waiting: backlogs.reduce((sum, { waiting }) => sum + waiting, 0),
    oldestMs: oldest.length === 0 ? 0 : Math.min(...oldest),
    pulls: backlogs.reduce((sum, { pulls }) => sum + pulls, 0),
  };
}

async function readOne(
  log: Log,
  stream: PlaceStream,
  destination: string,
): Promise<Backlog | undefined> {
  const info = await readConsumer(log, stream, destination);
  if (info === undefined) return undefined;
  const waiting = info.num_pending + info.num_ack_pending;
  if (waiting === 0) return { waiting, oldestMs: 0, pulls: info.num_waiting };
  const subject = info.config.filter_subject ?? '>';
  const oldest = await readNext(log, stream, settledUpTo(info) + 1, subject);
  return { waiting, oldestMs: oldest?.storedAtMs ?? 0, pulls: info.num_waiting };
}

/** Undefined: there is none. Rejects where the log cannot be asked. */
export async function readConsumer(
  log: Log,
  stream: PlaceStream,
  consumer: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await log.manager.consumers.info(stream, consumer);
  } catch (error) {
    if ((error as { code?: unknown }).code === consumerNotFound) return undefined;
    throw error;
  }
}

const consumerNotFound = 10014;

/**
 * The last message before which all are settled. With nothing handed out that is all that was
 * delivered: the ack floor may lag behind it, since 2.14.0 does not move it past an event that was
 * given up until the next one is acked.
 */
export function settledUpTo(info: ConsumerInfo): number {
  return info.num_ack_pending > 0 ? info.ack_floor.stream_seq : info.delivered.stream_seq;
}

/**
 * By when everything up to the ack floor was settled: a Unix time in ms. The log keeps the time of the
 * last ack alone, so it is the latest that it can have been. Undefined: the floor is not there yet.
 */
export function settledByMs({ ack_floor }: ConsumerInfo, sequence: number): number | undefined {
  if (ack_floor.stream_seq < sequence) return undefined;
  // The server writes RFC 3339, whatever the client's type says.
  const timeMs = Date.parse(String(ack_floor.last_active));
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** Every destination that has a place in the log, whether it is configured or not. Heartbeats have none. */
export async function listPlaces(log: Log): Promise<string[]> {
  const names = new Set<string>();
  for (const stream of placeStreams) {
    for await (const { name } of log.manager.consumers.list(stream)) names.add(name);
  }
  names.delete(canaryName);
  return [...names].sort();
}

/** Takes a destination's place in the log away. */
export async function deletePlace(log: Log, destination: string): Promise<void> {
  for (const stream of placeStreams) {
    if ((await readConsumer(log, stream, destination)) === undefined) continue;
    await log.manager.consumers.delete(stream, destination);
  }
}
