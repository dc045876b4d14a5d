import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

import {
  layoutDefault,
  partitionsOf,
  readLayout,
  writeLayout,
  type PartitionLayout,
  type StoredLayout,
} from '../../events/layout.ts';
import { infoOf } from '../../events/stream-parts.ts';
import {
  earlierStream,
  isPartitionStream,
  partitionOfStream,
  partitionStream,
} from '../../topology.ts';

export interface LayoutOptions {
  readonly manager: JetStreamManager;
  /** All streams, by their names; read before the layout. */
  readonly infos: ReadonlyMap<string, StreamInfo>;
  /** Of a new log. Undefined: one. */
  readonly partitions: number | undefined;
  /** Creates the stream LEDGER if it does not exist. */
  readonly ensureLedger: () => Promise<void>;
}

/**
 * The layout of the log. If it is new, it gets the partitions of the configuration: LEDGER decides
 * between processes that differ. The layout of a log that has events changes only by
 * `change-partitions.ts`.
 */
export async function ensureLayout(options: LayoutOptions): Promise<PartitionLayout> {
  const { manager, infos, partitions, ensureLedger } = options;
  const stored = infos.has('LEDGER')
    ? await readLayout(manager)
    : { layout: layoutDefault, sequence: 0 };
  const unknown = await unknownPartitions(options, stored.layout);
  if (unknown.length > 0) return await adopt(options, stored, unknown);
  const isUsed = infos.has(earlierStream) || infos.has(partitionStream(0));
  if (stored.sequence > 0 || isUsed || partitions === undefined) return stored.layout;
  await ensureLedger();
  const open = Array.from({ length: partitions }, (_one, partition) => partition);
  await writeLayout(manager, { ...layoutDefault, open }, 0);
  return (await readLayout(manager)).layout;
}

/** Partitions that exist and that the layout does not know: LEDGER was lost, or comes from an older backup. */
async function unknownPartitions(
  { manager, infos }: LayoutOptions,
  layout: PartitionLayout,
): Promise<number[]> {
  const known = new Set(partitionsOf(layout).map(partitionStream));
  const unknown: number[] = [];
  for (const name of infos.keys()) {
    if (!isPartitionStream(name) || (known as ReadonlySet<string>).has(name)) continue;
    // Another process may have deleted it since, and then its entry.
    if ((await infoOf(manager, name)) === undefined) continue;
    unknown.push(partitionOfStream(name));
  }
  return unknown;
}

/** Their events are delivered and kept as those of closed partitions. */
async function adopt(
  { manager, ensureLedger }: LayoutOptions,
  { layout, sequence }: StoredLayout,
  unknown: readonly number[],
): Promise<PartitionLayout> {
  await ensureLedger();
  await writeLayout(manager, { ...layout, closed: [...layout.closed, unknown] }, sequence);
  return (await readLayout(manager)).layout;
}
