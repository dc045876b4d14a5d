import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

import {
  earlierStream,
  partitionStream,
  subjects,
  type StoredStreamName,
  type StreamName,
} from '../topology.ts';
import { eventPosition, sequenceIn } from './event-position.ts';
import { partitionsOf, readLayout, isStreamNotFound, type PartitionLayout } from './layout.ts';

/** A stream of NATS, as a part of one of the log's streams. All but EVENTS have one part. */
export interface StreamPart {
  /** The name that NATS knows. */
  readonly stream: StoredStreamName;
  readonly partition: number;
  /** The first sequence that it can hold. */
  readonly from: number;
  /** It takes no more messages, and is deleted once they are old and settled. */
  readonly isClosed: boolean;
  /** Positions of the log's stream from sequences of this part, and back. */
  position(sequence: number): number;
  sequence(position: number): number;
  /** The part's own form of a subject of `topology.ts`, which may hold wildcards. */
  subject(subject: string): string;
}

/** Streams that were closed together. An id is looked up in one of them before it is stored. */
export interface ClosedIds {
  /** In the order in which the hash of an id chooses. */
  readonly streams: readonly {
    readonly stream: StoredStreamName;
    readonly partition: number;
    readonly subject: string;
  }[];
  /** By `performance.now()`: from then on their ids are forgotten. */
  readonly untilMs: number;
}

/** The streams that hold the events, as they were when they were read. */
export interface EventStreamsRead {
  readonly layout: PartitionLayout;
  /** Of the entry of the layout in LEDGER. */
  readonly layoutSequence: number;
  /** In the order of their positions. */
  readonly parts: readonly StreamPart[];
  /** Newest first. */
  readonly closedIds: readonly ClosedIds[];
}

/**
 * Reads which streams hold the events: one for each partition, also those that were closed, and the
 * stream of a release without partitions, as long as it exists. Its events come before those of
 * partition 0, and their sequences are lower. Rejects when the log cannot be reached.
 */
export async function readEventStreams(manager: JetStreamManager): Promise<EventStreamsRead> {
  const { layout, sequence } = await readLayout(manager);
  const earlier = await infoOf(manager, earlierStream);
  const infos = new Map<number, StreamInfo>();
  for (const partition of partitionsOf(layout)) {
    const info = await infoOf(manager, partitionStream(partition));
    if (info !== undefined) infos.set(partition, info);
  }
  const closed = new Set(layout.closed.flat());
  const parts = [...infos].map(([partition, { config }]) =>
    partitionPart(partition, config.first_seq, closed.has(partition)),
  );
  if (earlier !== undefined) parts.unshift(earlierPart);
  // A command may look at a store that no gate of this version has opened yet.
  if (parts.length === 0) parts.push(partitionPart(layout.open[0]!, 1, false));
  return {
    layout,
    layoutSequence: sequence,
    parts,
    closedIds: closedIdsOf(layout, infos, earlier),
  };
}

function closedIdsOf(
  layout: PartitionLayout,
  infos: ReadonlyMap<number, StreamInfo>,
  earlier: StreamInfo | undefined,
): ClosedIds[] {
  const ids: ClosedIds[] = [];
  const generations = [layout.open, ...layout.closed];
  const createdOf = (generation: number): StreamInfo | undefined =>
    generations[generation]?.map((one) => infos.get(one)).find((info) => info !== undefined);
  const add = (
    streams: ClosedIds['streams'],
    closed: StreamInfo | undefined,
    next: StreamInfo | undefined,
  ): void => {
    if (closed === undefined || next === undefined) return;
    // A generation is closed before the first stream of the next one is created.
    const leftMs = windowMs(closed) - ageMs(next);
    if (leftMs > 0) ids.push({ streams, untilMs: performance.now() + leftMs });
  };
  for (const [index, partitions] of layout.closed.entries()) {
    const streams = partitions.map((partition) => ({
      stream: partitionStream(partition),
      partition,
      subject: subjects.closedIds(partition),
    }));
    add(streams, createdOf(index + 1), createdOf(index));
  }
  const onEarlier = { stream: earlierStream, partition: 0, subject: subjects.earlierIds } as const;
  add([onEarlier], earlier, infos.get(0));
  return ids;
}

function windowMs({ config }: StreamInfo): number {
  return config.duplicate_window / 1_000_000;
}

/** By the server's clock, if it reports one; else by ours. */
function ageMs(info: StreamInfo): number {
  const now = Date.parse((info as { readonly ts?: string }).ts ?? '');
  return (Number.isNaN(now) ? Date.now() : now) - Date.parse(info.created);
}

/** Undefined if the stream does not exist. */
export async function infoOf(
  manager: JetStreamManager,
  stream: string,
): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(stream);
  } catch (error) {
    if (isStreamNotFound(error)) return undefined;
    throw error;
  }
}

function partitionPart(partition: number, from: number | undefined, isClosed: boolean): StreamPart {
  return {
    stream: partitionStream(partition),
    partition,
    from: Math.max(1, from ?? 1),
    isClosed,
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
  isClosed: true,
  position: same,
  sequence: same,
  subject: (subject) => subject.replace(partitionToken, '$1'),
};

/** The only part of a stream other than EVENTS. */
export function otherStream(stream: StreamName): StreamPart {
  return { ...earlierPart, stream, isClosed: false, subject: same };
}
