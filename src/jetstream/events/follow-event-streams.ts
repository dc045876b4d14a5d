import type { JetStreamManager } from '@nats-io/jetstream';

import { earlierStream } from '../topology.ts';
import { readLayout } from './layout.ts';
import { oneAtATime } from './one-at-a-time.ts';
import {
  infoOf,
  readEventStreams,
  type EventStreamsRead,
  type StreamPart,
} from './stream-parts.ts';

/** The streams that hold the events. They change while the log is open. */
export interface EventStreams {
  /** The parts of EVENTS, in the order of their positions. */
  parts(): readonly StreamPart[];
  /** What was read last. */
  now(): EventStreamsRead;
  /** Reads again which of them exist. Rejects when the log cannot be reached. */
  refresh(): Promise<void>;
}

/** Finds the streams, and finds them again at each `refresh`. Rejects when the log cannot be reached. */
export async function findEventStreams(manager: JetStreamManager): Promise<EventStreams> {
  let now = await readEventStreams(manager);
  const read = async (): Promise<void> => {
    if (await hasChanged(manager, now)) now = await readEventStreams(manager);
  };
  return { parts: () => now.parts, now: () => now, refresh: oneAtATime(read) };
}

async function hasChanged(
  manager: JetStreamManager,
  { layoutSequence, parts }: EventStreamsRead,
): Promise<boolean> {
  if ((await readLayout(manager)).sequence !== layoutSequence) return true;
  const hadEarlier = parts.some(({ stream }) => stream === earlierStream);
  return hadEarlier && (await infoOf(manager, earlierStream)) === undefined;
}
