import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

import {
  earlierStream,
  partitionStream,
  type StoredStreamName,
  type StreamName,
} from '../topology.ts';
import { eventPosition, sequenceIn } from './event-position.ts';

/** A stream of NATS, as a part of one of the log's streams. All but EVENTS have one part. */
export interface StreamPart {
  /** The name that NATS knows. */
  readonly stream: StoredStreamName;
  readonly partition: number;
  /** The first sequence that it can hold. */
  readonly from: number;
  /** Positions of the log's stream from sequences of this part, and back. */
  position(sequence: number): number;
  sequence(position: number): number;
  /** The part's own form of a subject of `topology.ts`, which may hold wildcards. */
  subject(subject: string): string;
}

/** The parts of EVENTS, in the order of their positions. */
export interface EventStreams {
  parts(): readonly StreamPart[];
  /** Reads again which of them exist. Rejects when the log cannot be reached. */
  refresh(): Promise<void>;
}

/** How many partitions there are. */
export const partitions = 1;

/**
 * Finds the streams that hold the events: one for each partition, and the stream of a release
 * without partitions, as long as it exists. Its events come before those of partition 0, and their
 * sequences are lower. Rejects when the log cannot be reached.
 */
export async function findEventStreams(manager: JetStreamManager): Promise<EventStreams> {
  let parts = await findParts(manager);
  return {
    parts: () => parts,
    refresh: async () => {
      parts = await findParts(manager);
    },
  };
}

async function findParts(manager: JetStreamManager): Promise<StreamPart[]> {
  const parts: StreamPart[] = [];
  const earlier = await infoOf(manager, earlierStream);
  if (earlier !== undefined) parts.push(earlierPart);
  for (let partition = 0; partition < partitions; partition += 1) {
    const info = await infoOf(manager, partitionStream(partition));
    // A command may look at a store that no gate of this version has opened yet.
    if (info === undefined && earlier !== undefined) continue;
    parts.push(partitionPart(partition, info?.config.first_seq ?? 1));
  }
  return parts;
}

/** JetStream's code of an error. */
export const streamNotFound = 10059;

/** Undefined if the stream does not exist. */
export async function infoOf(
  manager: JetStreamManager,
  stream: string,
): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(stream);
  } catch (error) {
    if ((error as { code?: unknown }).code === streamNotFound) return undefined;
    throw error;
  }
}

function partitionPart(partition: number, from: number): StreamPart {
  return {
    stream: partitionStream(partition),
    partition,
    from: Math.max(1, from),
    position: (sequence) => eventPosition(partition, sequence),
    sequence: sequenceIn,
    subject: (subject) => subject,
  };
}

const same = <Value>(value: Value): Value => value;
const partitionToken = /^(headgate\.events\.)[^.]+\./;

/** Its subjects have no partition. */
const earlierPart: StreamPart = {
  stream: earlierStream,
  partition: 0,
  from: 1,
  position: same,
  sequence: same,
  subject: (subject) => subject.replace(partitionToken, '$1'),
};

/** The only part of a stream other than EVENTS. */
export function otherStream(stream: StreamName): StreamPart {
  return { ...earlierPart, stream, subject: same };
}
