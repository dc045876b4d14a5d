import { DiscardPolicy, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';

import { partitionsOf, type PartitionLayout } from '../../events/layout.ts';
import {
  anyName,
  earlierStream,
  partitionOfStream,
  partitionStream,
  subjects,
  type StoredStreamName,
  type TopologyOptions,
} from '../../topology.ts';
import { closedBytesMax } from './closed-streams.ts';

/** What is there before the settings are applied. */
export interface ExistingEvents {
  readonly layout: PartitionLayout;
  /** The closed streams that exist, that of an earlier release first. */
  readonly closed: readonly StoredStreamName[];
  /** What these hold, in bytes. */
  readonly closedBytes: number;
}

/** `infos`: of all streams, by their names. */
export function existingEvents(
  layout: PartitionLayout,
  infos: ReadonlyMap<string, StreamInfo>,
): ExistingEvents {
  const names = [earlierStream, ...layout.closed.flat().map(partitionStream)] as const;
  const closed = names.filter((name) => infos.has(name));
  const closedBytes = closed.reduce((sum, name) => sum + infos.get(name)!.state.bytes, 0);
  return { layout, closed, closedBytes };
}

type EventSettings = Partial<StreamConfig> & { name: StoredStreamName; subjects: string[] };

/** The part of their room that the partitions always get, however much the closed streams hold. */
const eventsShareMin = 0.1;

/** The streams that hold the events: first those that are closed. `bytesMax` is the room for all. */
export function eventStreams(
  options: TopologyOptions,
  bytesMax: number,
  { layout, closed, closedBytes }: ExistingEvents,
): EventSettings[] {
  const room = Math.max(bytesMax - closedBytes, bytesMax * eventsShareMin);
  const partitions = layout.open.map((partition) => ({
    name: partitionStream(partition),
    ...eventSubjects(partition, closed.includes(earlierStream) && layout.generation === 0),
    discard: DiscardPolicy.New,
    // A stream without room would be one without a limit.
    max_bytes: Math.max(1, Math.floor(room / layout.open.length)),
    duplicate_window: options.dedupWindowMs * 1_000_000,
  }));
  return [...closed.map(closedStream), ...partitions];
}

/** It keeps its events and takes no more. */
function closedStream(name: StoredStreamName): EventSettings {
  const subject =
    name === earlierStream ? subjects.earlierIds : subjects.closedIds(partitionOfStream(name));
  return { name, subjects: [subject], max_bytes: closedBytesMax };
}

/** As long as there is an earlier stream, there may be gates that publish as they did to it. */
function eventSubjects(
  partition: number,
  hasEarlierGates: boolean,
): Pick<StreamConfig, 'subjects'> & Partial<Pick<StreamConfig, 'subject_transform'>> {
  const own = subjects.event('*', anyName, partition);
  if (!hasEarlierGates) return { subjects: [own] };
  return {
    subjects: [own, subjects.eventWithoutPartition],
    subject_transform: {
      src: subjects.eventWithoutPartition,
      dest: subjects.eventFromEarlier,
    },
  };
}

/** NATS gave up on a message of these streams. */
export function advisorySubjects(layout: PartitionLayout): string[] {
  const streams = [earlierStream, ...partitionsOf(layout).map(partitionStream), 'REPLAY'];
  return streams.flatMap((stream) => [
    `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.*`,
    `$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.${stream}.*`,
  ]);
}
